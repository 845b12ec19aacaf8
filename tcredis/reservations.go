package tcredis

import (
	"slices"
	"time"

	"github.com/tcretry/tcretry/ratelimit"
)

const (
	// maxAhead is how many reservations a process has ahead: one to start, and one that is
	// requested meanwhile. A process that dies wastes no more.
	maxAhead = 2
	// maxReserve limits the work of Redis for one command.
	maxReserve = 64
	// maxLateness is how late a reservation may be used: as much as WINDOW in reserve.lua
	// is longer than a second.
	maxLateness = 10 * time.Millisecond
	// throttleMaxAge is how old a throttling response may be that is reported to Redis. It
	// is reported immediately unless the calls were canceled, and then it is no evidence of
	// this second any more.
	throttleMaxAge = 2 * time.Second
	// clearlyMore is the part of an equal share above which a higher use is no chance.
	clearlyMore = 1.5
	// window is the WINDOW of reserve.lua.
	window = time.Second + maxLateness
)

// reservations are the start times that a process has reserved for a key.
type reservations struct {
	due       []time.Time // sorted
	notBefore time.Time   // when the next one may be used at the earliest
	rate      float64     // per second, of all processes, or of this one without Redis
}

// expire removes the reservations that were not used in time.
func (b *reservations) expire(now time.Time) {
	for len(b.due) > 0 && now.Sub(b.due[0]) > maxLateness {
		b.due = b.due[1:]
	}
}

// take uses the next reservation if its time has come.
func (b *reservations) take(now time.Time) bool {
	if len(b.due) == 0 || b.next().After(now) {
		return false
	}
	b.due = b.due[1:]
	return true
}

// next returns when the first of them may be used.
func (b *reservations) next() time.Time { return later(b.due[0], b.notBefore) }

// giveBack returns the reservation that was taken last.
func (b *reservations) giveBack() { b.insert(time.Now()) }

// add adds a reservation that was made at a rate.
func (b *reservations) add(due time.Time, rate float64) {
	b.insert(due)
	b.rate = rate
}

func (b *reservations) insert(due time.Time) {
	at, _ := slices.BinarySearchFunc(b.due, due, time.Time.Compare)
	b.due = slices.Insert(b.due, at, due)
}

