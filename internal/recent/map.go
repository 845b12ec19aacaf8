package recent

import (
	"sync"
	"sync/atomic"
)

// Limit is the number of most recently used keys that a [Map] certainly keeps. It is
// enough for every host of a large program: about 300 products, some of them with a host
// for each of 20 regions, at a few hundred bytes each.
const Limit = 1024

// slots is how many keys a Map finds without a lock or a hash: more than the actions that
// most programs use in turn.
const slots = 32

// Map keeps values by key in bounded memory: those of the last [Limit] keys used, at
// most as many again, and those that the keep function of Get retains. The zero Map is
// empty. It is safe for use from many goroutines and must not be copied. A key that was
// used recently costs one comparison, or one read lock and one lookup.
//
// It has two generations. A key that is used moves to the young one. When that is full,
// the old one is dropped and the young one becomes the old. So it needs neither a clock
// nor a list.
type Map[K comparable, V any] struct {
	// latest are keys of the young generation, each at its hint. It is written under mu.
	latest     [slots]atomic.Pointer[entry[K, V]]
	mu         sync.RWMutex
	young, old map[K]*entry[K, V] // guarded by mu
	kept       int                // how many keys of the young generation keep has retained
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// Hint returns a hint for a key that s is, or is a part of: see [Map.Get].
func Hint(s string) uint8 {
	n := len(s)
	if n == 0 {
		return 0
	}
	return uint8(n) + 3*s[n/2] + 5*s[n-1]
}

// Get returns the value of key. If there is none, fresh makes it, and a copy of key to
// store it under: equal to key, but without the memory of a request of which key may be
// a part. When keys are dropped, those for whose value keep returns true are retained.
// fresh and keep are called under the lock and must not use the Map. hint is any number
// that follows from the key; keys with different ones are found sooner.
func (r *Map[K, V]) Get(key K, hint uint8, fresh func() (K, V), keep func(V) bool) V {
	latest := &r.latest[hint%slots]
	if e := latest.Load(); e != nil && e.key == key {
		return e.value
	}
	r.mu.RLock()
	e := r.young[key]
	if e != nil {
		latest.Store(e)
	}
	r.mu.RUnlock()
	if e == nil {
		e = r.renew(key, fresh, keep)
	}
	return e.value
}

// renew moves key to the young generation, or adds it there.
func (r *Map[K, V]) renew(key K, fresh func() (K, V), keep func(V) bool) *entry[K, V] {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.young[key]
	if e != nil {
		return e
	}
	if e = r.old[key]; e != nil {
		delete(r.old, key)
	} else {
		e = new(entry[K, V])
		e.key, e.value = fresh()
	}
	if r.young == nil {
		r.young = make(map[K]*entry[K, V])
	}
	r.young[e.key] = e
	if len(r.young) >= r.kept+Limit {
		r.age(keep)
	}
	return e
}

// age makes the young generation the old one, and begins a young one with those of the
// old keys that keep retains. It requires that mu is held.
func (r *Map[K, V]) age(keep func(V) bool) {
	young := make(map[K]*entry[K, V])
	for key, e := range r.old {
		if keep(e.value) {
			young[key] = e
		}
	}
	r.young, r.old, r.kept = young, r.young, len(young)
	for i := range r.latest {
		r.latest[i].Store(nil) // its next use moves a key to the young generation
	}
}

// All calls yield with every key and its value, in no order. yield is called under the
// lock and must not call Get.
func (r *Map[K, V]) All(yield func(K, V)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, generation := range []map[K]*entry[K, V]{r.young, r.old} {
		for key, e := range generation {
			yield(key, e.value)
		}
	}
}
