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

// queue holds waiters: rejected ones first, each kind in the order of arrival.
type queue struct {
	list list.List
	// soonest is not after the latest time of any; zero if all may wait forever.
	soonest time.Time
}

func (q *queue) len() int      { return q.list.Len() }
func (q *queue) head() *waiter { return q.list.Front().Value.(*waiter) }

// add puts w into its place.
func (q *queue) add(w *waiter) {
	if q.len() == 0 {
		q.soonest = time.Time{}
	}
	q.hasten(w)
	if !w.again {
		w.place = q.list.PushBack(w)
		return
	}
	e := q.list.Front()
	for e != nil && e.Value.(*waiter).again {
		e = e.Next()
	}
	if e == nil {
		w.place = q.list.PushBack(w)
	} else {
		w.place = q.list.InsertBefore(w, e)
	}
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
	q.list.Remove(w.place)
	w.place = nil
	return true
}

// tell takes w out and tells it err.
func (q *queue) tell(w *waiter, err error) {
	q.remove(w)
	w.told <- err
}

// tellLate tells err to those who would start too late: start returns when the
// waiter at a place will.
func (q *queue) tellLate(now time.Time, start func(place int) time.Time, err error) {
	if q.len() == 0 || q.soonest.IsZero() || !now.After(q.soonest) && !start(q.len()-1).After(q.soonest) {
		return
	}
	q.soonest = time.Time{}
	place := 0
	for e := q.list.Front(); e != nil; {
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
