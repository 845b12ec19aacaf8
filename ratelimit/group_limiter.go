package ratelimit

import (
	"container/list"
	"maps"
	"sync"
	"time"

	"github.com/tcretry/tcretry/internal/clock"
)

// scope is what a rate limit counts together.
type scope uint8

const (
	scopeKey     scope = iota // one key
	scopeProcess              // everything from this address
	scopeAccount              // a credential at all hosts
	scopeHost                 // a credential at one host
)

// groupCodes are the throttling codes that concern more than the key of the attempt; all
// others concern its key alone. Source: the common error codes,
// cloud.tencent.com/document/product/213/30435.
var groupCodes = map[string]scope{
	"RequestLimitExceeded.GlobalRegionUinLimitExceeded": scopeAccount,
	"RequestLimitExceeded.IPLimitExceeded":              scopeProcess,
	"RequestLimitExceeded.UinLimitExceeded":             scopeHost,
}

// groupLifetime is how long a group limiter exists without a throttling response. While
// its limit is used up, its own probes are throttled long before.
const groupLifetime = time.Minute

// of returns the group that s counts together with key.
func (s scope) of(key Key) groupKey {
	switch s {
	case scopeProcess:
		return groupKey{scope: s}
	case scopeAccount:
		return groupKey{scope: s, key: Key{Credential: key.Credential}}
	case scopeHost:
		return groupKey{scope: s, key: Key{Host: key.Host, Credential: key.Credential}}
	}
	return groupKey{scope: s, key: key}
}

type groupKey struct {
	scope scope
	key   Key
}

// groupLimiter limits the attempts of several keys together, in addition to the limiter of
// each key. It is created by the first throttling response that concerns several keys, so
// that keys share no lock before. Keys that wait for it form a queue and get one slot each
// in turn. Lock order: that of a keyLimiter first, then mu.
type groupLimiter struct {
	groupKey
	mu         sync.Mutex
	controller controller                    // guarded by mu
	queue      list.List                     // of *keyLimiter, guarded by mu
	elements   map[*keyLimiter]*list.Element // in queue, guarded by mu
	timer      *time.Timer                   // nil while no key waits; guarded by mu
	expired    bool                          // it limits nothing any more; guarded by mu
}

// groupMap are the group limiters of an Adaptive. The map is replaced and never changed, so
// that a lookup takes no lock.
type groupMap = map[groupKey]*groupLimiter

// group returns the group limiter of key in a scope, nil if there is none.
func (a *Adaptive) group(s scope, key Key) *groupLimiter {
	if m := a.groups.Load(); m != nil {
		return (*m)[s.of(key)]
	}
	return nil
}

