package ratelimit

import (
	"container/list"
	"maps"
	"sync"
	"time"
)

// scope is what a quota counts together.
type scope uint8

const (
	scopeLane    scope = iota // one key
	scopeProcess              // everything from this address
	scopeAccount              // a credential at all hosts
	scopeHost                 // a credential at one host
)

// wideCodes are the throttle codes that concern more than the key of the attempt;
// all others concern its lane alone. Source: the common error codes,
// cloud.tencent.com/document/product/213/30435.
var wideCodes = map[string]scope{
	"RequestLimitExceeded.GlobalRegionUinLimitExceeded": scopeAccount,
	"RequestLimitExceeded.IPLimitExceeded":              scopeProcess,
	"RequestLimitExceeded.UinLimitExceeded":             scopeHost,
}

// wideMemory is how long a wide pace lasts without a rejection. One that is used
// up is rejected by its own looks long before.
const wideMemory = time.Minute

// of returns the key of all that s counts together with key.
func (s scope) of(key Key) wideKey {
	switch s {
	case scopeProcess:
		return wideKey{scope: s}
	case scopeAccount:
		return wideKey{scope: s, key: Key{Credential: key.Credential}}
	case scopeHost:
		return wideKey{scope: s, key: Key{Host: key.Host, Credential: key.Credential}}
	}
	return wideKey{scope: s, key: key}
}

type wideKey struct {
	scope scope
	key   Key
}

// wide is a pace that the attempts of many lanes must keep besides their own.
// There is none until a quota of many keys rejects an attempt, so that lanes have
// nothing in common before. Lanes that wait for it stand in a queue and get one
// attempt each in turn. A lane's lock may be held when mu is taken, not the other
// way round.
type wide struct {
	wideKey
	mu    sync.Mutex
	pace  pace                     // guarded by mu
	queue list.List                // of *lane, guarded by mu
	place map[*queue]*list.Element // in queue, guarded by mu
	timer *time.Timer              // nil while no lane waits; guarded by mu
	gone  bool                     // it lets everybody through; guarded by mu
}

// wides are the wide paces of a pacer. The map is replaced, not changed, so that
// a look at it costs no lock.
type wides = map[wideKey]*wide

// wide returns the wide pace of key, nil if there is none.
func (p *Adaptive) wide(s scope, key Key) *wide {
	if m := p.wides.Load(); m != nil {
		return (*m)[s.of(key)]
	}
	return nil
}

