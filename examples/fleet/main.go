// Command fleet shows processes that share the quota of an account: an embedded
// API takes 40 calls a second, and eight processes make 240. First each paces its
// calls alone, then all together over Redis. It starts a redis-server of its own,
// or, where none is installed, one in memory.
//
//	go run ./examples/fleet
package main

import (
	"context"
	_ "embed"
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

//go:embed main.go
var source string

func main() {
	if job, ok := jobOfProcess(); ok {
		exit(job.run())
	}
	command.Main(command.Flags("fleet", source), func() error {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		return run(ctx, os.Stdout, terminal(os.Stdout), size{processes: 8, callers: 4, calls: 240, quota: 40})
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
		api.Quota("", s.quota, tctest.FixedWindow)
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
