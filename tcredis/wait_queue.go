package tcredis

import (
	"container/list"
	"time"
)

// waiter is one call that waits for a reservation.
type waiter struct {
	afterThrottle bool
	notAfter      time.Time  // zero for any time
	result        chan error // receives one value: nil if the attempt may start
	element       *list.Element
}

// late reports whether a start at t would be too late.
func (w *waiter) late(t time.Time) bool { return !w.notAfter.IsZero() && t.After(w.notAfter) }

// A check of all deadlines takes time in proportion to the waiters. checkCost for each one
// passes before the next check, which is tens of times what it takes.
const checkCost = time.Microsecond

// waitQueue is a FIFO queue of waiters, in which those whose last attempt was throttled come
// first.
type waitQueue struct {
	throttled, regular list.List
	// earliestDeadline is not after the notAfter of any; zero if all may wait forever.
	earliestDeadline time.Time
	checkedAt        time.Time // when all deadlines were last checked
	checkPending     bool      // they must be checked again as soon as the check is permitted
}

func (q *waitQueue) len() int { return q.throttled.Len() + q.regular.Len() }

func (q *waitQueue) head() *waiter {
	if front := q.throttled.Front(); front != nil {
		return front.Value.(*waiter)
	}
	return q.regular.Front().Value.(*waiter)
}

func (q *waitQueue) list(afterThrottle bool) *list.List {
	if afterThrottle {
		return &q.throttled
	}
	return &q.regular
}

// add inserts w, and returns how many are ahead of it.
func (q *waitQueue) add(w *waiter) int {
	if q.len() == 0 {
		q.earliestDeadline, q.checkPending = time.Time{}, false
	}
	q.addDeadline(w)
	w.element = q.list(w.afterThrottle).PushBack(w)
	if w.afterThrottle {
		return q.throttled.Len() - 1
	}
	return q.len() - 1
}

func (q *waitQueue) addDeadline(w *waiter) {
	if !w.notAfter.IsZero() && (q.earliestDeadline.IsZero() || w.notAfter.Before(q.earliestDeadline)) {
		q.earliestDeadline = w.notAfter
	}
}

// remove removes w and reports whether it was in the queue.
func (q *waitQueue) remove(w *waiter) bool {
	if w.element == nil {
		return false
	}
	q.list(w.afterThrottle).Remove(w.element)
	w.element = nil
	return true
}

// resolve removes w and ends its wait with err.
func (q *waitQueue) resolve(w *waiter, err error) {
	q.remove(w)
	w.result <- err
}

// nextCheck returns when to check the deadlines, zero for never.
func (q *waitQueue) nextCheck() time.Time {
	if q.checkPending {
		return q.checkedAt.Add(time.Duration(q.len()) * checkCost)
	}
	return q.earliestDeadline
}

// rejectLate ends the waits that would end too late with err: start returns when the waiter
// at a place starts. A check that comes too soon after the last one is postponed.
func (q *waitQueue) rejectLate(now time.Time, start func(place int) time.Time, err error) {
	if q.len() == 0 || q.earliestDeadline.IsZero() || !now.After(q.earliestDeadline) && !start(q.len()-1).After(q.earliestDeadline) {
		q.checkPending = false
		return
	}
	q.checkPending = true
	if now.Before(q.nextCheck()) {
		return
	}
	q.earliestDeadline, q.checkedAt, q.checkPending = time.Time{}, now, false
	place := 0
	for _, waiters := range []*list.List{&q.throttled, &q.regular} {
		for e := waiters.Front(); e != nil; {
			w := e.Value.(*waiter)
			e = e.Next()
			if w.late(now) || w.late(start(place)) {
				q.resolve(w, err)
				continue
			}
			place++
			q.addDeadline(w)
		}
	}
}
