package budget

import "time"

const (
	// staleAfter is the age at which a failure is no evidence any more: a host that is
	// called once per minute gets the retries of each call.
	staleAfter = 30 * time.Second
	// attemptsPerProbe and busyProbeIntervals limit the probes while other attempts are
	// made: to a tenth of the attempts, but to no less than one every three intervals, so
	// that there is one before a deferred retry is given up.
	attemptsPerProbe   = 10
	busyProbeIntervals = 3
	// momentaryPart of an interval, a quarter, is how long chance may open a circuit: an
	// attempt in flight closes it, and few retries were deferred.
	momentaryPart = 4
)

// circuit detects from failures in a row that a service is down, and when a retry may probe
// it. It is open or closed. It is a pure state machine: times are given and never go back.
type circuit struct {
	failures      int       // in a row, at most openAfter: then it is open
	lastFailure   time.Time // when the last of them was
	lastAttempt   time.Time // when an attempt last failed, or a probe was released
	lastProbe     time.Time // when it opened, or a probe was last released
	attemptsSince int       // attempts that failed since then
	openedAt      time.Time // when it last opened
	closedAt      time.Time // when it last closed after more than a moment
}

// failed counts an attempt that failed, whether it is evidence or not. One that succeeds
// closes the circuit, and there is nothing to probe.
func (c *circuit) failed(now time.Time) {
	c.lastAttempt = now
	c.attemptsSince++
}

// fail counts a failure: the circuit opens at openAfter of them.
func (c *circuit) fail(now time.Time, openAfter int) {
	c.expire(now)
	c.lastFailure = now
	if c.failures >= openAfter {
		return
	}
	if c.failures++; c.failures == openAfter {
		c.openedAt, c.lastProbe, c.attemptsSince = now, now, 0
	}
}

// close counts a success. It reports whether the circuit was open for at least minOpen.
func (c *circuit) close(now time.Time, openAfter int, minOpen time.Duration) bool {
	open := c.failures >= openAfter && !now.Before(c.openedAt.Add(minOpen))
	c.failures = 0
	if open {
		c.closedAt = now
	}
	return open
}

// expire removes failures that are no evidence any more.
func (c *circuit) expire(now time.Time) {
	if !now.Before(c.lastFailure.Add(staleAfter)) {
		c.failures = 0
	}
}

// probe counts a probe that is released.
func (c *circuit) probe(now time.Time) {
	c.lastAttempt, c.lastProbe, c.attemptsSince = now, now, 0
}

// probeAt is when the next probe may be released: after an interval without an attempt, or
// later while other attempts are made, since those may all fail where a retry succeeds.
func (c *circuit) probeAt(interval time.Duration) time.Time {
	idle, busy := c.lastAttempt.Add(interval), c.lastProbe.Add(busyProbeIntervals*interval)
	if c.attemptsSince >= attemptsPerProbe {
		busy = c.lastProbe.Add(interval)
	}
	if busy.Before(idle) {
		return busy
	}
	return idle
}
