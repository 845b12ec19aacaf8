// Command replicas shows processes that share the rate limit of an account: an embedded
// API takes 40 calls per second, and eight processes make 240. First each has a rate
// limiter of its own, then all share one over Redis. The program starts a redis-server,
// or one in memory if none is installed.
//
//	go run ./examples/replicas
//	go run ./examples/replicas -processes 10 -calls 2000 -limit 20
//
// Over Redis fewer requests are throttled, and no call fails either way. The first
// command runs for 12 seconds. Both ways the limit is learned in a second or two, which
// is a large part of such a short run: 1.05 to 1.4 times the optimum. The second command
// runs for four minutes and shows how small that part is in a longer run.
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

// size is the size of a run.
type size struct {
	processes, callers, calls int
	limit                     int // per second
}

// optimum is the least time within the rate limit: the calls of one second
// immediately, then the rest.
func (s size) optimum() time.Duration {
	return time.Second * time.Duration(s.calls-s.limit) / time.Duration(s.limit)
}

// validate returns an error that joins every invalid value.
func (s size) validate() error {
	var errs []error
	if s.processes < 1 {
		errs = append(errs, fmt.Errorf("-processes %d: want 1 or more", s.processes))
	}
	if s.limit < 1 {
		errs = append(errs, fmt.Errorf("-limit %d: want 1 or more", s.limit))
	}
	if s.calls <= s.limit || s.processes > 0 && s.calls%s.processes != 0 {
		errs = append(errs, fmt.Errorf("-calls %d: want a multiple of -processes above -limit", s.calls))
	}
	return errors.Join(errs...)
}

//go:embed main.go
var source string

// small is the size without flags.
var small = size{processes: 8, callers: 4, calls: 240, limit: 40}

func main() {
	if job, ok := jobOfProcess(); ok {
		exit(job.run())
	}
	flags, s := command.Flags("replicas", source), small
	flags.IntVar(&s.processes, "processes", s.processes, "the `number` of processes")
	flags.IntVar(&s.calls, "calls", s.calls, "the `number` of calls of all processes")
	flags.IntVar(&s.limit, "limit", s.limit, "the `calls` that the API takes per second")
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

// run makes the calls twice and writes the results. When ctx ends, it ends the processes
// that it started.
func run(ctx context.Context, w io.Writer, live bool, s size) error {
	server, err := startRedis(ctx)
	if err != nil {
		return err
	}
	defer server.stop()
	fmt.Fprintf(w, "%d processes make %d calls; the API takes %d per second, so the optimum is %.1f s.\nRedis is %s.\n\n",
		s.processes, s.calls, s.limit, s.optimum().Seconds(), server.what)
	for _, way := range []struct{ title, redis string }{
		{"each process alone", ""},
		{"together, over Redis", server.addr},
	} {
		api := tctest.NewAPI()
		api.RateLimit("", s.limit, tctest.FixedWindow)
		api.Latency(latency)
		g := group{size: s, api: api, title: way.title, redis: way.redis, w: w, live: live}
		sum, err := g.run(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%-20s  %4.1f s = %.2f times the optimum; throttled %3d = %2.0f %%; failed calls %d; Redis commands per call %.2f\n",
			way.title, sum.took.Seconds(), sum.took.Seconds()/s.optimum().Seconds(), sum.throttled,
			100*float64(sum.throttled)/float64(s.calls), sum.failed, float64(sum.commands)/float64(s.calls))
	}
	return nil
}
