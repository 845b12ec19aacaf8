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

// group is one run of all processes against an API.
type group struct {
	size
	api          *tctest.API
	title, redis string
	w            io.Writer
	live         bool // show a line that changes
}

// total is the result of a run.
type total struct {
	throttled        int
	commands, failed int64
	took             time.Duration
}

// run starts the processes and waits for them.
func (g *group) run(ctx context.Context) (total, error) {
	server, err := g.api.Serve()
	if err != nil {
		return total{}, err
	}
	defer server.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begun, done := time.Now(), make(chan result, g.processes)
	for range g.processes {
		go func() {
			done <- start(ctx, job{API: server.URL, Redis: g.redis, Callers: g.callers, Calls: g.calls / g.processes})
		}()
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var sum total
	for ended := 0; ended < g.processes; {
		select {
		case r := <-done:
			if ended++; r.err != nil && err == nil {
				err = errors.Join(ctx.Err(), r.err)
				cancel()
			}
			sum.commands += r.commands
			sum.failed += r.failed
		case <-tick.C:
			g.show()
		}
	}
	if g.live {
		fmt.Fprint(g.w, "\r\x1b[K")
	}
	if err != nil {
		return total{}, err
	}
	sum.took = time.Since(begun)
	sum.throttled = g.api.Attempts(action) - g.api.Executions(action)
	return sum, nil
}

// show draws the progress of a run on a terminal.
func (g *group) show() {
	if g.live {
		ok, all := g.api.Executions(action), g.api.Attempts(action)
		bar := strings.Repeat("█", 40*ok/g.calls) + strings.Repeat("░", 40-40*ok/g.calls)
		fmt.Fprintf(g.w, "\r%-24s %s %3d of %d, %d throttled\x1b[K", g.title, bar, ok, g.calls, all-ok)
	}
}
