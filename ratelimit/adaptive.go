package ratelimit

import (
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tcretry/tcretry/internal/clock"
	"github.com/tcretry/tcretry/internal/recent"
)

// Adaptive is a [Limiter] in memory that learns the limit of each key from throttling
// responses. It needs no configuration: the zero Adaptive is ready to use and consists of
// the defaults of its fields. It is safe for use from many goroutines; its fields must
// not be changed after its first use, and it must not be copied.
//
// A key whose attempts were never throttled is [Open]: nothing is delayed. After a
// throttling response the calls of the key wait in one FIFO queue, and attempts start at
// the learned rate: see [Own], [Shared] and the package comment. An Adaptive runs no
// goroutine. It remembers the last one to two thousand keys that were used, and those in
// use.
type Adaptive struct {
	// SlowStart permits at most 10 attempts of an open key in flight at first, and half
	// an attempt more for each one that is accepted. A first burst of hundreds of calls
	// then gets a handful of throttling responses instead of hundreds, and takes about a
	// tenth of a second longer, once. Off by default.
	SlowStart bool
	// Seed is the seed of the jitter, for reproducible simulations and tests; 0 means a
	// random one.
	Seed uint64

	keys     recent.Map[Key, *keyLimiter]
	groupsMu sync.Mutex // held while groups is replaced
	groups   atomic.Pointer[groupMap]
	limitOf  atomic.Pointer[func(Key) int]            // see SetLimits; nil until then
	loaded   atomic.Pointer[map[loadedKey]savedLimit] // see Load; nil until then
}

// ForKey returns the limiter of a key. It is part of [Limiter].
func (a *Adaptive) ForKey(key Key) KeyLimiter { return a.key(key) }

func (a *Adaptive) key(key Key) *keyLimiter {
	hint := recent.Hint(key.Action) + recent.Hint(key.Credential) + recent.Hint(key.Host)
	return a.keys.Get(key, hint, func() (Key, *keyLimiter) { return a.newKey(key) }, (*keyLimiter).inUse)
}

func (a *Adaptive) newKey(key Key) (Key, *keyLimiter) {
	key = Key{strings.Clone(key.Host), strings.Clone(key.Action), strings.Clone(key.Credential)}
	l := &keyLimiter{adaptive: a, key: key, controller: newController(a.randomSeed(), a.SlowStart)}
	if limit := a.configuredLimit(key); limit > 0 {
		l.controller.configure(clock.Now(), limit)
	} else if saved, ok := a.loadedLimit(key); ok {
		l.controller.restore(clock.Now(), saved)
	}
	return key, l
}

func (a *Adaptive) randomSeed() uint64 {
	if a.Seed != 0 {
		return a.Seed
	}
	return rand.Uint64()
}
