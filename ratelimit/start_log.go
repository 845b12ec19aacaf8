package ratelimit

import (
	"sort"
	"time"
)

const (
	// limitWindow is the window of the rate limits of the API.
	limitWindow = time.Second
	// maxLimit is the largest limit that is accepted: the largest documented ones are some
	// thousands per second, and it bounds the memory of a key to 512 KiB.
	maxLimit = 1 << 16
	// logSpan is how long a start is kept at least: a second and the longest guard.
	logSpan = limitWindow + maxGuard
)

// startLog is a sliding-window log of the times at which attempts started: all of the last
// logSpan, up to maxLimit. It is a ring that grows only while it would overwrite starts
// too early, so the log of a slow key stays small and a fast key does not allocate.
type startLog struct {
	ring []time.Duration // its length is a power of two
	end  int             // how many were ever added; the last is at end-1
	size int             // how many it holds
}

// add appends a start that is not before any other.
func (s *startLog) add(at time.Duration) {
	if s.size == len(s.ring) && len(s.ring) < maxLimit &&
		(s.size == 0 || at-s.back(s.size) < logSpan) {
		s.grow()
	}
	s.ring[s.end&(len(s.ring)-1)] = at
	s.end++
	s.size = min(s.size+1, len(s.ring))
}

func (s *startLog) grow() {
	ring := make([]time.Duration, max(16, 2*len(s.ring)))
	for i := range s.size {
		ring[i] = s.back(s.size - i)
	}
	s.ring, s.end = ring, s.size
}

// undo removes the last start.
func (s *startLog) undo() {
	if s.size > 0 {
		s.end--
		s.size--
	}
}

// back returns the k-th last start, 1 <= k <= size.
func (s *startLog) back(k int) time.Duration { return s.ring[(s.end-k)&(len(s.ring)-1)] }

// after returns how many of the starts that it holds were after at.
func (s *startLog) after(at time.Duration) int {
	return sort.Search(s.size, func(i int) bool { return s.back(i+1) <= at })
}
