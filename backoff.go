package tcretry

import (
	"time"

	"github.com/cenkalti/backoff/v4"
)

// classBackoffs are the delays of each class that may be repeated, where no rule
// says anything else.
var classBackoffs = [classCount]Backoff{
	// The quota is counted in windows of one second: earlier than that the same
	// window rejects us again. From 1s to 1.5s, so that callers who were rejected
	// together do not come back together, then doubling, so that a crowd
	// spreads; 10s are windows enough for one call.
	// Source: cloud.tencent.com/document/product/1278/109059.
	Throttled: {Initial: 1250 * time.Millisecond, Max: 10 * time.Second, Multiplier: 2, Jitter: 0.2},
	// What is in progress takes seconds to minutes. The first retry after 2s to 3s
	// finds what was short; the intervals then triple, as something that takes
	// longer is rarely over in the next few seconds, to 30s at most, so that a call
	// notices the end while it matters. The 4 attempts of the default policy span
	// 26s to 39s. Public lists of retries wait longer: the Terraform provider 3
	// minutes (reads) or 5 (writes), the Packer plugin 60 attempts 1s to 5s apart.
	// They run unattended. Behind a default there may be a person, the official
	// SDK's time-out of 60s, and a resource that is in use for good, whose caller
	// had better know soon. To wait for minutes takes one rule: see Rule.MaxElapsed.
	Busy: {Initial: 2500 * time.Millisecond, Max: 25 * time.Second, Multiplier: 3, Jitter: 0.2},
	// Full jitter, the whole delay random, spreads the retries of many callers
	// best: up to 200ms first, a blip is over by then; up to 5s at last, a
	// service that is back is found quickly while the budget bounds the load.
	Transient: fullJitter,
	// The same failures, seen from where nobody answered.
	Ambiguous: fullJitter,
}

// fullJitter draws from 0 to 200ms, 400ms … 5s: twice the interval, which a
// jitter of 1 spreads over both sides.
var fullJitter = Backoff{Initial: 100 * time.Millisecond, Max: 2500 * time.Millisecond, Multiplier: 2, Jitter: 1}

// own reports whether b says anything.
func (b Backoff) own() bool {
	return b.New != nil || b.Initial != 0 || b.Max != 0 || b.Multiplier != 0 || b.Jitter != 0
}

// over returns b with what it leaves open taken from less, which is less
// specific. New stands in place of all fields, so it goes only with none.
func (b Backoff) over(less Backoff) Backoff {
	switch {
	case b.New != nil || !less.own():
		return b
	case !b.own():
		return less
	}
	if b.Multiplier == 0 {
		b.Multiplier = less.Multiplier
	}
	if b.Jitter == 0 {
		b.Jitter = less.Jitter
	}
	// The more specific of Initial and Max stands: the other gives way, or the
	// sequence would shrink.
	switch {
	case b.Initial == 0 && b.Max == 0:
		b.Initial, b.Max = less.Initial, less.Max
	case b.Initial == 0 && less.Initial != 0:
		b.Initial = min(less.Initial, b.Max)
	case b.Max == 0 && less.Max != 0:
		b.Max = max(less.Max, b.Initial)
	}
	return b
}

// newBackOff returns a fresh sequence of delays, each at most maxDelay and, with
// that as the bound, no shorter than leastDelay. Not safe for concurrent use: it
// belongs to one call.
func (r *resolved) newBackOff(maxDelay time.Duration) backoff.BackOff {
	var delays backoff.BackOff
	if r.backoff.New != nil {
		delays = r.backoff.New()
	} else {
		delays = r.backoff.exponential()
	}
	if delays == nil {
		// A New that makes nothing has no delay to offer.
		delays = &backoff.StopBackOff{}
	}
	return &bounded{BackOff: delays, least: r.leastDelay, most: maxDelay}
}

// exponential returns the sequence that the fields of a filled Backoff describe.
// The policy bounds the time of a call, so the sequence does not.
func (b Backoff) exponential() backoff.BackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(b.Initial),
		backoff.WithMaxInterval(b.Max),
		backoff.WithMultiplier(b.Multiplier),
		backoff.WithRandomizationFactor(max(b.Jitter, 0)),
		backoff.WithMaxElapsedTime(0),
	)
}

// bounded keeps the delays of a sequence in bounds.
type bounded struct {
	backoff.BackOff
	least, most time.Duration
}

// NextBackOff returns the next delay, or backoff.Stop. The delay comes on top of
// the least one, or those who wait for the same moment would all come at it.
func (b *bounded) NextBackOff() time.Duration {
	delay := b.BackOff.NextBackOff()
	if delay < 0 {
		return backoff.Stop
	}
	if delay > b.most-b.least {
		return b.most
	}
	return b.least + delay
}
