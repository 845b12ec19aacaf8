package ratelimit

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// epoch is what the clock of limiters counts from: long ago, so that the zero time
// of a state machine is in the past, in virtual time too, which begins in 2000.
var epoch = time.Now().Add(-100 * 365 * 24 * time.Hour)

// clock is the reading of the clock of paces.
func clock() time.Duration { return time.Since(epoch) }

// lane is the pace of one key with the queue of its waiting calls and one timer
// for all of them, which runs only while calls wait.
type queue struct {
	pacer *Adaptive
	key   Key

	mu    sync.Mutex
	pace  pace        // guarded by mu
	back  list.List   // of *waiter whose last attempt was rejected; guarded by mu
	first list.List   // of *waiter, the others; guarded by mu
	timer *time.Timer // nil while nobody waits; guarded by mu
	// turns are those that wide paces gave to the next attempt, by scope. Guarded
	// by mu.
	turns [scopeHost + 1]bool
	// soonest is not after the latest time of any waiter; looked is when all were
	// last looked at, and putOff says that they are to be, as soon as may be.
	// Guarded by mu.
	soonest, looked time.Duration
	putOff          bool
	// forgotten says that the pacer holds another lane for the key, or none.
	// Guarded by mu; then nobody waits and nothing is in flight.
	forgotten bool
}

// waiter is one call that waits for its turn.
type waiter struct {
	latest time.Duration // never if any time will do
	told   chan error    // takes one answer
	queue  *list.List    // nil once it was told
	place  *list.Element
}

// live returns the lane that the pacer holds for the key, locked.
func (l *queue) live() *queue {
	l.mu.Lock()
	for l.forgotten {
		l.mu.Unlock()
		l = l.pacer.lane(l.key)
		l.mu.Lock()
	}
	return l
}

// wanted keeps lanes that are in use.
func (l *queue) wanted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgotten = l.waiting() == 0 && l.pace.inFlight == 0
	return !l.forgotten
}

func (l *queue) waiting() int { return l.back.Len() + l.first.Len() }

// start starts the first attempt of a call if nobody waits and no wide pace has a
// say.
func (l *queue) Start(ctx context.Context, t time.Time) bool {
	if ctx.Err() != nil {
		return false
	}
	l = l.live()
	defer l.mu.Unlock()
	if l.waiting() > 0 || l.pacer.wides.Load() != nil {
		return false
	}
	ok, _ := l.pace.tryAcquire(t.Sub(epoch))
	return ok
}

// Wait waits for the turn of an attempt. It is part of [KeyLimiter].
func (l *queue) Wait(ctx context.Context, turn WaitOptions) error {
	_, err := l.WaitFrom(ctx, nil, time.Now(), turn)
	return err
}

// waitFrom is Wait for a caller that knows the time, which is half the cost of an
// attempt that need not wait. It ends with canceled too, in context.Canceled, and returns
// whether it waited.
func (l *queue) WaitFrom(ctx context.Context, canceled <-chan struct{}, t time.Time, turn WaitOptions) (waited bool, err error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	now, latest := t.Sub(epoch), never
	if !turn.NotAfter.IsZero() {
		latest = now + turn.NotAfter.Sub(t)
	}
	l = l.live()
	w, err := l.enter(now, latest, turn.AfterThrottle)
	l.mu.Unlock()
	if w == nil {
		return false, err
	}
	select {
	case err = <-w.told:
	case <-ctx.Done():
	case <-canceled:
		l.leave(w, nil)
		return true, context.Canceled
	}
	// Of the events of one moment the end of the context counts: an attempt that
	// will not be made must not keep its turn from the others.
	if ctx.Err() != nil {
		l.leave(w, err)
		return true, context.Cause(ctx)
	}
	return true, err
}

