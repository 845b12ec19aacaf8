package ratelimit

import (
	"container/list"
	"time"
)

// serve starts the attempts whose turn has come and sets the timer for the next
// event. It requires that mu is held.
func (l *queue) serve(now time.Duration) {
	for l.waiting() > 0 {
		w := l.head()
		if w.latest < now {
			l.tell(w, ErrTooLate)
			continue
		}
		ok, next := l.tryAcquire(now)
		if !ok {
			l.tellLate(now)
			l.settle(now, next)
			return
		}
		l.tell(w, nil)
	}
	l.settle(now, never)
}

// head returns the waiter whose turn is next. It requires that mu is held and
// that somebody waits.
func (l *queue) head() *waiter {
	if front := l.back.Front(); front != nil {
		return front.Value.(*waiter)
	}
	return l.first.Front().Value.(*waiter)
}

// tell takes w out of its queue and tells it err. It requires that mu is held.
func (l *queue) tell(w *waiter, err error) {
	w.queue.Remove(w.place)
	w.queue = nil
	w.told <- err
}

// last returns how many are ahead of w, the last one of its queue. It requires
// that mu is held.
func (l *queue) last(w *waiter) int {
	if w.queue == &l.back {
		return l.back.Len() - 1
	}
	return l.waiting() - 1
}

// lookEach bounds what is spent on looking at many waiters: so long for each above
// lookFree passes before the next time, tens of times what it takes.
const (
	lookEach = time.Microsecond
	lookFree = 64
)

// tellLate tells those whose turn would come too late. A look at all that would
// come too soon is put off. It requires that mu is held.
func (l *queue) tellLate(now time.Duration) {
	n := l.waiting()
	l.putOff = n > 0 && (l.soonest < now || l.estimate(n-1) > l.soonest)
	if !l.putOff || l.looked <= now && now < l.nextLook() {
		return
	}
	l.soonest, l.looked, l.putOff = never, now, false
	ahead := 0
	for _, queue := range []*list.List{&l.back, &l.first} {
		for e := queue.Front(); e != nil; {
			w := e.Value.(*waiter)
			e = e.Next()
			if w.latest < now || l.estimate(ahead) > w.latest {
				l.tell(w, ErrTooLate)
				continue
			}
			ahead++
			l.soonest = min(l.soonest, w.latest)
		}
	}
}

// nextLook returns when all that wait may be looked at again. It requires that mu
// is held.
func (l *queue) nextLook() time.Duration {
	return l.looked + time.Duration(max(0, l.waiting()-lookFree))*lookEach
}

// settle makes the timer run, while anybody waits, until next or until somebody
// is late. It requires that mu is held.
func (l *queue) settle(now, next time.Duration) {
	if l.waiting() == 0 {
		if l.timer != nil {
			l.timer.Stop()
			l.timer = nil
		}
		l.giveBack()
		return
	}
	switch {
	case l.putOff:
		next = min(next, l.nextLook())
	case l.soonest < never:
		next = min(next, l.soonest+1)
	}
	switch {
	case next == never: // an answer will tell
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
func (l *queue) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.serve(clock())
}