// widen returns the wide pace of key, made if there is none from what its lanes
// did in the last second. No lock is held.
func (p *Adaptive) widen(now time.Duration, key wideKey) *wide {
	p.forgetOld(now)
	recently, accepted := 0, 0
	p.lanes.All(func(of Key, l *queue) {
		if key.scope.of(of) != key {
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.pace.tick(now)
		recently += l.pace.begun.after(l.pace.now - limitWindow)
		accepted += l.pace.accepted.lately(l.pace.now)
	})
	p.wideMu.Lock()
	defer p.wideMu.Unlock()
	old := p.wides.Load()
	if old != nil && (*old)[key] != nil {
		return (*old)[key]
	}
	w := &wide{wideKey: key, pace: newPace(p.randomSeed(), false), place: map[*queue]*list.Element{}}
	w.pace.tick(now)
	w.pace.accepted.here, w.pace.accepted.second = accepted, w.pace.now
	for range min(recently, maxLimit) {
		w.pace.begun.add(w.pace.now)
	}
	fresh := wides{key: w}
	if old != nil {
		maps.Copy(fresh, *old)
	}
	p.wides.Store(&fresh)
	return w
}

// forgetOld forgets the wide paces that are over. Most notice it by themselves, but
// not those of credentials that nobody uses any more. No lock is held.
func (p *Adaptive) forgetOld(now time.Duration) {
	if m := p.wides.Load(); m != nil {
		for _, w := range *m {
			w.mu.Lock()
			w.age(now, p)
			w.mu.Unlock()
		}
	}
}

// narrow forgets w, which must be gone.
func (p *Adaptive) narrow(w *wide) {
	p.wideMu.Lock()
	defer p.wideMu.Unlock()
	fresh := maps.Clone(*p.wides.Load())
	if fresh[w.wideKey] == w {
		delete(fresh, w.wideKey)
	}
	if len(fresh) == 0 {
		p.wides.Store(nil)
		return
	}
	p.wides.Store(&fresh)
}

// report tells the wide paces of key of a result, and returns what is left of it
// to tell the lane. No lock is held.
func (p *Adaptive) report(key Key, r Result) Result {
	concerns := scopeLane
	if r.Verdict == Throttled {
		concerns = wideCodes[r.Code]
	}
	if concerns == scopeLane && p.wides.Load() == nil {
		return r
	}
	now := clock()
	for s := scopeProcess; s <= scopeHost; s++ {
		w := p.wide(s, key)
		if s == concerns && w == nil {
			w = p.widen(now, s.of(key))
		}
		if w == nil {
			continue
		}
		told := r
		if r.Verdict == Throttled && s != concerns {
			told = Result{}
		}
		w.done(now, told)
	}
	if concerns != scopeLane {
		return Result{}
	}
	return r
}

func (w *wide) done(now time.Duration, r Result) {
	w.mu.Lock()
	w.pace.done(now, r)
	var late []*queue
	if r.Verdict == Throttled {
		for e := w.queue.Front(); e != nil; e = e.Next() {
			late = append(late, e.Value.(*queue))
		}
	}
	w.mu.Unlock()
	for _, l := range late {
		l.again(now)
	}
	w.serve(now)
}

// admit starts an attempt of l, or puts l into the queue. l's lock is held.
func (w *wide) admit(now time.Duration, l *queue) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.age(now, l.pacer); w.gone {
		return true
	}
	if w.queue.Len() == 0 {
		ok, next := w.pace.tryAcquire(now)
		if ok {
			return true
		}
		w.place[l] = w.queue.PushBack(l)
		w.settle(next - now)
		return false
	}
	if w.place[l] == nil {
		w.place[l] = w.queue.PushBack(l)
	}
	return false
}

// age lets everybody through once the last rejection is forgotten. It requires
// that mu is held.
func (w *wide) age(now time.Duration, p *Adaptive) {
	w.pace.tick(now)
	if !w.gone && w.pace.now-w.pace.rejected >= wideMemory {
		w.gone = true
		w.settle(0)
		p.narrow(w)
	}
}

// undo takes back an attempt that admit or a turn in the queue has started.
func (w *wide) undo() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pace.undo()
	w.settle(0) // the next lane may use it
}

// leave takes l, which has no waiter left, out of the queue, and takes back its
// turn if it has one. l's lock is held.
func (w *wide) leave(l *queue, turn bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.place[l]; e != nil {
		w.queue.Remove(e)
		delete(w.place, l)
	}
	if turn {
		w.pace.undo()
		w.settle(0)
	}
	w.rest()
}

// rest stops the timer once no lane waits. It requires that mu is held.
func (w *wide) rest() {
	if w.queue.Len() == 0 && w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}

// estimate returns when the attempt of a waiter of a lane may start that has n
// others ahead of it.
func (w *wide) estimate(n int) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pace.earliest(n)
}

// serve lets the lanes start attempts whose turn has come. No lock is held.
func (w *wide) serve(now time.Duration) {
	w.mu.Lock()
	var turns []*queue
	for w.queue.Len() > 0 {
		if !w.gone {
			if ok, next := w.pace.tryAcquire(now); !ok {
				w.settle(next - now)
				break
			}
		}
		l := w.queue.Remove(w.queue.Front()).(*queue)
		delete(w.place, l)
		turns = append(turns, l)
	}
	w.rest()
	w.mu.Unlock()
	for _, l := range turns {
		if !l.turn(now, w.scope) {
			w.undo()
		}
	}
}

// settle makes the timer run for wait, if any lane waits. It requires that mu is
// held.
func (w *wide) settle(wait time.Duration) {
	switch {
	case w.queue.Len() == 0:
	case w.timer == nil:
		w.timer = time.AfterFunc(wait, func() { w.serve(clock()) })
	default:
		w.timer.Reset(wait)
	}
}
