package tcredis

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tcretry/tcretry/ratelimit"
)

// maxLimit is the largest limit that is accepted; the largest documented ones are some
// thousands per second.
const maxLimit = 1 << 20

// The suffixes mark the actions of the limiters in memory. That of the reserved attempts of a
// key keeps only the limits that concern several keys; the limit of the key itself is kept by
// the reservations. No action in memory is "" but that of limits that concern several keys.
const (
	unreservedSuffix = " unreserved"
	reservedSuffix   = " reserved"
)

// keyLimiter is the [ratelimit.KeyLimiter] of one key. Once the limit is known, attempts are
// reserved: in Redis, or while that is down by the fallback, which keeps the share of this
// process. Before that the limiter in memory limits them.
type keyLimiter struct {
	limiter    *Limiter
	key        ratelimit.Key
	name       string               // in Redis
	configured int                  // the limit that the user configured; 0 to learn it
	local      localLimiter         // for attempts that are not reserved
	group      ratelimit.KeyLimiter // for limits that concern several keys, of reserved attempts
	inFlight   atomic.Int64         // of reserved attempts

	mu           sync.Mutex
	reserving    bool // attempts are reserved; guarded by mu, as all below
	limit        int  // the latest one received; 0 if it is not known
	rate         float64
	peeked       bool // Redis was read for a limit that others have learned
	queue        waitQueue
	reservations reservations
	requesting   bool        // a command is in progress
	timer        *time.Timer // nil before the first call waits, stopped while none does
	throttled    *throttling // to be reported with the next reservation
	throttledAt  time.Time   // when it was received
	streak       throttleStreak

	fallback       fallback
	onFallback     bool      // the fallback reserves
	rejoinedUntil  time.Time // until when the fallback limits the reservations in Redis
	started        startLog  // reserved attempts
	lastUnreserved time.Time // when the last attempt without a reservation in Redis starts
	processes      int       // that reserve; 0 if it is not known
	census         int64     // the number of the last census that counted this process
}

func newKeyLimiter(r *Limiter, key ratelimit.Key) *keyLimiter {
	l := &keyLimiter{limiter: r, key: key, name: r.name(key), configured: min(max(0, r.configured(key)), maxLimit)}
	l.limit, l.reserving = l.configured, l.configured > 0
	l.local = newLocalLimiter(r.memory.ForKey(withSuffix(key, unreservedSuffix)))
	l.group = r.memory.ForKey(withSuffix(key, reservedSuffix))
	return l
}

func withSuffix(key ratelimit.Key, suffix string) ratelimit.Key {
	key.Action += suffix
	return key
}

// Wait is part of [ratelimit.KeyLimiter].
func (l *keyLimiter) Wait(ctx context.Context, o ratelimit.WaitOptions) error {
	for {
		l.mu.Lock()
		l.syncRedis()
		reserving := l.reserving
		l.mu.Unlock()
		if reserving {
			return l.waitReserved(ctx, o)
		}
		if err := l.local.wait(ctx, o); err != errReserving {
			return err
		}
	}
}

// waitReserved waits for a reservation. Limits that concern several keys come first: a
// reservation that they delay would be wasted.
func (l *keyLimiter) waitReserved(ctx context.Context, o ratelimit.WaitOptions) error {
	if err := l.group.Wait(ctx, o); err != nil {
		return err
	}
	l.mu.Lock()
	w := l.enter(time.Now(), o)
	l.mu.Unlock()
	if err := l.await(ctx, w); err != nil {
		l.group.Done(ratelimit.Result{})
		return err
	}
	l.inFlight.Add(1)
	return nil
}

// enter makes the call a waiter. It requires that mu is held.
func (l *keyLimiter) enter(now time.Time, o ratelimit.WaitOptions) *waiter {
	w := &waiter{afterThrottle: o.AfterThrottle, notAfter: o.NotAfter, result: make(chan error, 1)}
	if l.queue.len() == 0 {
		l.reservations.expire(now)
	}
	// The new waiter alone is checked here: to check all of them for each is quadratic.
	if place := l.queue.add(w); w.late(now) || w.late(l.reservations.earliest(now, place, l.limit)) {
		l.queue.resolve(w, ratelimit.ErrTooLate)
	}
	l.update(now)
	return w
}

// await waits for the result of w.
func (l *keyLimiter) await(ctx context.Context, w *waiter) error {
	var err error
	received := false
	select {
	case err = <-w.result:
		received = true
	case <-ctx.Done():
	}
	// Of the events of one moment the end of the context counts: an attempt that
	// will not be made must leave its reservation to the others.
	if ctx.Err() == nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.queue.remove(w) && !received {
		err = <-w.result
		received = true
	}
	if received && err == nil {
		l.reservations.giveBack()
	}
	l.update(time.Now())
	return context.Cause(ctx)
}

// Done is part of [ratelimit.KeyLimiter].
func (l *keyLimiter) Done(r ratelimit.Result) {
	// The limiter in memory keeps the limits of all other codes.
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
		l.group.Done(r)
	}
	if own.Verdict == ratelimit.Accepted && local && !l.local.throttled.Load() {
		return // nothing was throttled, so there is nothing to update
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch own.Verdict {
	case ratelimit.Accepted:
		l.streak.count = 0
		l.fallback.accept(time.Now())
	case ratelimit.Throttled:
		l.throttle(time.Now(), own)
	}
	l.syncRedis()
}

// throttle learns from a throttling response. It requires that mu is held.
func (l *keyLimiter) throttle(now time.Time, r ratelimit.Result) {
	l.learnLimit(r)
	l.throttledAt = now
	l.streak.add(now, &l.reservations.notBefore)
	if l.onFallback || now.Before(l.rejoinedUntil) {
		l.fallback.throttle(now, *l.throttled, l.limit)
	}
	if l.onFallback {
		l.throttled = nil // it is too old for Redis when that is back
	}
}

// learnLimit learns the limit that a throttling response states. It requires that mu is held.
func (l *keyLimiter) learnLimit(r ratelimit.Result) {
	l.throttled = &throttling{}
	if 0 < r.Limit && r.Limit < r.Count && r.Limit <= maxLimit {
		l.throttled = &throttling{r.Count, r.Limit}
		l.limit = r.Limit
		if l.configured > 0 {
			l.limit = min(l.limit, l.configured)
		}
	}
	if l.limit == 0 {
		l.peeked = false // others may have learned it
	}
}

// throttleStreak counts the throttling responses in a row.
type throttleStreak struct {
	count int
	since time.Time
}

// add counts one. After three of them nothing of this process starts until the first is a
// second old, whatever is reserved: attempts sent within the same second of the server would
// be throttled too.
func (s *throttleStreak) add(now time.Time, notBefore *time.Time) {
	if s.count == 0 {
		s.since = now
	}
	if s.count++; s.count == 3 {
		s.count = 0
		*notBefore = s.since.Add(time.Second)
	}
}

// State returns the state of the key. tcretry.AttemptInfo contains it.
func (l *keyLimiter) State() ratelimit.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.reserving {
		s := l.local.state()
		s.Action = l.key.Action
		return s
	}
	rate := l.rate
	if l.onFallback {
		l.fallback.advance(time.Now(), l.limit)
		rate = l.fallback.rate
	}
	s := ratelimit.State{
		Host: l.key.Host, Action: l.key.Action, Mode: ratelimit.Own, Limit: l.limit, Rate: rate,
		Waiting: l.queue.len(), InFlight: int(l.inFlight.Load() + l.local.inFlight.Load()),
	}
	if rate > 0 && rate < float64(l.limit) {
		s.Mode = ratelimit.Shared
	}
	return s
}
