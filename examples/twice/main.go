// Command twice starts a server through an embedded API that executes the request and
// then loses the response. It counts how many servers are started without retries, by
// a plain retry and by tcretry.
//
//	go run ./examples/twice
package main

import (
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"os"
	"text/tabwriter"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/examples/internal/command"
)

//go:embed main.go
var source string

func main() {
	command.Main(command.Flags("twice", source), func() error { return run(os.Stdout) })
}

// patience is the timeout of an attempt.
const patience = time.Second

// client makes a call and returns what its program gets.
type client func(*http.Request) (*http.Response, error)

// clients are the three that are compared. Each has connections of its own.
var clients = []func() client{
	func() client { // without retries
		return (&http.Client{Transport: &http.Transport{}, Timeout: patience}).Do
	},
	func() client { // a plain retry with its defaults, but faster
		c := retryablehttp.NewClient()
		c.Logger, c.RetryWaitMin, c.HTTPClient.Timeout = nil, time.Millisecond, patience
		return c.StandardClient().Do
	},
	func() client {
		c := tcretry.New(&http.Transport{}, tcretry.WithAttemptTimeout(patience))
		return (&http.Client{Transport: c}).Do
	},
}

// run writes a line for each case: the executions, and what the program gets.
func run(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "the API …\tno retries\tplain retry\ttcretry")
	for _, c := range cases {
		fmt.Fprint(table, c.name)
		for _, makeClient := range clients {
			executions, gets, err := c.count(makeClient())
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			fmt.Fprintf(table, "\t%d, %s", executions, gets)
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}
