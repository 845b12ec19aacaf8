package ratelimit

import (
	"time"

	"github.com/tcretry/tcretry/internal/clock"
)

// slowProbeInterval is the interval of probes for a limit that was configured or loaded, by
// the time for which the key is busy: one attempt of 1,200 at the usual limit of 20.
const slowProbeInterval = time.Minute

// SetLimits sets the known limits of keys, in attempts per second, as the documentation of
// an action states them: a key with a known limit starts in [Own] mode, and needs no
// throttling response to learn it. limitOf returns 0 for a key whose limit is not known; it
// is called once for each key that is in use, and once for each later one, from any
// goroutine, and must not call a method of a. nil means that no limit is known.
//
// A known limit is where the limiter starts, not what it insists on: a throttling response
// that states another limit replaces it, and a probe per minute finds a raised one. Compare
// [State].Limit with [State].Configured to find a wrong one.
func (a *Adaptive) SetLimits(limitOf func(Key) int) {
	if limitOf == nil {
		limitOf = func(Key) int { return 0 }
	}
	a.limitOf.Store(&limitOf)
	var limiters []*keyLimiter
	a.keys.All(func(_ Key, l *keyLimiter) { limiters = append(limiters, l) })
	for _, l := range limiters {
		l.configure(a.configuredLimit(l.key))
	}
}

// configure sets the configured limit of the key, 0 for none, and starts the attempts that
// may start now.
func (l *keyLimiter) configure(limit int) {
	l = l.lockCurrent()
	defer l.mu.Unlock()
	now := clock.Now()
	l.controller.configure(now, limit)
	if l.waiting() > 0 {
		l.serve(now)
	}
}

// configuredLimit returns the limit that SetLimits gives the key, 0 for none.
func (a *Adaptive) configuredLimit(key Key) int {
	if limitOf := a.limitOf.Load(); limitOf != nil {
		return min(max((*limitOf)(key), 0), maxLimit)
	}
	return 0
}

// configure sets the configured limit; 0 leaves what was learned. A limit that is configured
// again does not undo what the API stated since.
func (c *controller) configure(now time.Duration, limit int) {
	if limit == c.configured {
		return
	}
	c.configured = limit
	if limit > 0 {
		c.start(now, limit)
	}
}

// start begins to limit an open key, or changes the limit of another one.
func (c *controller) start(now time.Duration, limit int) {
	c.advance(now)
	c.limit, c.slowProbes = limit, true
	switch c.mode {
	case Open:
		c.enterOwn()
	case Own:
		c.postponeProbe()
	case Shared:
		c.rate = min(c.rate, float64(limit))
	}
}
