package tcredis

import (
	"slices"
	"time"

	"github.com/tcretry/tcretry"
)

const (
	// outstanding is how many bookings a process has at once: one to start and one
	// that is on its way meanwhile. A process that dies wastes no more.
	outstanding = 2
	// stale is how late a booking may be used: as much as attempts are kept apart
	// by (see WINDOW in book.lua).
	stale = 7 * time.Millisecond
	// perSecond is the WINDOW of book.lua.
	perSecond = time.Second + stale
)

// bookings are those that a lane has and has asked for.
type bookings struct {
	due    []time.Time // in the order of their times
	asking int
	last   time.Time     // when the last one is or was due; zero before the first
	apart  time.Duration // how far the last two were apart, or would be
	hold   time.Time     // when the next one may be used at the earliest
}

// forget drops those that nobody used in time.
func (b *bookings) forget(now time.Time) {
	for len(b.due) > 0 && now.Sub(b.due[0]) > stale {
		b.due = b.due[1:]
	}
}

// take takes the next booking if its time has come.
func (b *bookings) take(now time.Time) bool {
	if len(b.due) == 0 || b.first().After(now) {
		return false
	}
	b.due = b.due[1:]
	return true
}

// first returns when the first of them may be used.
func (b *bookings) first() time.Time { return latest(b.due[0], b.hold) }

// giveBack returns the booking that was taken last.
func (b *bookings) giveBack() { b.due = slices.Insert(b.due, 0, time.Now()) }

// got adds a booking.
func (b *bookings) got(now time.Time, r reply) {
	due := now.Add(r.wait)
	switch {
	case r.wait == 0: // the quota is not used up
		b.apart = 0
	case len(b.due) > 0: // others may book in between
		b.apart = due.Sub(b.last)
	default:
		b.apart = time.Duration(float64(perSecond) / r.rate)
	}
	b.last = due
	at, _ := slices.BinarySearchFunc(b.due, due, time.Time.Compare)
	b.due = slices.Insert(b.due, at, due)
}

// start returns when the waiter at a place will start, as things stand.
func (b *bookings) start(now time.Time, place int) time.Time {
	if place < len(b.due) {
		return latest(b.due[place], b.hold)
	}
	next := latest(b.last.Add(b.apart), now)
	return latest(next.Add(b.apart*time.Duration(place-len(b.due))), b.hold)
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// work lets those start whose time has come, books for the others and sets the
// timer for what comes next. It requires that mu is held.
func (l *lane) work(now time.Time) {
	for l.queue.len() > 0 {
		w := l.queue.head()
		if w.late(now) {
			l.queue.tell(w, tcretry.ErrPaceLate)
			continue
		}
		if !l.bookings.take(now) {
			break
		}
		l.lastStart.add(now)
		l.queue.tell(w, nil)
	}
	l.queue.tellLate(now, func(place int) time.Time { return l.bookings.start(now, place) }, tcretry.ErrPaceLate)
	l.book(now)
	l.settle(now)
}

// book asks for as many bookings as there are waiters without, up to outstanding.
// It requires that mu is held.
func (l *lane) book(now time.Time) {
	for l.booked && len(l.bookings.due)+l.bookings.asking < min(outstanding, l.queue.len()) {
		if !l.pacer.link.up() {
			// What is booked is used first: the fleet counts on it.
			if len(l.bookings.due) == 0 {
				l.fall(now)
			}
			return
		}
		o := order{
			booking: true, quiet: now.Sub(l.unbooked) > perSecond, set: l.set,
			rejected: l.rejected, accepted: l.untold,
		}
		if l.rate > 0 { // it is known to Redis as well, or was
			o.known = l.quota
		}
		l.rejected, l.untold = nil, 0
		l.bookings.asking++
		l.pacer.link.ask(l.name, o, func(r reply, err error) { l.answered(o, r, err) })
	}
}

// answered takes in what Redis says to a booking.
func (l *lane) answered(o order, r reply, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.bookings.asking--
	if err != nil {
		if l.rejected == nil {
			l.rejected = o.rejected
		}
		l.untold += o.accepted
		l.work(now)
		return
	}
	l.quota, l.rate = r.quota, r.rate
	if heard := l.all + o.accepted; l.all > 0 && r.accepted > heard {
		l.accepted.Add(r.accepted - heard)
	}
	l.all = r.accepted
	l.bookings.got(now, r)
	l.work(now)
}

// heed turns to Redis when it may be asked. It requires that mu is held.
func (l *lane) heed() {
	switch k := &l.pacer.link; {
	case !k.up():
		if k.mayProbe() {
			l.look()
		}
	case l.booked:
	case l.quota > 0:
		l.rise()
	case !l.looked:
		l.look()
	}
}

// look asks what others know, without a wait for anybody. It requires that mu is
// held.
func (l *lane) look() {
	l.looked = true
	l.pacer.link.ask(l.name, order{set: l.set}, func(r reply, err error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if err != nil {
			l.looked = false
			return
		}
		if r.quota > 0 {
			l.quota, l.rate = r.quota, r.rate
		}
		l.heed()
	})
}

// rise begins to book. Those that wait in the local pacer come back. It requires
// that mu is held.
func (l *lane) rise() {
	l.booked = true
	l.local.end(errChange)
}

// fall leaves attempts to the local pacer. It requires that mu is held and that
// no booking is left.
func (l *lane) fall(now time.Time) {
	l.booked = false
	l.local = newWarmLocal(l.key, l.lastStart.last(now), l.quota)
	for l.queue.len() > 0 {
		l.queue.tell(l.queue.head(), errChange)
	}
}

// settle makes the timer run, while anybody waits, until the next booking is due
// or somebody is late. It requires that mu is held.
func (l *lane) settle(now time.Time) {
	if l.queue.len() == 0 {
		if l.timer != nil {
			l.timer.Stop()
			l.timer = nil
		}
		return
	}
	next := l.queue.soonest
	if len(l.bookings.due) > 0 && (next.IsZero() || l.bookings.first().Before(next)) {
		next = l.bookings.first()
	}
	switch {
	case next.IsZero(): // an answer will tell
		if l.timer != nil {
			l.timer.Stop()
		}
	case l.timer == nil:
		l.timer = time.AfterFunc(next.Sub(now)+1, l.wake)
	default:
		l.timer.Reset(next.Sub(now) + 1)
	}
}

// wake is what the timer runs.
func (l *lane) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.work(time.Now())
}
