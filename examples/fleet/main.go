// Command fleet shows processes that share the rate limit of an account: an embedded
// API takes 40 calls per second, and eight processes make 240. First each paces its
// calls alone, then all together over Redis. It starts a redis-server of its own,
// or, where none is installed, one in memory.
//
//	go run ./examples/fleet
//	go run ./examples/fleet -processes 10 -calls 2000 -limit 20
//
// Over Redis fewer requests are rejected, and no call fails either way. The first run
// takes 12 seconds. To learn the limit takes a second or two, both ways, which is a large
// part of a run so short: 1.05 to 1.4 times the least. The second run takes four minutes
// and shows how little that is of a longer one.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/tcretry/tcretry/examples/internal/command"
	"github.com/tcretry/tcretry/tctest"
)

// size is what a fleet has to do.
type size struct {
	processes, callers, calls int
	quota                     int // a second
}

// least is the time that the quota allows: a second's worth at once, then the
// rest.
func (s size) least() time.Duration {
	return time.Second * time.Duration(s.calls-s.quota) / time.Duration(s.quota)
}

// validate reports all that is wrong with a size.
func (s size) validate() error {
	var errs []error
	if s.processes < 1 {
		errs = append(errs, fmt.Errorf("-processes %d: want 1 or more", s.processes))
	}
	if s.quota < 1 {
		errs = append(errs, fmt.Errorf("-limit %d: want 1 or more", s.quota))
	}
	if s.calls <= s.quota || s.processes > 0 && s.calls%s.processes != 0 {
		errs = append(errs, fmt.Errorf("-calls %d: want a multiple of -processes above -limit", s.calls))
	}
	return errors.Join(errs...)
}

//go:embed main.go
var source string

// small is the fleet without flags.
var small = size{processes: 8, callers: 4, calls: 240, quota: 40}

func main() {
	if job, ok := jobOfProcess(); ok {
		exit(job.run())
	}
	flags, s := command.Flags("fleet", source), small
	flags.IntVar(&s.processes, "processes", s.processes, "the `number` of processes")
	flags.IntVar(&s.calls, "calls", s.calls, "the `number` of calls of all processes")
	flags.IntVar(&s.quota, "limit", s.quota, "the `calls` that the API takes per second")
	command.Main(flags, func() error {
		if err := s.validate(); err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		return run(ctx, os.Stdout, terminal(os.Stdout), s)
	})
}

// exit ends a process that has a job.
func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run lets the fleet make its calls twice, and writes what came of it. When ctx
// ends it ends the processes that it started.
func run(ctx context.Context, w io.Writer, live bool, s size) error {
	server, err := startRedis(ctx)
	if err != nil {
		return err
	}
	defer server.stop()
	fmt.Fprintf(w, "%d processes make %d calls; the API takes %d a second, so they last %.1f s at least.\nRedis is %s.\n\n",
		s.processes, s.calls, s.quota, s.least().Seconds(), server.what)
	for _, pace := range []struct{ title, redis string }{
		{"each process alone", ""},
		{"together, over Redis", server.addr},
	} {
		api := tctest.NewAPI()
		api.RateLimit("", s.quota, tctest.FixedWindow)
		api.Latency(latency)
		f := fleet{size: s, api: api, title: pace.title, redis: pace.redis, w: w, live: live}
		sum, err := f.run(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%-20s  %4.1f s = %.2f times the least; rejected %3d = %2.0f %%; failed calls %d; Redis commands a call %.2f\n",
			pace.title, sum.took.Seconds(), sum.took.Seconds()/s.least().Seconds(), sum.rejected,
			100*float64(sum.rejected)/float64(s.calls), sum.failed, float64(sum.commands)/float64(s.calls))
	}
	return nil
}
