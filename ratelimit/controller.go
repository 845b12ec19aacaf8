package ratelimit

import (
	"math"
	"math/rand/v2"
	"time"
)

// never is a time that does not come.
const never time.Duration = math.MaxInt64

// SlowStart.
const (
	// slowStartInFlight is how many attempts of a key with SlowStart are in flight
	// at first: half of the usual limit, so that a first burst stays below it.
	slowStartInFlight = 10
	// slowStartGain is how many more each accepted attempt permits: the attempts in
	// flight double every two round trips, so that a key without a limit is free within
	// 0.1 s.
	slowStartGain = 0.5
)

// controller decides when the attempts of one key, or of one group of keys, may start. It
// is a pure state machine: times are given, nothing waits, and its user holds a lock. A
// time that is given late, after a later one, counts as the later one: time never goes
// back, and no time counts twice.
//
// Both modes that delay embed their state here: Own is a sliding window with probes
// (own_mode.go), Shared is a rate that is cut, grows and explores (shared_mode.go).
type controller struct {
	mode      Mode
	since     time.Duration // when the mode became Own or Shared
	slowStart bool
	now       time.Duration // the latest time given
	started   startLog
	inFlight  int
	limit     int // per second; 0 if it is not known

	configured int           // the limit that was configured, 0 if none
	slowProbes bool          // the limit is known and not learned: it is seldom probed
	learnedAt  time.Duration // when an attempt was last throttled, in an earlier run too

	slowStartGained float64 // attempts in flight that accepted ones added, while Open
	accepted        acceptCount
	throttledAt     time.Duration // when an attempt was last throttled
	throttledInRow  int           // attempts throttled since one was accepted, those of one burst as one

	ownWindow
	sharedRate
	rng rand.PCG
}

// newController returns an open controller whose jitter follows from seed.
func newController(seed uint64, slowStart bool) controller {
	return controller{slowStart: slowStart, rng: *rand.NewPCG(seed, seed)}
}

// randomPart returns a random part of d.
func (c *controller) randomPart(d time.Duration) time.Duration {
	return time.Duration(float64(c.rng.Uint64()>>11) / (1 << 53) * float64(d))
}

// advance moves the time on to now, and changes what time alone changes. A time in the past
// changes nothing.
func (c *controller) advance(now time.Duration) {
	if now <= c.now {
		return
	}
	// A rate that has recovered ends the mode a window later, also in the middle of a long
	// silence: in one step the mode would last until after the next attempt.
	for c.mode == Shared && c.acceptedInRow > 0 && now-c.now > limitWindow {
		c.step(limitWindow)
	}
	c.step(now - c.now)
}

func (c *controller) step(d time.Duration) {
	c.now += d
	switch c.mode {
	case Own:
		c.guard = max(0, c.guard-time.Duration(float64(guardDecay)*d.Seconds()))
	case Shared:
		c.recover(d)
	}
}

// tryAcquire starts an attempt if one may start. If not, it returns when the next one
// may: never, if only a response can change that.
func (c *controller) tryAcquire(now time.Duration) (bool, time.Duration) {
	c.advance(now)
	next, probe := c.next()
	if next > c.now {
		return false, next
	}
	if c.inFlight == 0 {
		c.busyEdge = c.now
	}
	c.inFlight++
	c.started.add(c.now)
	if c.lastIsProbe = probe; probe {
		c.probing = c.inFlight
	}
	if c.mode == Shared {
		c.nextStart = max(c.nextStart, c.now) + c.interval()
	}
	return true, 0
}

// undo takes back the last attempt that tryAcquire started: it was not made.
func (c *controller) undo() {
	c.inFlight = max(0, c.inFlight-1)
	c.started.undo()
	if c.lastIsProbe {
		c.lastIsProbe, c.probing = false, 0
	}
	c.probing = min(c.probing, c.inFlight)
	if c.mode == Shared {
		c.nextStart -= c.interval()
	}
}

// next returns when the next attempt may start, and whether it is a probe for a
// raised limit.
func (c *controller) next() (at time.Duration, probe bool) {
	switch c.mode {
	case Own:
		return c.nextOwn()
	case Shared:
		return max(c.nextStart, c.now), false
	}
	if c.slowStart && float64(c.inFlight+1) > slowStartInFlight+c.slowStartGained {
		return never, false
	}
	return max(c.now, c.restUntil), false
}

// earliest returns when the attempt after n others may start at the earliest: if all
// of the limit is available from now on. A rate that was cut is an estimate, so it
// makes no call late.
func (c *controller) earliest(n int) time.Duration {
	if c.mode == Open || c.limit == 0 {
		return c.now
	}
	return c.now + time.Duration(n/c.limit)*limitWindow
}

// perSecond is how many attempts may start per second, 0 for any number.
func (c *controller) perSecond() float64 {
	switch c.mode {
	case Own:
		return float64(c.limit) / (limitWindow + c.guard).Seconds()
	case Shared:
		return c.rate
	}
	return 0
}
