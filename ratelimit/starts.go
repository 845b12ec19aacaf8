package ratelimit

import (
	"sort"
	"time"
)

const (
	// limitWindow is what the API counts over.
	limitWindow = time.Second
	// maxLimit is the largest quota that is believed: the largest documented ones
	// are some thousands a second, and it bounds the memory of a lane to 512 KiB.
	maxLimit = 1 << 16
	// keepStarts is how long a start is remembered at least: a second and the
	// longest guard.
	keepStarts = limitWindow + maxGuard
)

// starts remembers when attempts started: all of the last keepStarts, up to
// maxLimit. It is a ring that grows only while it would forget too early, so a
// slow lane stays small and a fast one does not allocate.
type starts struct {
	ring []time.Duration // its length is a power of two
	end  int             // how many were ever added; the last is at end-1
	size int             // how many are remembered
}

// add remembers a start that is not before any other.
func (s *starts) add(at time.Duration) {
	if s.size == len(s.ring) && len(s.ring) < maxLimit &&
		(s.size == 0 || at-s.back(s.size) < keepStarts) {
		s.grow()
	}
	s.ring[s.end&(len(s.ring)-1)] = at
	s.end++
	s.size = min(s.size+1, len(s.ring))
}

func (s *starts) grow() {
	ring := make([]time.Duration, max(16, 2*len(s.ring)))
	for i := range s.size {
		ring[i] = s.back(s.size - i)
	}
	s.ring, s.end = ring, s.size
}

// undo forgets the last start.
func (s *starts) undo() {
	if s.size > 0 {
		s.end--
		s.size--
	}
}

// back returns the k-th last start, 1 <= k <= size.
func (s *starts) back(k int) time.Duration { return s.ring[(s.end-k)&(len(s.ring)-1)] }

// after returns how many of the remembered starts were after at.
func (s *starts) after(at time.Duration) int {
	return sort.Search(s.size, func(i int) bool { return s.back(i+1) <= at })
}
