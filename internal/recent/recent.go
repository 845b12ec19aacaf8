package recent

import "sync"

// Limit is how many keys a recent remembers for certain: the least that
// holds every host of a large program (about 300 products, some with a host for
// each of 20 regions), at a few hundred bytes each.
const Limit = 1024

// Map remembers values by key in bounded memory: of the keys that nobody
// keeps, the last recentLimit ones used and at most as many again. The zero
// value is empty. It is safe for use from many goroutines, and a key that is
// known costs one read lock and one look-up.
//
// It has two generations: a key that is used moves to the young one, and once
// that is full the old one is forgotten, so nothing needs a clock or a list.
type Map[K comparable, V any] struct {
	mu         sync.RWMutex
	young, old map[K]V // guarded by mu
	kept       int     // how many of the young ones were kept when the last old ones went
}

// Get returns the value of key. If there is none fresh makes it, and the key to
// remember it by: equal to key, without a request that key may be a part of. When
// keys are forgotten, those whose value keep wants are not; keep is called under
// the lock and must not call back.
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

// age makes the young generation the old one. It requires that mu is held.
func (r *Map[K, V]) age(keep func(V) bool) {
	young := make(map[K]V)
	for key, v := range r.old {
		if keep(v) {
			young[key] = v
		}
	}
	r.young, r.old, r.kept = young, r.young, len(young)
}

// All calls yield with every key that is remembered, in no order. yield is
// called under the lock.
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
