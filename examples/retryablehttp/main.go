// Command retryablehttp gives an existing retryablehttp.Client the classification
// and the delays of tcretry. For a new program tcretry.New is better: it also has a rate
// limiter and a retry budget. See the quickstart.
//
//	go run ./examples/retryablehttp
package main

import (
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/examples/internal/command"
	"github.com/tcretry/tcretry/tctest"
)

//go:embed main.go
var source string

func main() {
	command.Main(command.Flags("retryablehttp", source), func() error { return run(os.Stdout) })
}

// run makes the same call with a client that ignores API errors and with one that
// classifies them.
func run(w io.Writer) error {
	// The client of the program, as it is.
	client := retryablehttp.NewClient()
	client.Logger = nil
	if err := call(w, "by itself it sees status 200", client); err != nil {
		return err
	}
	// These two lines are all that a program has to add.
	client.CheckRetry = tcretry.CheckRetry(nil)
	client.Backoff = tcretry.RetryableBackoff(tcretry.Policy{Codes: map[string]tcretry.Rule{
		"RequestLimitExceeded": {Backoff: tcretry.Backoff{Initial: 1200 * time.Millisecond}},
	}})
	return call(w, "with tcretry it sees the code", client)
}

// call makes a call to an API that throttles and fails before it succeeds, and prints
// what the program gets.
func call(w io.Writer, how string, client *retryablehttp.Client) error {
	api := tctest.NewAPI(tctest.Throttle(), tctest.Fail("InternalError", "An internal error has occurred."), tctest.OK(nil))
	server, err := api.Serve()
	if err != nil {
		return err
	}
	defer server.Close()
	request, err := retryablehttp.NewRequest(http.MethodPost, server.URL, []byte("{}"))
	if err != nil {
		return err
	}
	request.Header.Set("X-TC-Action", "RunInstances")
	started := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	outcome := "success"
	if err := tcretry.CheckResponse(response); err != nil {
		outcome = err.Error()
	}
	fmt.Fprintf(w, "%s\n", how)
	for i, c := range api.Recorded() {
		code := c.Code
		if code == "" {
			code = "success"
		}
		fmt.Fprintf(w, "  attempt %d  %5d ms  status %d  %s\n", i+1, c.Time.Sub(started).Milliseconds(), c.Status, code)
	}
	_, err = fmt.Fprintf(w, "  the program gets: %s\n", outcome)
	return err
}
