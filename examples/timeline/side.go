package main

import (
	"cmp"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tctest"
)

// side is one half of the picture: the calls, made one way.
type side struct {
	name, title string
	api         *tctest.API
	retries     int // of the SDK
	// wrap makes what the SDK sends its requests through.
	wrap func(base http.RoundTripper) http.RoundTripper

	mu    sync.Mutex // guards what follows, as long as calls are made
	zero  time.Time  // of the axis
	calls [burst]call
}

// call is a bar of the picture; end is 0 as long as it goes on.
type call struct {
	attempts []attempt
	end      time.Duration
	failed   bool
}

// attempt is a mark of the picture, at the time of its response.
type attempt struct {
	at    time.Duration
	class tcretry.Class
}

// progress is the number of calls that have ended.
func (s *side) progress() (ended int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if c.end > 0 {
			ended++
		}
	}
	return ended
}

// sorted returns the calls in the order of their ends, those that failed last.
func (s *side) sorted() []call {
	calls := slices.Clone(s.calls[:])
	slices.SortFunc(calls, func(a, b call) int {
		switch {
		case a.failed == b.failed:
			return cmp.Compare(a.end, b.end)
		case b.failed:
			return -1
		}
		return 1
	})
	return calls
}

// end is that of the last call.
func (s *side) end() (end time.Duration) {
	for _, c := range s.calls {
		end = max(end, c.end)
	}
	return end
}
