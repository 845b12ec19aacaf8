package tcretry

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// epoch is what the clock of paces counts from.
var epoch = time.Now()

// clock is the reading of the clock of paces.
func clock() time.Duration { return time.Since(epoch) }

// lane is the pace of one key with the queue of its waiting calls and one timer
// for all of them, which runs only while calls wait.
type lane struct {
	pacer *AdaptivePacer
	key   PaceKey

	mu    sync.Mutex
	pace  pace        // guarded by mu
	again list.List   // of *waiter whose last attempt was rejected; guarded by mu
	first list.List   // of *waiter, the others; guarded by mu
	timer *time.Timer // nil while nobody waits; guarded by mu
	// soonest is not after the latest time of any waiter. Guarded by mu.
	soonest time.Duration
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
func (l *lane) live() *lane {
	l.mu.Lock()
	for l.forgotten {
		l.mu.Unlock()
		l = l.pacer.lane(l.key)
		l.mu.Lock()
	}
	return l
}

// wanted keeps lanes that are in use.
func (l *lane) wanted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgotten = l.waiting() == 0 && l.pace.inFlight == 0
	return !l.forgotten
}

func (l *lane) waiting() int { return l.again.Len() + l.first.Len() }

// Accepted is the number of attempts that the API has accepted. It is part of
// [Lane].
func (l *lane) Accepted() uint64 {
	l = l.live()
	defer l.mu.Unlock()
	return l.pace.accepted
}

// Wait waits for the turn of an attempt. It is part of [Lane].
func (l *lane) Wait(ctx context.Context, turn Turn) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	latest := never
	now := clock()
	if !turn.Latest.IsZero() {
		latest = now + time.Until(turn.Latest)
	}
	l = l.live()
	w, err := l.enter(now, latest, turn.Again)
	l.mu.Unlock()
	if w == nil {
		return err
	}
	select {
	case err = <-w.told:
	case <-ctx.Done():
	}
	// Of the events of one moment the end of the context counts: an attempt that
	// will not be made must not keep its turn from the others.
	if ctx.Err() != nil {
		l.leave(w, err)
		return context.Cause(ctx)
	}
	return err
}

// enter starts an attempt at once or makes a waiter of it. It requires that mu
// is held.
func (l *lane) enter(now, latest time.Duration, again bool) (*waiter, error) {
	if latest < now {
		return nil, ErrPaceLate
	}
	if l.waiting() == 0 || again && l.again.Len() == 0 {
		if ok, _ := l.pace.tryAcquire(now); ok {
			return nil, nil
		}
	}
	ahead := l.again.Len()
	if !again {
		ahead += l.first.Len()
	}
	if l.pace.estimate(ahead) > latest {
		return nil, ErrPaceLate
	}
	w := &waiter{latest: latest, told: make(chan error, 1), queue: &l.first}
	if again {
		w.queue = &l.again
	}
	if l.waiting() == 0 {
		l.soonest = never
	}
	w.place = w.queue.PushBack(w)
	l.soonest = min(l.soonest, latest)
	l.serve(now)
	return w, nil
}

// serve starts the attempts whose turn has come and sets the timer for the next
// event. It requires that mu is held.
func (l *lane) serve(now time.Duration) {
	for l.waiting() > 0 {
		w := l.head()
		if w.latest < now {
			l.tell(w, ErrPaceLate)
			continue
		}
		ok, next := l.pace.tryAcquire(now)
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
func (l *lane) head() *waiter {
	if front := l.again.Front(); front != nil {
		return front.Value.(*waiter)
	}
	return l.first.Front().Value.(*waiter)
}

// tell takes w out of its queue and tells it err. It requires that mu is held.
func (l *lane) tell(w *waiter, err error) {
	w.queue.Remove(w.place)
	w.queue = nil
	w.told <- err
}

// tellLate tells those whose turn would come too late. It requires that mu is
// held.
func (l *lane) tellLate(now time.Duration) {
	if n := l.waiting(); n == 0 || l.soonest >= now && l.pace.estimate(n-1) <= l.soonest {
		return
	}
	l.soonest = never
	ahead := 0
	for _, queue := range []*list.List{&l.again, &l.first} {
		for e := queue.Front(); e != nil; {
			w := e.Value.(*waiter)
			e = e.Next()
			if w.latest < now || l.pace.estimate(ahead) > w.latest {
				l.tell(w, ErrPaceLate)
				continue
			}
			ahead++
			l.soonest = min(l.soonest, w.latest)
		}
	}
}

// settle makes the timer run, while anybody waits, until next or until somebody
// is late. It requires that mu is held.
func (l *lane) settle(now, next time.Duration) {
	if l.waiting() == 0 {
		if l.timer != nil {
			l.timer.Stop()
			l.timer = nil
		}
		return
	}
	if l.soonest < never {
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
func (l *lane) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.serve(clock())
}

// leave takes w out of its queue, or gives its turn back if it came: err is what
// w was told, if it has looked.
func (l *lane) leave(w *waiter, err error) {
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
		l.pace.undo()
		l.serve(clock())
	}
}

// Done tells how an attempt has ended. It is part of [Lane].
func (l *lane) Done(r PaceResult) {
	l = l.live()
	defer l.mu.Unlock()
	now := clock()
	l.pace.done(now, r)
	if l.waiting() > 0 {
		l.serve(now)
	}
}

// describe requires that mu is held.
func (l *lane) describe() Pace {
	l.pace.tick(clock())
	return Pace{
		Host: l.key.Host, Action: l.key.Action, Mode: l.pace.mode, Quota: l.pace.limit, Rate: l.pace.perSecond(),
		Waiting: l.waiting(), InFlight: l.pace.inFlight,
	}
}
