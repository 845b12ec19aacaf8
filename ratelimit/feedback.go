package ratelimit

import "time"

// done learns from the result of an attempt.
func (c *controller) done(now time.Duration, r Result) {
	c.advance(now)
	if c.inFlight = max(0, c.inFlight-1); c.inFlight == 0 {
		c.busyEdge = c.now
	}
	switch r.Verdict {
	case Unknown:
		if c.mode == Own {
			c.unknownOwn()
		}
	case Accepted:
		c.accept()
	case Throttled:
		c.throttle(r)
	}
}

// accept learns from an attempt that was accepted.
func (c *controller) accept() {
	c.accepted.add(c.now)
	c.rests, c.throttledInRow = 0, 0
	switch c.mode {
	case Open:
		c.slowStartGained += slowStartGain
	case Own:
		c.acceptOwn()
	case Shared:
		c.acceptShared()
	}
}

// throttle learns from an attempt that was throttled.
func (c *controller) throttle(r Result) {
	known := 0 < r.Limit && r.Limit < r.Count && r.Limit <= maxLimit
	if known {
		c.slowProbes = c.slowProbes && r.Limit == c.limit
		c.limit = r.Limit
		c.rate = min(c.rate, float64(c.limit))
	}
	c.learnedAt = c.now
	if c.throttledInRow == 0 || c.now-c.throttledAt >= firstRest {
		c.throttledInRow++
	}
	ours := c.started.after(c.now - limitWindow)
	switch c.mode {
	case Open:
		c.throttleOpen(ours, r, known)
	case Own:
		c.throttleOwn(ours, r, known)
	case Shared:
		c.throttleShared(r, known)
	}
	c.throttledAt = c.now
}

// throttleOpen ends the open mode: ours is how many attempts started in the last second,
// known reports whether r has numbers.
func (c *controller) throttleOpen(ours int, r Result, known bool) {
	switch {
	case ours <= 1 && c.throttledInRow == 1:
		// One attempt is no evidence of our own load, and may be the only one that is
		// ever throttled: it is retried first.
		c.restUntil = c.now + c.randomPart(cutRest)
	case known && float64(ours) >= ownFraction*float64(r.Count):
		c.enterOwn()
		c.rest()
	default:
		c.enterShared(ours, r, known)
	}
}

// acceptCount counts the attempts that were accepted, in windows of a second that begin
// with an accepted attempt.
type acceptCount struct {
	windowStart       time.Duration
	current, previous int // in this window, and in the one before
}

func (a *acceptCount) add(now time.Duration) {
	switch age := now - a.windowStart; {
	case age >= 2*limitWindow:
		*a = acceptCount{windowStart: now}
	case age >= limitWindow:
		*a = acceptCount{windowStart: now, previous: a.current}
	}
	a.current++
}

// lastSecond returns the larger count of the last two windows.
func (a *acceptCount) lastSecond(now time.Duration) int {
	switch age := now - a.windowStart; {
	case age >= 2*limitWindow:
		return 0
	case age >= limitWindow:
		return a.current
	}
	return max(a.current, a.previous)
}
