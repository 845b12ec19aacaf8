package tcretry

import (
	"time"

	"github.com/cenkalti/backoff/v4"
)

// classBackoffs are the default delays of the retryable classes.
var classBackoffs = [classCount]Backoff{
	// Requests are counted in windows of one second: an earlier retry falls into the
	// window that rejected the request. The first delay is 1s to 1.5s, so that callers
	// rejected together do not retry together. The interval then doubles, so that many
	// callers spread out, up to 10s.
	// Source: cloud.tencent.com/document/product/1278/109059.
	Throttled: {Initial: 1250 * time.Millisecond, Max: 10 * time.Second, Multiplier: 2, Jitter: 0.2},
	// Operations in progress take seconds to minutes. The first retry after 2s to 3s
	// comes after a short one. The intervals then triple, because an operation that
	// takes longer rarely ends in the next few seconds, up to 30s, so that a call
	// continues soon after the end. The 4 attempts of the default policy span 26s to
	// 39s. Public retry lists wait longer: the Terraform provider 3 minutes (reads) or 5
	// (writes), the Packer plugin 60 attempts 1s to 5s apart. Those run unattended. With
	// a default, a person may be waiting, the official SDK times out after 60s, and a
	// resource may be in use permanently, which its caller should learn soon. A rule
	// makes calls wait for minutes: see Rule.MaxElapsed.
	Busy: {Initial: 2500 * time.Millisecond, Max: 25 * time.Second, Multiplier: 3, Jitter: 0.2},
	// Full jitter spreads the retries of many callers best. The first delay of up to
	// 200ms outlasts a short failure; the last of up to 5s finds a recovered service
	// quickly while the retry budget limits the load.
	Transient: fullJitter,
	// The same errors, with the outcome unknown.
	Ambiguous: fullJitter,
}

// fullJitter is uniform jitter from 0 to 200ms, 400ms … 5s: twice the interval, because
// a jitter of 1 spreads it over both sides.
var fullJitter = Backoff{Initial: 100 * time.Millisecond, Max: 2500 * time.Millisecond, Multiplier: 2, Jitter: 1}

// own reports whether b sets any field.
func (b Backoff) own() bool {
	return b.New != nil || b.Initial != 0 || b.Max != 0 || b.Multiplier != 0 || b.Jitter != 0
}

// over returns b with its zero fields taken from less, the less specific backoff. New
// replaces all other fields: it is taken only if b is zero.
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
	// Initial must not exceed Max, or the delays would shrink: the field of b limits the
	// one of less.
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

// newBackOff returns a new sequence of delays: each is at least leastDelay and at most
// maxDelay, which takes precedence. It belongs to one call and is not safe for
// concurrent use.
func (r *resolved) newBackOff(maxDelay time.Duration) backoff.BackOff {
	var delays backoff.BackOff
	if r.backoff.New != nil {
		delays = r.backoff.New()
	} else {
		delays = r.backoff.exponential()
	}
	if delays == nil {
		// A New that returns nil ends the call.
		delays = &backoff.StopBackOff{}
	}
	return &bounded{BackOff: delays, least: r.leastDelay, most: maxDelay}
}

// exponential returns the sequence of a Backoff with all fields set. It has no time
// limit, because the policy limits the time of a call.
func (b Backoff) exponential() backoff.BackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(b.Initial),
		backoff.WithMaxInterval(b.Max),
		backoff.WithMultiplier(b.Multiplier),
		backoff.WithRandomizationFactor(max(b.Jitter, 0)),
		backoff.WithMaxElapsedTime(0),
	)
}

// bounded limits the delays of a sequence.
type bounded struct {
	backoff.BackOff
	least, most time.Duration
}

// NextBackOff returns the next delay, or backoff.Stop. The delay is added to the minimum
// delay, so that calls which wait for the same moment do not retry together.
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
