package tcredis

import (
	"sync"
	"weak"

	"github.com/tcretry/tcretry/ratelimit"
)

// generationSize is how many limiters are always kept: as many as by a ratelimit.Adaptive,
// enough for the hosts of a large program.
const generationSize = 1024

// keyMap is a map of limiters by key in bounded memory. It keeps the last ones used, and any
// other for as long as a call refers to it, so that a key never has two limiters. The zero
// value is empty.
//
// A limiter that is used moves to the young generation. When the young generation is full it
// becomes the old one, and the map keeps weak pointers to those of the old one before.
type keyMap struct {
	mu         sync.RWMutex
	young, old map[ratelimit.Key]*keyLimiter              // guarded by mu
	weakOld    map[ratelimit.Key]weak.Pointer[keyLimiter] // guarded by mu
}

// get returns the limiter of key, and creates it with create if there is none.
func (m *keyMap) get(key ratelimit.Key, create func(ratelimit.Key) *keyLimiter) *keyLimiter {
	m.mu.RLock()
	l := m.young[key]
	m.mu.RUnlock()
	if l != nil {
		return l
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if l = m.young[key]; l != nil {
		return l
	}
	if l = m.old[key]; l == nil {
		if l = m.weakOld[key].Value(); l == nil {
			l = create(key)
		}
	}
	if len(m.young) >= generationSize {
		m.age()
	}
	if m.young == nil {
		m.young = make(map[ratelimit.Key]*keyLimiter)
	}
	delete(m.old, l.key)
	delete(m.weakOld, l.key)
	m.young[l.key] = l
	return l
}

// age makes the young generation the old one. It requires that mu is held.
func (m *keyMap) age() {
	faded := make(map[ratelimit.Key]weak.Pointer[keyLimiter])
	for key, p := range m.weakOld {
		if p.Value() != nil {
			faded[key] = p
		}
	}
	for key, l := range m.old {
		faded[key] = weak.Make(l)
	}
	m.young, m.old, m.weakOld = nil, m.young, faded
}

// all returns the limiters that are always kept, in no order.
func (m *keyMap) all() []*keyLimiter {
	m.mu.RLock()
	defer m.mu.RUnlock()
	all := make([]*keyLimiter, 0, len(m.young)+len(m.old))
	for _, generation := range []map[ratelimit.Key]*keyLimiter{m.young, m.old} {
		for _, l := range generation {
			all = append(all, l)
		}
	}
	return all
}
