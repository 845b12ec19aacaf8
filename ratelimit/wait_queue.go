package ratelimit

import (
	"container/list"
	"time"

	"github.com/tcretry/tcretry/internal/clock"
)

// serve starts the attempts of the queue that may start, in order, and sets the timer for
// the next event. It requires that mu is held.
func (l *keyLimiter) serve(now time.Duration) {
	for l.waiting() > 0 {
		w := l.head()
		if w.notAfter < now {
			l.resolve(w, ErrTooLate)
			continue
		}
		ok, next := l.tryAcquire(now)
		if !ok {
			l.rejectLate(now)
			l.schedule(now, next)
			return
		}
		l.resolve(w, nil)
	}
	l.schedule(now, never)
}

// head returns the next waiter. It requires that mu is held and that a call waits.
func (l *keyLimiter) head() *waiter {
	if front := l.throttled.Front(); front != nil {
		return front.Value.(*waiter)
	}
	return l.regular.Front().Value.(*waiter)
}

// resolve removes w from its queue and ends its wait with err. It requires that mu is held.
func (l *keyLimiter) resolve(w *waiter, err error) {
	w.list.Remove(w.element)
	w.list = nil
	w.result <- err
}

// ahead returns how many waiters are ahead of w, which is the last one of its list. It
// requires that mu is held.
func (l *keyLimiter) ahead(w *waiter) int {
	if w.list == &l.throttled {
		return l.throttled.Len() - 1
	}
	return l.waiting() - 1
}

// A check of all deadlines takes time in proportion to the waiters. Above checkFree waiters,
// checkCost for each one passes before the next check, which is tens of times what it takes.
const (
	checkCost = time.Microsecond
	checkFree = 64
)

// rejectLate ends the waits that would end too late. A check that comes too soon after the
// last one is postponed. It requires that mu is held.
func (l *keyLimiter) rejectLate(now time.Duration) {
	n := l.waiting()
	l.checkPending = n > 0 && (l.earliestDeadline < now || l.earliest(n-1) > l.earliestDeadline)
	if !l.checkPending || l.checkedAt <= now && now < l.nextCheck() {
		return
	}
	l.earliestDeadline, l.checkedAt, l.checkPending = never, now, false
	ahead := 0
	for _, waiters := range []*list.List{&l.throttled, &l.regular} {
		for e := waiters.Front(); e != nil; {
			w := e.Value.(*waiter)
			e = e.Next()
			if w.notAfter < now || l.earliest(ahead) > w.notAfter {
				l.resolve(w, ErrTooLate)
				continue
			}
			ahead++
			l.earliestDeadline = min(l.earliestDeadline, w.notAfter)
		}
	}
}

// nextCheck returns when all deadlines may be checked again. It requires that mu is held.
func (l *keyLimiter) nextCheck() time.Duration {
	return l.checkedAt + time.Duration(max(0, l.waiting()-checkFree))*checkCost
}

// schedule sets the timer, while calls wait, to next or to the earliest deadline. It requires
// that mu is held.
func (l *keyLimiter) schedule(now, next time.Duration) {
	if l.waiting() == 0 {
		if l.timer != nil {
			l.timer.Stop()
			l.timer = nil
		}
		l.returnGroupSlots()
		return
	}
	switch {
	case l.checkPending:
		next = min(next, l.nextCheck())
	case l.earliestDeadline < never:
		next = min(next, l.earliestDeadline+1)
	}
	switch {
	case next == never: // only a response changes it
		if l.timer != nil {
			l.timer.Stop()
		}
	case l.timer == nil:
		l.timer = time.AfterFunc(next-now, l.wake)
	default:
		l.timer.Reset(next - now)
	}
}

// wake is what the timer runs.
func (l *keyLimiter) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.serve(clock.Now())
}
