package tcredis

import (
	"slices"
	"time"

	"github.com/tcretry/tcretry/ratelimit"
)

const (
	// outstanding is how many bookings of later a process has: one to start and one
	// that is on its way meanwhile. A process that dies wastes no more.
	outstanding = 2
	// mostWanted bounds the work of Redis for one command.
	mostWanted = 64
	// stale is how late a booking may be used: as much as attempts are kept apart
	// by (see WINDOW in book.lua).
	stale = 10 * time.Millisecond
	// news is how old a rejection may be that is told: it is in a moment, unless
	// the calls have given up, and then it tells nothing of this second any more.
	news = 2 * time.Second
	// clearly is how much more than an equal share is no chance of the moment.
	clearly = 1.5
	// perSecond is the WINDOW of book.lua.
	perSecond = time.Second + stale
)

// bookings are those that a lane has.
type bookings struct {
	due  []time.Time // in the order of their times
	hold time.Time   // when the next one may be used at the earliest
	rate float64     // of the whole fleet, or of this process without Redis
}

// forget drops those that nobody used in time.
func (b *bookings) forget(now time.Time) {
	for len(b.due) > 0 && now.Sub(b.due[0]) > stale {
		b.due = b.due[1:]
	}
}

// take takes the next booking if its time has come.
func (b *bookings) take(now time.Time) bool {
	if len(b.due) == 0 || b.next().After(now) {
		return false
	}
	b.due = b.due[1:]
	return true
}

// next returns when the first of them may be used.
func (b *bookings) next() time.Time { return latest(b.due[0], b.hold) }

// giveBack returns the booking that was taken last.
func (b *bookings) giveBack() { b.insert(time.Now()) }

// add adds a booking that was made at a rate.
func (b *bookings) add(due time.Time, rate float64) {
	b.insert(due)
	b.rate = rate
}

func (b *bookings) insert(due time.Time) {
	at, _ := slices.BinarySearchFunc(b.due, due, time.Time.Compare)
	b.due = slices.Insert(b.due, at, due)
}

// earliest returns when the waiter at a place can start at the earliest: if all of
// the quota is this process's from now on. A booking counts if it was made at the whole
// quota. A rate that was cut is no certain thing, so it makes nobody late.
func (b *bookings) earliest(now time.Time, place, quota int) time.Time {
	if quota == 0 {
		return now
	}
	at := now.Add(time.Duration(place/quota) * time.Second)
	if place < len(b.due) && b.rate >= float64(quota) {
		return latest(at, b.due[place])
	}
	return at
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
	if l.alone && l.pacer.link.up() {
		l.rejoin(now)
	}
	l.serve(now)
	for l.book(now) {
		l.serve(now)
	}
	l.settle(now)
}

// serve tells those whose time has come, and those who will be late. It requires
// that mu is held.
func (l *lane) serve(now time.Time) {
	for l.queue.len() > 0 {
		w := l.queue.head()
		if w.late(now) {
			l.queue.tell(w, ratelimit.ErrTooLate)
			continue
		}
		if !l.bookings.take(now) {
			break
		}
		l.began.add(now)
		l.queue.tell(w, nil)
	}
	l.queue.tellLate(now, func(place int) time.Time { return l.bookings.earliest(now, place, l.quota) }, ratelimit.ErrTooLate)
}

// book asks for bookings if a waiter is without. It returns true if one was made
// that may be used at once. It requires that mu is held.
func (l *lane) book(now time.Time) bool {
	want, ahead := l.queue.len()-len(l.bookings.due), outstanding-len(l.bookings.due)
	if want <= 0 || ahead <= 0 {
		return false
	}
	if !l.pacer.link.up() {
		return l.bookAlone(now)
	}
	if l.asking {
		return false
	}
	if now.Before(l.back) {
		// Some of the others do not know of it yet, and keep their shares.
		if l.clerk.next.After(now) {
			return false
		}
		l.clerk.book(now, l.quota)
		want = 1
	}
	if now.Sub(l.heard) > news {
		l.rejected = nil
	}
	o := order{
		want: min(want, mostWanted), ahead: ahead, quiet: now.Sub(l.unbooked) > perSecond, set: l.set,
		rejected: l.rejected, census: l.census,
	}
	if l.rate > 0 || l.set == 0 { // else it was set, and nobody was told yet
		o.known = l.quota
	}
	l.rejected, l.asking = nil, true
	l.pacer.link.ask(l.name, o, func(r reply, err error) { l.answered(o, r, err) })
	return false
}

// bookAlone books without Redis. What was booked there is used first: the fleet
// counts on it. It requires that mu is held.
func (l *lane) bookAlone(now time.Time) bool {
	if len(l.bookings.due) > 0 {
		return false
	}
	if !l.alone {
		l.alone, l.rejected = true, nil
		l.clerk.takeOver(now, l.share(now), l.fleet > 0, &l.began)
	}
	l.unbooked = l.clerk.book(now, l.quota)
	l.bookings.add(l.unbooked, l.clerk.rate)
	return !l.unbooked.After(now)
}

// rejoin ends the clerk's time. What it booked is no booking to the others. It
// requires that mu is held.
func (l *lane) rejoin(now time.Time) {
	l.alone, l.back = false, now.Add(longestPause+l.pacer.link.timeout)
	if len(l.bookings.due) > 0 {
		l.clerk.next, l.bookings.due = l.bookings.due[0], nil
	}
}

// share is the part of the quota that this process takes without Redis: an equal
// one, for who used less may need it; or what it used lately, if that was clearly
// more. It requires that mu is held.
func (l *lane) share(now time.Time) float64 {
	equal := float64(l.quota) / float64(max(1, l.fleet))
	if lately := l.began.rate(now); lately > clearly*equal {
		return min(lately, float64(l.quota))
	}
	return equal
}

// answered takes in what Redis says to a booking.
func (l *lane) answered(o order, r reply, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.asking = false
	if err != nil {
		if l.rejected == nil && !l.alone {
			l.rejected = o.rejected
		}
		l.work(now)
		return
	}
	l.quota, l.rate, l.census = r.quota, r.rate, r.census
	if r.fleet >= l.fleet || now.Sub(l.back) > forgotten {
		l.fleet = r.fleet
	}
	if l.alone {
		l.rejoin(now)
	}
	for _, wait := range r.waits {
		l.bookings.add(now.Add(wait), r.rate)
	}
	l.work(now)
}

// forgotten is how long Redis may count too few processes, after it was away: two
// times the CENSUS of book.lua.
const forgotten = 10 * time.Second

// settle makes the timer run, while anybody waits, until the next booking is due,
// somebody is late, or Redis may be back. It requires that mu is held.
func (l *lane) settle(now time.Time) {
	if l.queue.len() == 0 {
		if l.timer != nil {
			l.timer.Stop()
			l.timer = nil
		}
		return
	}
	next := l.queue.look()
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if len(l.bookings.due) > 0 {
		sooner(l.bookings.next())
	}
	if l.alone {
		sooner(now.Add(longestPause))
	}
	if now.Before(l.back) {
		sooner(l.back)
		if l.clerk.next.After(now) {
			sooner(l.clerk.next)
		}
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
	l.heed()
	l.work(time.Now())
}