// earliest returns when the waiter at a place can start at the earliest: if all of the limit
// is available to this process from now on. A reservation counts if it was made at the whole
// limit. A rate that was cut is an estimate, so it makes no call late.
func (b *reservations) earliest(now time.Time, place, limit int) time.Time {
	if limit == 0 {
		return now
	}
	at := now.Add(time.Duration(place/limit) * time.Second)
	if place < len(b.due) && b.rate >= float64(limit) {
		return later(at, b.due[place])
	}
	return at
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// update starts the attempts that are due, reserves for the others and sets the timer for the
// next event. It requires that mu is held.
func (l *keyLimiter) update(now time.Time) {
	if l.onFallback && l.limiter.link.up() {
		l.rejoin(now)
	}
	l.serve(now)
	for l.reserve(now) {
		l.serve(now)
	}
	l.schedule(now)
}

// serve ends the waits of the attempts that are due, and of those that would start too late.
// It requires that mu is held.
func (l *keyLimiter) serve(now time.Time) {
	for l.queue.len() > 0 {
		w := l.queue.head()
		if w.late(now) {
			l.queue.resolve(w, ratelimit.ErrTooLate)
			continue
		}
		if !l.reservations.take(now) {
			break
		}
		l.started.add(now)
		l.queue.resolve(w, nil)
	}
	l.queue.rejectLate(now, func(place int) time.Time { return l.reservations.earliest(now, place, l.limit) }, ratelimit.ErrTooLate)
}

// reserve requests reservations if a waiter has none. It returns true if one was made that may
// be used immediately. It requires that mu is held.
func (l *keyLimiter) reserve(now time.Time) bool {
	want, ahead := l.queue.len()-len(l.reservations.due), maxAhead-len(l.reservations.due)
	if want <= 0 || ahead <= 0 {
		return false
	}
	if !l.limiter.link.up() {
		return l.reserveLocally(now)
	}
	if l.requesting {
		return false
	}
	if now.Before(l.rejoinedUntil) {
		// Some processes have not detected yet that Redis is back, and use their shares.
		if l.fallback.next.After(now) {
			return false
		}
		l.fallback.reserve(now, l.limit)
		want = 1
	}
	if now.Sub(l.throttledAt) > throttleMaxAge {
		l.throttled = nil
	}
	o := request{
		want: min(want, maxReserve), ahead: ahead, quiet: now.Sub(l.lastUnreserved) > window, configured: l.configured,
		throttled: l.throttled, census: l.census,
	}
	if l.rate > 0 || l.configured == 0 { // else it is the configured one
		o.limit = l.limit
	}
	l.throttled, l.requesting = nil, true
	l.limiter.link.send(l.name, o, func(r reply, err error) { l.received(o, r, err) })
	return false
}

// reserveLocally reserves without Redis. The reservations made there are used first, because
// the other processes respect them. It requires that mu is held.
func (l *keyLimiter) reserveLocally(now time.Time) bool {
	if len(l.reservations.due) > 0 {
		return false
	}
	if !l.onFallback {
		l.onFallback, l.throttled = true, nil
		l.fallback.begin(now, l.share(now), l.processes > 0, &l.started)
	}
	l.lastUnreserved = l.fallback.reserve(now, l.limit)
	l.reservations.add(l.lastUnreserved, l.fallback.rate)
	return !l.lastUnreserved.After(now)
}

// rejoin ends the fallback. Its reservations are not those of the other processes, so they are
// dropped. It requires that mu is held.
func (l *keyLimiter) rejoin(now time.Time) {
	l.onFallback, l.rejoinedUntil = false, now.Add(maxPause+l.limiter.link.timeout)
	if len(l.reservations.due) > 0 {
		l.fallback.next, l.reservations.due = l.reservations.due[0], nil
	}
}

// share is the rate of this process without Redis: an equal part of the limit, also for a
// process that used less; or what it used recently, if that was clearly more. It requires
// that mu is held.
func (l *keyLimiter) share(now time.Time) float64 {
	equal := float64(l.limit) / float64(max(1, l.processes))
	if recent := l.started.rate(now); recent > clearlyMore*equal {
		return min(recent, float64(l.limit))
	}
	return equal
}

// received processes the reply of Redis to a request.
func (l *keyLimiter) received(o request, r reply, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.requesting = false
	if err != nil {
		if l.throttled == nil && !l.onFallback {
			l.throttled = o.throttled
		}
		l.update(now)
		return
	}
	l.limit, l.rate, l.census = r.limit, r.rate, r.census
	if r.processes >= l.processes || now.Sub(l.rejoinedUntil) > censusMemory {
		l.processes = r.processes
	}
	if l.onFallback {
		l.rejoin(now)
	}
	for _, wait := range r.waits {
		l.reservations.add(now.Add(wait), r.rate)
	}
	l.update(now)
}

// censusMemory is how long Redis may count too few processes after it was down: two times the
// CENSUS of reserve.lua.
const censusMemory = 10 * time.Second

// schedule sets the timer, while calls wait, to the next time at which a reservation is due, a
// deadline passes, or Redis may be back. It requires that mu is held.
func (l *keyLimiter) schedule(now time.Time) {
	if l.queue.len() == 0 {
		if l.timer != nil {
			l.timer.Stop()
		}
		return
	}
	next := l.queue.nextCheck()
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if len(l.reservations.due) > 0 {
		sooner(l.reservations.next())
	}
	if l.onFallback {
		sooner(now.Add(maxPause))
	}
	if now.Before(l.rejoinedUntil) {
		sooner(l.rejoinedUntil)
		if l.fallback.next.After(now) {
			sooner(l.fallback.next)
		}
	}
	switch {
	case next.IsZero(): // only a reply changes it
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
func (l *keyLimiter) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.syncRedis()
	l.update(time.Now())
}
