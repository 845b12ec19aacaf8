package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// terminal reports whether a file is a terminal on which a line can be rewritten.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// show rewrites a line with the progress of the sides, ten times per second, until
// it is stopped. Then the line is gone.
func show(w io.Writer, sides []*side) (stop func()) {
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			fmt.Fprint(w, "\r", line(sides), "\x1b[K")
			select {
			case <-tick.C:
			case <-done:
				fmt.Fprint(w, "\r\x1b[K")
				return
			}
		}
	}()
	return func() { close(done); <-gone }
}

// line is shorter than 80 columns.
func line(sides []*side) string {
	var b strings.Builder
	for _, s := range sides {
		const width = 14
		ended := s.progress()
		full := ended * width / burst
		fmt.Fprintf(&b, "%s %s%s %2d/%d   ", s.name, strings.Repeat("█", full), strings.Repeat("░", width-full), ended, burst)
	}
	return strings.TrimRight(b.String(), " ")
}
