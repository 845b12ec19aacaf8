package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tcretry/tcretry/tctest"
)

// fleet is one run of all processes against an API.
type fleet struct {
	size
	api          *tctest.API
	title, redis string
	w            io.Writer
	live         bool // show a line that changes
}

// total is what a run took.
type total struct {
	rejected         int
	commands, failed int64
	took             time.Duration
}

// run starts the processes and waits for them.
func (f *fleet) run(ctx context.Context) (total, error) {
	server, err := f.api.Serve()
	if err != nil {
		return total{}, err
	}
	defer server.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begun, done := time.Now(), make(chan result, f.processes)
	for range f.processes {
		go func() {
			done <- start(ctx, job{API: server.URL, Redis: f.redis, Callers: f.callers, Calls: f.calls / f.processes})
		}()
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var sum total
	for ended := 0; ended < f.processes; {
		select {
		case r := <-done:
			if ended++; r.err != nil && err == nil {
				err = errors.Join(ctx.Err(), r.err)
				cancel()
			}
			sum.commands += r.commands
			sum.failed += r.failed
		case <-tick.C:
			f.show()
		}
	}
	if f.live {
		fmt.Fprint(f.w, "\r\x1b[K")
	}
	if err != nil {
		return total{}, err
	}
	sum.took = time.Since(begun)
	sum.rejected = f.api.Attempts(action) - f.api.Executions(action)
	return sum, nil
}

// show draws how far the fleet is, on a terminal.
func (f *fleet) show() {
	if f.live {
		ok, all := f.api.Executions(action), f.api.Attempts(action)
		bar := strings.Repeat("█", 40*ok/f.calls) + strings.Repeat("░", 40-40*ok/f.calls)
		fmt.Fprintf(f.w, "\r%-24s %s %3d of %d, %d rejected\x1b[K", f.title, bar, ok, f.calls, all-ok)
	}
}
