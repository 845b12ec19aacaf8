package tcredis

import (
	"container/list"
	"time"
)

// waiter is one call that waits for a booking.
type waiter struct {
	again  bool
	latest time.Time  // zero for any time
	told   chan error // takes one answer
	place  *list.Element
}

// late says whether a start at t would be too late.
func (w *waiter) late(t time.Time) bool { return !w.latest.IsZero() && t.After(w.latest) }

// lookEach bounds what is spent on looking at all waiters: so long for each passes
// before the next time, tens of times what it takes.
const lookEach = time.Microsecond

// queue holds waiters: rejected ones first, each kind in the order of arrival.
type queue struct {
	back, first list.List
	// soonest is not after the latest time of any; zero if all may wait forever.
	soonest time.Time
	looked  time.Time // at all of them
	again   bool      // to look at all, as soon as may be
}

func (q *queue) len() int { return q.back.Len() + q.first.Len() }

func (q *queue) head() *waiter {
	if front := q.back.Front(); front != nil {
		return front.Value.(*waiter)
	}
	return q.first.Front().Value.(*waiter)
}

func (q *queue) kind(again bool) *list.List {
	if again {
		return &q.back
	}
	return &q.first
}

// add puts w into its place, and returns how many are before it.
func (q *queue) add(w *waiter) int {
	if q.len() == 0 {
		q.soonest, q.again = time.Time{}, false
	}
	q.hasten(w)
	w.place = q.kind(w.again).PushBack(w)
	if w.again {
		return q.back.Len() - 1
	}
	return q.len() - 1
}

func (q *queue) hasten(w *waiter) {
	if !w.latest.IsZero() && (q.soonest.IsZero() || w.latest.Before(q.soonest)) {
		q.soonest = w.latest
	}
}

// remove takes w out, if it is in.
func (q *queue) remove(w *waiter) bool {
	if w.place == nil {
		return false
	}
	q.kind(w.again).Remove(w.place)
	w.place = nil
	return true
}

// tell takes w out and tells it err.
func (q *queue) tell(w *waiter, err error) {
	q.remove(w)
	w.told <- err
}

// look returns when to look for late ones, zero for never.
func (q *queue) look() time.Time {
	if q.again {
		return q.looked.Add(time.Duration(q.len()) * lookEach)
	}
	return q.soonest
}

// tellLate tells err to those who would start too late: start returns when the
// waiter at a place will. While a look at all would come too soon it is put off.
func (q *queue) tellLate(now time.Time, start func(place int) time.Time, err error) {
	if q.len() == 0 || q.soonest.IsZero() || !now.After(q.soonest) && !start(q.len()-1).After(q.soonest) {
		q.again = false
		return
	}
	q.again = true
	if now.Before(q.look()) {
		return
	}
	q.soonest, q.looked, q.again = time.Time{}, now, false
	place := 0
	for _, kind := range []*list.List{&q.back, &q.first} {
		for e := kind.Front(); e != nil; {
			w := e.Value.(*waiter)
			e = e.Next()
			if w.late(now) || w.late(start(place)) {
				q.tell(w, err)
				continue
			}
			place++
			q.hasten(w)
		}
	}
}
