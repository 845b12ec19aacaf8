package ratelimit

import "time"

// The constants of Own mode.
const (
	// ownFraction is the part of the count that our own attempts must explain for the
	// limit to be all ours: the rest is attempts at the edges of the second. All throttling
	// responses of the first second are compared: processes that start together send at the
	// same time, and the count of the first response contains hardly any other process.
	ownFraction = 0.8

	// guardStep is what the guard grows by: it keeps apart attempts of one second that
	// arrive with those of another, and four steps add up to more than the usual jitter of
	// a network.
	guardStep = 8 * time.Millisecond
	// maxGuard bounds the cost of the guard to 6 % of the limit.
	maxGuard = 60 * time.Millisecond
	// guardDecay is what the guard loses per second. A server with a sliding window
	// throttles one burst each time that the guard is gone: twice as fast costs 1 % more
	// of the time there, and gains 0.1 % with fixed windows.
	guardDecay = guardStep / 16

	// firstRest is how long a key pauses after a throttling response: less than the
	// interval of two attempts at the usual limit, so that one costs nothing.
	firstRest = 25 * time.Millisecond
	// maxRestDoublings of firstRest make most of a second: then the window of the server
	// has ended, and a longer pause gains nothing.
	maxRestDoublings = 5

	// maxProbeInterval is how often a key that uses its whole limit probes for a raised one
	// in the end: one attempt of 240 at the usual limit. A limit that falls to a quarter for
	// half a minute then costs two thousand calls 4 % of their time.
	maxProbeInterval = 12 * time.Second
	// firstProbeInterval is the first interval, and it doubles from then on: a limit that
	// one stray response stated, and no server enforces, slows a program for no longer than
	// that.
	firstProbeInterval = time.Second
	// probeSpacing divided by the limit is the time of 60 attempts: small limits are probed
	// with one attempt of 60 at most.
	probeSpacing = 60 * time.Second

	// unexplainedWindows seconds within unexplainedMemory that have a throttling response
	// which our own attempts do not explain prove that others use the limit: after four of
	// them the guard exceeds all jitter.
	unexplainedWindows = 6
	unexplainedMemory  = 10 * time.Second
)

// ownWindow is the state of Own mode: at most limit attempts start in any window of a
// second and the guard.
type ownWindow struct {
	guard       time.Duration                     // 0 <= guard <= maxGuard
	restUntil   time.Duration                     // nothing starts before; in Open mode too
	rests       int                               // throttling responses in a row that extended restUntil
	unexplained [unexplainedWindows]time.Duration // when the last unexplained ones came, in order

	probeAt      time.Duration // when the next probe for a raised limit is due
	failedProbes int           // probes that failed since the mode began
	probing      int           // responses to come until that of a probe, in the order of starts; 0: no probe
	lastIsProbe  bool          // the last attempt that started is a probe
	raises       int           // probes in a row that succeeded
	busyEdge     time.Duration // when inFlight last became 1 from 0, or 0
}

// enterOwn starts Own mode, at the known limit.
func (c *controller) enterOwn() {
	c.mode, c.since = Own, c.now
	c.guard, c.restUntil, c.rests, c.failedProbes = guardStep, 0, 0, 0
	for i := range c.unexplained {
		c.unexplained[i] = c.now - unexplainedMemory - 1
	}
	c.postponeProbe()
}

// nextOwn returns when the next attempt may start in Own mode, and whether it is a probe.
func (c *controller) nextOwn() (at time.Duration, probe bool) {
	at = max(c.now, c.restUntil)
	if c.limit <= c.started.size {
		at = max(at, c.started.back(c.limit)+limitWindow+c.guard)
	}
	if at <= c.now || c.probing > 0 {
		return at, false
	}
	// A probe starts when nothing is in flight. A key that has been busy without a break
	// for as long as the interval of its probes starts it with others in flight.
	idle := c.inFlight == 0 && c.busyEdge == c.now || c.now-c.busyEdge >= c.probeInterval()
	if idle && max(c.probeAt, c.restUntil) <= c.now {
		return c.now, true
	}
	return at, false
}

// throttleOwn learns from a throttling response in Own mode: ours is how many attempts
// started in the last second, known reports whether r has numbers.
func (c *controller) throttleOwn(ours int, r Result, known bool) {
	if known && c.now-c.since < limitWindow && float64(ours) < ownFraction*float64(r.Count) {
		c.enterShared(ours, r, known)
		return
	}
	if c.probing > 0 || c.raises > 0 {
		c.postponeProbe()
	}
	c.rest()
	last := &c.unexplained[unexplainedWindows-1]
	if known && r.Count <= ours || c.now-*last < limitWindow/2 {
		return
	}
	c.guard = min(c.guard+guardStep, maxGuard)
	copy(c.unexplained[:], c.unexplained[1:])
	*last = c.now
	if c.now-c.unexplained[0] < unexplainedMemory {
		c.enterShared(ours, r, known)
	}
}

// rest pauses the key: a throttled attempt counts towards the limit too.
func (c *controller) rest() {
	if c.now < c.restUntil {
		return
	}
	c.restUntil = c.now + firstRest<<c.rests
	c.rests = min(c.rests+1, maxRestDoublings)
}

// raiseLimit ends a probe that succeeded. The next probe is due immediately, but after the
// first one only once a whole second went well: the first probe may have arrived in the
// next second of the server, which the regular attempts then find used.
func (c *controller) raiseLimit() {
	c.limit = min(c.limit+1, maxLimit)
	c.probeAt = c.now
	if c.raises == 0 {
		c.probeAt += limitWindow + c.guard
	}
	c.raises++
}

// probeInterval is the time until the next probe.
func (c *controller) probeInterval() time.Duration {
	if c.slowProbes {
		return max(slowProbeInterval, probeSpacing/time.Duration(c.limit))
	}
	return min(max(maxProbeInterval, probeSpacing/time.Duration(c.limit)), firstProbeInterval<<min(c.failedProbes, 16))
}

// unknownOwn counts a result that is no evidence, after a connection that failed for example.
// If it is that of the probe, the probe has failed: a regular attempt that is accepted later
// must not raise the limit in its place.
func (c *controller) unknownOwn() {
	if c.probing > 0 {
		if c.probing--; c.probing == 0 {
			c.postponeProbe()
		}
	}
}

// acceptOwn counts an attempt that was accepted. If it is the probe, the limit rises.
func (c *controller) acceptOwn() {
	if c.probing > 0 {
		if c.probing--; c.probing == 0 {
			c.raiseLimit()
		}
	}
}

// postponeProbe ends a probe that failed, and defers the next one by a random time, so that
// processes do not probe together.
func (c *controller) postponeProbe() {
	interval := c.probeInterval()
	c.failedProbes++
	c.probing, c.raises = 0, 0
	c.probeAt = c.now + interval*3/4 + c.randomPart(interval/2)
}
