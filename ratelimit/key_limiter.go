package ratelimit

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/tcretry/tcretry/internal/clock"
)

// keyLimiter is the [KeyLimiter] of an [Adaptive]: the controller of one key, the queue of
// its waiting calls and one timer for all of them, which runs only while calls wait.
type keyLimiter struct {
	adaptive *Adaptive
	key      Key

	mu         sync.Mutex
	controller controller  // guarded by mu
	throttled  list.List   // of *waiter whose last attempt was throttled; guarded by mu
	regular    list.List   // of *waiter, the others; guarded by mu
	timer      *time.Timer // nil while no call waits; guarded by mu
	// groupSlots are the slots that group limiters have granted to the next attempt, by
	// scope. Guarded by mu.
	groupSlots [scopeHost + 1]bool
	// earliestDeadline is not after the notAfter of any waiter. checkedAt is when all
	// deadlines were last checked; checkPending reports that they must be checked again
	// as soon as the check is permitted. Guarded by mu.
	earliestDeadline, checkedAt time.Duration
	checkPending                bool
	// evicted reports that the Adaptive has another keyLimiter for the key, or none. Then
	// no call waits here and nothing is in flight. Guarded by mu.
	evicted bool
}

// waiter is one waiting call.
type waiter struct {
	notAfter time.Duration // never if any time will do
	result   chan error    // receives one value: nil if the attempt may start
	list     *list.List    // nil once result has its value
	element  *list.Element
}

// lockCurrent returns the limiter that the Adaptive has for the key, locked.
func (l *keyLimiter) lockCurrent() *keyLimiter {
	l.mu.Lock()
	for l.evicted {
		l.mu.Unlock()
		l = l.adaptive.key(l.key)
		l.mu.Lock()
	}
	return l
}

// inUse reports whether the Adaptive must keep l, and marks it as evicted if not.
func (l *keyLimiter) inUse() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.evicted = l.waiting() == 0 && l.controller.inFlight == 0
	return !l.evicted
}

func (l *keyLimiter) waiting() int { return l.throttled.Len() + l.regular.Len() }

// Start starts the first attempt of a call if no call waits and no group limiter exists.
// It is the fast path of Wait: if it returns false, the caller calls Wait. now is a time of
// package clock.
func (l *keyLimiter) Start(ctx context.Context, now time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	l = l.lockCurrent()
	defer l.mu.Unlock()
	if l.waiting() > 0 || l.adaptive.groups.Load() != nil {
		return false
	}
	ok, _ := l.controller.tryAcquire(now)
	return ok
}

// Wait blocks until an attempt may start. It is part of [KeyLimiter].
func (l *keyLimiter) Wait(ctx context.Context, o WaitOptions) error {
	_, err := l.WaitFrom(ctx, nil, time.Now(), o)
	return err
}

// WaitFrom is Wait for a caller that has read the clock already, which is half the cost of
// an attempt that need not wait. It returns context.Canceled when canceled is closed, and
// reports whether it waited.
func (l *keyLimiter) WaitFrom(ctx context.Context, canceled <-chan struct{}, t time.Time, o WaitOptions) (waited bool, err error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	now, notAfter := clock.Of(t), never
	if d := o.NotAfter.Sub(t); !o.NotAfter.IsZero() && d < never-now { // else the sum overflows
		notAfter = now + d
	}
	l = l.lockCurrent()
	w, err := l.enter(now, notAfter, o.AfterThrottle)
	l.mu.Unlock()
	if w == nil {
		return false, err
	}
	select {
	case err = <-w.result:
	case <-ctx.Done():
	case <-canceled:
		l.leave(w, nil)
		return true, context.Canceled
	}
	// Of the events of one moment the end of the context counts: an attempt that
	// will not be made must not keep its slot from the others.
	if ctx.Err() != nil {
		l.leave(w, err)
		return true, context.Cause(ctx)
	}
	return true, err
}

