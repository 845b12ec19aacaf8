package recent

import "sync"

// Limit is the number of most recently used keys that a [Map] certainly keeps. It is
// enough for every host of a large program: about 300 products, some of them with a host
// for each of 20 regions, at a few hundred bytes each.
const Limit = 1024

// Map keeps values by key in bounded memory: those of the last [Limit] keys used, at
// most as many again, and those that the keep function of Get retains. The zero Map is
// empty. It is safe for use from many goroutines and must not be copied. A key that was
// used recently costs one read lock and one lookup.
//
// It has two generations. A key that is used moves to the young one. When that is full,
// the old one is dropped and the young one becomes the old. So it needs neither a clock
// nor a list.
type Map[K comparable, V any] struct {
	mu         sync.RWMutex
	young, old map[K]V // guarded by mu
	kept       int     // how many keys of the young generation keep has retained
}

// Get returns the value of key. If there is none, fresh makes it, and a copy of key to
// store it under: equal to key, but without the memory of a request of which key may be
// a part. When keys are dropped, those for whose value keep returns true are retained.
// fresh and keep are called under the lock and must not use the Map.
func (r *Map[K, V]) Get(key K, fresh func() (K, V), keep func(V) bool) V {
	r.mu.RLock()
	v, ok := r.young[key]
	r.mu.RUnlock()
	if ok {
		return v
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if v, ok := r.young[key]; ok {
		return v
	}
	v, ok = r.old[key]
	if ok {
		delete(r.old, key)
	} else {
		key, v = fresh()
	}
	if r.young == nil {
		r.young = make(map[K]V)
	}
	r.young[key] = v
	if len(r.young) >= r.kept+Limit {
		r.age(keep)
	}
	return v
}

// age makes the young generation the old one, and begins a young one with those of the
// old keys that keep retains. It requires that mu is held.
func (r *Map[K, V]) age(keep func(V) bool) {
	young := make(map[K]V)
	for key, v := range r.old {
		if keep(v) {
			young[key] = v
		}
	}
	r.young, r.old, r.kept = young, r.young, len(young)
}

// All calls yield with every key and its value, in no order. yield is called under the
// lock and must not call Get.
func (r *Map[K, V]) All(yield func(K, V)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for key, v := range r.young {
		yield(key, v)
	}
	for key, v := range r.old {
		yield(key, v)
	}
}
