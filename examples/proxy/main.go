// Command proxy starts what tcretry proxy is, over an embedded API with a rate limit,
// and two programs that call that API at the same time: each with the official SDK,
// which only has its protocol and its proxy set. Then the same programs call the API
// without the proxy. It needs no account.
//
//	go run ./examples/proxy
//	go run ./examples/proxy -calls 50 -limit 10
package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/tcretry/tcretry/examples/internal/command"
	"github.com/tcretry/tcretry/tctest"
)

//go:embed main.go
var source string

// scene is what the flags set.
type scene struct{ calls, limit int }

func main() {
	s := scene{calls: 30, limit: 20}
	flags := command.Flags("proxy", source)
	flags.IntVar(&s.calls, "calls", s.calls, "the `number` of calls that each program makes at once")
	flags.IntVar(&s.limit, "limit", s.limit, "the `calls` that the API takes per second")
	command.Main(flags, func() error {
		if s.calls < 1 || s.limit < 1 {
			return errors.New("-calls and -limit must be at least 1")
		}
		return s.run(os.Stdout)
	})
}

func (s scene) run(w io.Writer) error {
	fmt.Fprintf(w, "two programs make %d calls each, at once; the API takes %d per second\n\n", s.calls, s.limit)
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "\tfirst program\tsecond program\tattempts\tthrottled\ttime")
	defer table.Flush()
	if err := s.row(table, "without the proxy", false); err != nil {
		return err
	}
	return s.row(table, "over the proxy", true)
}

// row makes the calls of both programs, and reports what became of them.
func (s scene) row(w io.Writer, name string, proxied bool) error {
	api := tctest.NewAPI()
	api.RateLimit("DescribeZones", s.limit, tctest.FixedWindow)
	way, stop, err := wayTo(api, proxied)
	if err != nil {
		return err
	}
	defer stop()
	started := time.Now()
	first, second := make(chan result), make(chan result)
	go func() { first <- callAtOnce(way, s.calls) }()
	go func() { second <- callAtOnce(way, s.calls) }()
	one, two := <-first, <-second
	throttled := 0
	for _, attempt := range api.Recorded() {
		if attempt.Code == "RequestLimitExceeded" {
			throttled++
		}
	}
	fmt.Fprintf(w, "%s\t%v\t%v\t%d\t%d\t%.1fs\n", name, one, two, api.Attempts(""), throttled, time.Since(started).Seconds())
	return errors.Join(one.err, two.err)
}