// enter starts an attempt immediately, or returns a waiter for it. It requires that mu is
// held.
func (l *keyLimiter) enter(now, notAfter time.Duration, afterThrottle bool) (*waiter, error) {
	if notAfter < now {
		return nil, ErrTooLate
	}
	if l.waiting() == 0 || afterThrottle && l.throttled.Len() == 0 {
		if ok, _ := l.tryAcquire(now); ok {
			return nil, nil
		}
	}
	w := &waiter{notAfter: notAfter, result: make(chan error, 1), list: &l.regular}
	if afterThrottle {
		w.list = &l.throttled
	}
	if l.waiting() == 0 {
		l.earliestDeadline = never
	}
	w.element = w.list.PushBack(w)
	l.earliestDeadline = min(l.earliestDeadline, notAfter)
	l.serve(now)
	// The new waiter alone is checked here: to check all of them for each is quadratic. One
	// that waits alone was checked by serve.
	if w.list != nil && l.earliest(l.ahead(w)) > notAfter {
		l.resolve(w, ErrTooLate)
	}
	return w, nil
}

// tryAcquire starts an attempt if the controller of the key and the group limiters permit
// it. If not, it returns when to try again. It requires that mu is held.
func (l *keyLimiter) tryAcquire(now time.Duration) (bool, time.Duration) {
	ok, next := l.controller.tryAcquire(now)
	if !ok || l.adaptive.groups.Load() == nil {
		return ok, next
	}
	for s := scopeProcess; s <= scopeHost; s++ {
		if g := l.adaptive.group(s, l.key); g != nil && !l.groupSlots[s] {
			if l.groupSlots[s] = g.admit(now, l); !l.groupSlots[s] {
				// The group limiter will call grantSlot.
				l.controller.undo()
				return false, never
			}
		}
	}
	clear(l.groupSlots[:])
	return true, 0
}

// undo takes back the last attempt that tryAcquire started. It requires that mu is
// held.
func (l *keyLimiter) undo() {
	l.controller.undo()
	if l.adaptive.groups.Load() == nil {
		return
	}
	for s := scopeProcess; s <= scopeHost; s++ {
		if g := l.adaptive.group(s, l.key); g != nil {
			g.undo()
		}
	}
}

// returnGroupSlots returns the slots of group limiters and the places in their queues, once
// no call waits. It requires that mu is held.
func (l *keyLimiter) returnGroupSlots() {
	for s := scopeProcess; s <= scopeHost; s++ {
		if g := l.adaptive.group(s, l.key); g != nil {
			g.leave(l, l.groupSlots[s])
		}
		l.groupSlots[s] = false
	}
}

// grantSlot takes a slot of a group limiter for the next attempt. It returns false, and
// takes no slot, if no call waits or the key has a slot of that scope already.
func (l *keyLimiter) grantSlot(now time.Duration, s scope) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting() == 0 || l.groupSlots[s] {
		return false
	}
	l.groupSlots[s] = true
	l.serve(now)
	return true
}

// recheck checks the deadlines again, after a group limiter has become slower. No lock is
// held.
func (l *keyLimiter) recheck(now time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rejectLate(now)
	if l.waiting() == 0 || l.checkPending {
		l.schedule(now, never)
	}
}

// earliest returns when an attempt with n others ahead of it may start at the earliest. It
// requires that mu is held.
func (l *keyLimiter) earliest(n int) time.Duration {
	at := l.controller.earliest(n)
	if l.adaptive.groups.Load() == nil {
		return at
	}
	for s := scopeProcess; s <= scopeHost; s++ {
		if g := l.adaptive.group(s, l.key); g != nil {
			at = max(at, g.earliest(n))
		}
	}
	return at
}

// leave removes w from its queue, or returns its slot if it got one: err is what the call
// received from w.result, if it did.
func (l *keyLimiter) leave(w *waiter, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.list != nil {
		first := l.head() == w
		w.list.Remove(w.element)
		w.list = nil
		if first {
			l.serve(clock.Now())
		}
		return
	}
	select {
	case err = <-w.result:
	default:
	}
	if err == nil {
		l.undo()
		l.serve(clock.Now())
	}
}

// Done reports the result of an attempt. It is part of [KeyLimiter].
func (l *keyLimiter) Done(r Result) {
	if r.Verdict == Throttled || l.adaptive.groups.Load() != nil {
		r = l.adaptive.report(l.key, r)
	}
	l = l.lockCurrent()
	defer l.mu.Unlock()
	// No transition of an open controller without waiters depends on the time, and to
	// read the clock is a third of the cost of an attempt.
	now := l.controller.now
	if r.Verdict == Throttled || l.controller.mode != Open || l.waiting() > 0 {
		now = clock.Now()
	}
	l.controller.done(now, r)
	if l.waiting() > 0 {
		l.serve(now)
	}
}
