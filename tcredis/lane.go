package tcredis

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tcretry/tcretry/ratelimit"
)

// maxQuota is the largest quota that is believed or kept; the largest documented
// ones are some thousands a second.
const maxQuota = 1 << 20

// bookedSuffix marks the lane in memory of the booked attempts of a key. It keeps
// the quotas over many keys only, and learns nothing of the key's own, which would
// be in the way.
const bookedSuffix = " booked"

// lane paces the attempts of one key. Once the quota is known they are booked: in
// Redis, or, while that is down, by a clerk that keeps this process's share. Before
// that the pacer in memory has them.
type lane struct {
	pacer    *Limiter
	key      ratelimit.Key
	name     string               // in Redis
	set      int                  // the quota that the user set; 0 to learn it
	local    local                // for attempts that are not booked
	wide     ratelimit.KeyLimiter // for what counts more than this key, of booked ones
	inFlight atomic.Int64         // of the booked attempts

	mu       sync.Mutex
	booked   bool // from now on attempts are booked; guarded by mu, as all below
	quota    int  // as last heard; 0 if it is not known
	rate     float64
	looked   bool // Redis was asked for a quota that others know
	queue    queue
	bookings bookings
	asking   bool        // for more of them
	timer    *time.Timer // nil while nobody waits
	rejected *rejection  // to be told with the next booking
	heard    time.Time   // when it came
	misses   misses

	clerk    clerk
	alone    bool      // the clerk books
	back     time.Time // until when the clerk says when to book in Redis
	began    starts    // of the booked ones
	unbooked time.Time // when the last one starts that Redis does not know of
	fleet    int       // processes that book; 0 if it is not known
	census   int64     // the last that counted this one
}

func newLane(p *Limiter, key ratelimit.Key) *lane {
	l := &lane{pacer: p, key: key, name: p.name(key), set: min(max(0, p.quota(key)), maxQuota)}
	l.quota, l.booked = l.set, l.set > 0
	l.local = newLocal(p.memory.ForKey(key))
	key.Action += bookedSuffix
	l.wide = p.memory.ForKey(key)
	return l
}

// Wait is part of [ratelimit.KeyLimiter].
func (l *lane) Wait(ctx context.Context, turn ratelimit.WaitOptions) error {
	for {
		l.mu.Lock()
		l.heed()
		booked := l.booked
		l.mu.Unlock()
		if booked {
			return l.waitBooked(ctx, turn)
		}
		if err := l.local.wait(ctx, turn); err != errChange {
			return err
		}
	}
}

// waitBooked waits for a booking. What counts more than this key goes first: a
// booking that it made too late would be wasted.
func (l *lane) waitBooked(ctx context.Context, turn ratelimit.WaitOptions) error {
	if err := l.wide.Wait(ctx, turn); err != nil {
		return err
	}
	l.mu.Lock()
	w := l.enter(time.Now(), turn)
	l.mu.Unlock()
	if err := l.await(ctx, w); err != nil {
		l.wide.Done(ratelimit.Result{})
		return err
	}
	l.inFlight.Add(1)
	return nil
}

// enter makes the call a waiter. It requires that mu is held.
func (l *lane) enter(now time.Time, turn ratelimit.WaitOptions) *waiter {
	w := &waiter{again: turn.AfterThrottle, latest: turn.NotAfter, told: make(chan error, 1)}
	if l.queue.len() == 0 {
		l.bookings.forget(now)
	}
	// Whoever comes too late is told here: to look at all is too much for each.
	if place := l.queue.add(w); w.late(now) || w.late(l.bookings.earliest(now, place, l.quota)) {
		l.queue.tell(w, ratelimit.ErrTooLate)
	}
	l.work(now)
	return w
}

// await waits until w is told.
func (l *lane) await(ctx context.Context, w *waiter) error {
	var err error
	told := false
	select {
	case err = <-w.told:
		told = true
	case <-ctx.Done():
	}
	// Of the events of one moment the end of the context counts: an attempt that
	// will not be made must leave its booking to the others.
	if ctx.Err() == nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.queue.remove(w) && !told {
		err = <-w.told
		told = true
	}
	if told && err == nil {
		l.bookings.giveBack()
	}
	l.work(time.Now())
	return context.Cause(ctx)
}

// Done is part of [ratelimit.KeyLimiter].
func (l *lane) Done(r ratelimit.Result) {
	// The codes that concern more than this key are known to the pacer in memory.
	own := r
	if r.Verdict == ratelimit.Throttled && r.Code != "" && r.Code != "RequestLimitExceeded" {
		own = ratelimit.Result{}
	}
	local := l.local.done(r)
	if !local {
		l.inFlight.Add(-1)
		if own.Verdict == ratelimit.Throttled {
			r = ratelimit.Result{}
		}
		l.wide.Done(r)
	}
	if own.Verdict == ratelimit.Accepted && local && !l.local.slow.Load() {
		return // of a lane that nothing is known of
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch own.Verdict {
	case ratelimit.Accepted:
		l.misses.row = 0
		l.clerk.accept(time.Now())
	case ratelimit.Throttled:
		l.reject(time.Now(), own)
	}
	l.heed()
}

// reject takes in a rejection. It requires that mu is held.
func (l *lane) reject(now time.Time, r ratelimit.Result) {
	l.learn(r)
	l.heard = now
	l.misses.add(now, &l.bookings.hold)
	if l.alone || now.Before(l.back) {
		l.clerk.reject(now, *l.rejected, l.quota)
	}
	if l.alone {
		l.rejected = nil // it is no news to Redis once that is back
	}
}

// learn takes in what a rejection tells. It requires that mu is held.
func (l *lane) learn(r ratelimit.Result) {
	l.rejected = &rejection{}
	if 0 < r.Limit && r.Limit < r.Count && r.Limit <= maxQuota {
		l.rejected = &rejection{r.Count, r.Limit}
		l.quota = r.Limit
		if l.set > 0 {
			l.quota = min(l.quota, l.set)
		}
	}
	if l.quota == 0 {
		l.looked = false // others may know
	}
}

// misses are rejections in a row.
type misses struct {
	row   int
	since time.Time
}

// add counts one. After three of them nothing of this process starts until the
// first is a second old, whatever is booked: the server's second has ended then, and
// what is sent within it would be rejected.
func (m *misses) add(now time.Time, hold *time.Time) {
	if m.row == 0 {
		m.since = now
	}
	if m.row++; m.row == 3 {
		m.row = 0
		*hold = m.since.Add(time.Second)
	}
}

// Pace tells hooks what is known of the key.
func (l *lane) State() ratelimit.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.booked {
		return l.local.pace()
	}
	rate := l.rate
	if l.alone {
		rate = l.clerk.rate
	}
	pace := ratelimit.State{
		Host: l.key.Host, Action: l.key.Action, Mode: ratelimit.Own, Limit: l.quota, Rate: rate,
		Waiting: l.queue.len(), InFlight: int(l.inFlight.Load() + l.local.inFlight.Load()),
	}
	if rate > 0 && rate < float64(l.quota) {
		pace.Mode = ratelimit.Shared
	}
	return pace
}