// addGroup returns the group limiter of key. If there is none, it is created from what its
// keys did in the last second. No lock is held.
func (a *Adaptive) addGroup(now time.Duration, key groupKey) *groupLimiter {
	a.expireGroups(now)
	started, accepted := 0, 0
	a.keys.All(func(of Key, l *keyLimiter) {
		if key.scope.of(of) != key {
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.controller.advance(now)
		started += l.controller.started.after(l.controller.now - limitWindow)
		accepted += l.controller.accepted.lastSecond(l.controller.now)
	})
	a.groupsMu.Lock()
	defer a.groupsMu.Unlock()
	old := a.groups.Load()
	if old != nil && (*old)[key] != nil {
		return (*old)[key]
	}
	g := &groupLimiter{groupKey: key, controller: newController(a.randomSeed(), false), elements: map[*keyLimiter]*list.Element{}}
	g.controller.advance(now)
	g.controller.throttledAt = g.controller.now // so that it does not expire before its first result
	g.controller.accepted.current, g.controller.accepted.windowStart = accepted, g.controller.now
	for range min(started, maxLimit) {
		g.controller.started.add(g.controller.now)
	}
	groups := groupMap{key: g}
	if old != nil {
		maps.Copy(groups, *old)
	}
	a.groups.Store(&groups)
	return g
}

// expireGroups removes the group limiters that have expired. Most expire when they are used,
// but not those of credentials that are not used any more. No lock is held.
func (a *Adaptive) expireGroups(now time.Duration) {
	if m := a.groups.Load(); m != nil {
		for _, g := range *m {
			g.mu.Lock()
			g.expire(now, a)
			g.mu.Unlock()
		}
	}
}

// removeGroup removes g, which must be expired.
func (a *Adaptive) removeGroup(g *groupLimiter) {
	a.groupsMu.Lock()
	defer a.groupsMu.Unlock()
	groups := maps.Clone(*a.groups.Load())
	if groups[g.groupKey] == g {
		delete(groups, g.groupKey)
	}
	if len(groups) == 0 {
		a.groups.Store(nil)
		return
	}
	a.groups.Store(&groups)
}

// report passes a result to the group limiters of key, and returns what is left of it for
// the limiter of the key. No lock is held.
func (a *Adaptive) report(key Key, r Result) Result {
	concerns := scopeKey
	if r.Verdict == Throttled {
		concerns = groupCodes[r.Code]
	}
	now := clock.Now()
	for s := scopeProcess; s <= scopeHost; s++ {
		g := a.group(s, key)
		if s == concerns && g == nil {
			g = a.addGroup(now, s.of(key))
		}
		if g == nil {
			continue
		}
		part := r
		if r.Verdict == Throttled && s != concerns {
			part = Result{}
		}
		g.done(now, part)
	}
	if concerns != scopeKey {
		return Result{}
	}
	return r
}

// done reports the result of an attempt of any of the keys. No lock is held.
func (g *groupLimiter) done(now time.Duration, r Result) {
	g.mu.Lock()
	g.controller.done(now, r)
	var waiting []*keyLimiter
	if r.Verdict == Throttled {
		for e := g.queue.Front(); e != nil; e = e.Next() {
			waiting = append(waiting, e.Value.(*keyLimiter))
		}
	}
	g.mu.Unlock()
	for _, l := range waiting {
		l.recheck(now)
	}
	g.serve(now)
}

// admit starts an attempt of l, or puts l into the queue. The lock of l is held.
func (g *groupLimiter) admit(now time.Duration, l *keyLimiter) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.expire(now, l.adaptive); g.expired {
		return true
	}
	if g.queue.Len() == 0 {
		ok, next := g.controller.tryAcquire(now)
		if ok {
			return true
		}
		g.elements[l] = g.queue.PushBack(l)
		g.schedule(next - now)
		return false
	}
	if g.elements[l] == nil {
		g.elements[l] = g.queue.PushBack(l)
	}
	return false
}

// expire ends the limit, and removes g from a, if nothing was throttled for groupLifetime.
// It requires that mu is held.
func (g *groupLimiter) expire(now time.Duration, a *Adaptive) {
	g.controller.advance(now)
	if !g.expired && g.controller.now-g.controller.throttledAt >= groupLifetime {
		g.expired = true
		g.schedule(0)
		a.removeGroup(g)
	}
}

// undo takes back an attempt that admit or serve has started.
func (g *groupLimiter) undo() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.controller.undo()
	g.schedule(0) // the next key may use the slot
}

// leave removes l, which has no waiter left, from the queue, and takes back its slot if it
// has one. The lock of l is held.
func (g *groupLimiter) leave(l *keyLimiter, hasSlot bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e := g.elements[l]; e != nil {
		g.queue.Remove(e)
		delete(g.elements, l)
	}
	if hasSlot {
		g.controller.undo()
		g.schedule(0)
	}
	g.stopIdleTimer()
}

// stopIdleTimer stops the timer if no key waits. It requires that mu is held.
func (g *groupLimiter) stopIdleTimer() {
	if g.queue.Len() == 0 && g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
}

// earliest returns when an attempt with n others ahead of it may start at the earliest.
func (g *groupLimiter) earliest(n int) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.controller.earliest(n)
}

// serve grants the slots that are due to the keys in the queue. No lock is held.
func (g *groupLimiter) serve(now time.Duration) {
	g.mu.Lock()
	var granted []*keyLimiter
	for g.queue.Len() > 0 {
		if !g.expired {
			if ok, next := g.controller.tryAcquire(now); !ok {
				g.schedule(next - now)
				break
			}
		}
		l := g.queue.Remove(g.queue.Front()).(*keyLimiter)
		delete(g.elements, l)
		granted = append(granted, l)
	}
	g.stopIdleTimer()
	g.mu.Unlock()
	for _, l := range granted {
		if !l.grantSlot(now, g.scope) {
			g.undo()
		}
	}
}

// schedule sets the timer to fire after wait, if a key waits. It requires that mu is held.
func (g *groupLimiter) schedule(wait time.Duration) {
	switch {
	case g.queue.Len() == 0:
	case g.timer == nil:
		g.timer = time.AfterFunc(wait, func() { g.serve(clock.Now()) })
	default:
		g.timer.Reset(wait)
	}
}
