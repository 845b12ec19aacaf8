package tcredis

import (
	"sync"
	"weak"

	"github.com/tcretry/tcretry/ratelimit"
)

// remembered is how many lanes are kept for certain: as many as an ratelimit.Adaptive
// does, the hosts of a large program.
const remembered = 1024

// lanes holds the lanes by key in bounded memory: the last ones used, and for as
// long as a call holds it any other, so that a key never has two. The zero value
// is empty.
//
// A lane that is used moves to the young generation. Once that is full it becomes
// the old one, and of those in the old one only weak pointers stay.
type lanes struct {
	mu         sync.RWMutex
	young, old map[ratelimit.Key]*lane              // guarded by mu
	faded      map[ratelimit.Key]weak.Pointer[lane] // guarded by mu
}

// get returns the lane of key, made by fresh if there is none.
func (s *lanes) get(key ratelimit.Key, fresh func(ratelimit.Key) *lane) *lane {
	s.mu.RLock()
	l := s.young[key]
	s.mu.RUnlock()
	if l != nil {
		return l
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l = s.young[key]; l != nil {
		return l
	}
	if l = s.old[key]; l == nil {
		if l = s.faded[key].Value(); l == nil {
			l = fresh(key)
		}
	}
	if len(s.young) >= remembered {
		s.age()
	}
	if s.young == nil {
		s.young = make(map[ratelimit.Key]*lane)
	}
	delete(s.old, l.key)
	delete(s.faded, l.key)
	s.young[l.key] = l
	return l
}

// age makes the young generation the old one. It requires that mu is held.
func (s *lanes) age() {
	faded := make(map[ratelimit.Key]weak.Pointer[lane])
	for key, p := range s.faded {
		if p.Value() != nil {
			faded[key] = p
		}
	}
	for key, l := range s.old {
		faded[key] = weak.Make(l)
	}
	s.young, s.old, s.faded = nil, s.young, faded
}

// all returns the lanes that are kept for certain, in no order.
func (s *lanes) all() []*lane {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*lane, 0, len(s.young)+len(s.old))
	for _, generation := range []map[ratelimit.Key]*lane{s.young, s.old} {
		for _, l := range generation {
			all = append(all, l)
		}
	}
	return all
}