// enter starts an attempt at once or makes a waiter of it. It requires that mu
// is held.
func (l *queue) enter(now, latest time.Duration, again bool) (*waiter, error) {
	if latest < now {
		return nil, ErrTooLate
	}
	if l.waiting() == 0 || again && l.back.Len() == 0 {
		if ok, _ := l.tryAcquire(now); ok {
			return nil, nil
		}
	}
	w := &waiter{latest: latest, told: make(chan error, 1), queue: &l.first}
	if again {
		w.queue = &l.back
	}
	if l.waiting() == 0 {
		l.soonest = never
	}
	w.place = w.queue.PushBack(w)
	l.soonest = min(l.soonest, latest)
	l.serve(now)
	// Whoever comes too late is told at once: to look at all is too much for each.
	if w.queue != nil && l.estimate(l.last(w)) > latest {
		l.tell(w, ErrTooLate)
		if l.waiting() == 0 {
			l.settle(now, never)
		}
	}
	return w, nil
}

// tryAcquire starts an attempt if the pace of the lane and the wide ones let it.
// If not, it returns when to ask again. It requires that mu is held.
func (l *queue) tryAcquire(now time.Duration) (bool, time.Duration) {
	ok, next := l.pace.tryAcquire(now)
	if !ok || l.pacer.wides.Load() == nil {
		return ok, next
	}
	for s := scopeProcess; s <= scopeHost; s++ {
		if w := l.pacer.wide(s, l.key); w != nil && !l.turns[s] {
			if l.turns[s] = w.admit(now, l); !l.turns[s] {
				// The wide pace will call turn.
				l.pace.undo()
				return false, never
			}
		}
	}
	clear(l.turns[:])
	return true, 0
}

// undo takes back the last attempt that tryAcquire started. It requires that mu is
// held.
func (l *queue) undo() {
	l.pace.undo()
	if l.pacer.wides.Load() == nil {
		return
	}
	for s := scopeProcess; s <= scopeHost; s++ {
		if w := l.pacer.wide(s, l.key); w != nil {
			w.undo()
		}
	}
}

// giveBack gives up the turns of wide paces and the places in their queues that no
// waiter is left for. It requires that mu is held.
func (l *queue) giveBack() {
	for s := scopeProcess; s <= scopeHost; s++ {
		if w := l.pacer.wide(s, l.key); w != nil {
			w.leave(l, l.turns[s])
		}
		l.turns[s] = false
	}
}

// turn takes the turn that a wide pace gives to the next attempt. It returns
// false if nobody waits, or if the lane got one while this one was on its way.
func (l *queue) turn(now time.Duration, s scope) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting() == 0 || l.turns[s] {
		return false
	}
	l.turns[s] = true
	l.serve(now)
	return true
}

// again looks again at who will be late. The lane is not locked.
func (l *queue) again(now time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tellLate(now)
	if l.waiting() == 0 || l.putOff {
		l.settle(now, never)
	}
}

// estimate returns when the attempt of a waiter may start that has n others ahead
// of it. It requires that mu is held.
func (l *queue) estimate(n int) time.Duration {
	at := l.pace.earliest(n)
	if l.pacer.wides.Load() == nil {
		return at
	}
	for s := scopeProcess; s <= scopeHost; s++ {
		if w := l.pacer.wide(s, l.key); w != nil {
			at = max(at, w.estimate(n))
		}
	}
	return at
}

// leave takes w out of its queue, or gives its turn back if it came: err is what
// w was told, if it has looked.
func (l *queue) leave(w *waiter, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.queue != nil {
		first := l.head() == w
		w.queue.Remove(w.place)
		w.queue = nil
		if first || l.waiting() == 0 {
			l.serve(clock())
		}
		return
	}
	select {
	case err = <-w.told:
	default:
	}
	if err == nil {
		l.undo()
		l.serve(clock())
	}
}

// Done tells how an attempt has ended. It is part of [KeyLimiter].
func (l *queue) Done(r Result) {
	r = l.pacer.report(l.key, r)
	l = l.live()
	defer l.mu.Unlock()
	// Nothing of an open pace that rejects nobody has a time, and to read the
	// clock is a third of the cost of an attempt.
	now := l.pace.now
	if r.Verdict == Throttled || l.pace.mode != Open || l.waiting() > 0 {
		now = clock()
	}
	l.pace.done(now, r)
	if l.waiting() > 0 {
		l.serve(now)
	}
}
