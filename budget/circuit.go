package budget

import "time"

const (
	// staleAfter is when a failure is no evidence any more: a host that is called
	// once a minute gets the retries of each call.
	staleAfter = 30 * time.Second
	// attemptsPerProbe and probesApart limit the probes while others try the
	// service: to a tenth of the attempts, but one every three intervals, so that
	// each deferred retry lives to see one.
	attemptsPerProbe = 10
	probesApart      = 3
	// momentary is the part of an interval, a quarter, for which chance may open a
	// circuit: it closes by an attempt that was on its way, and little was deferred.
	momentary = 4
)

// circuit detects from consecutive failures that a service is down, and says when
// a retry may probe it. It is open or closed. It is a pure state machine: times are
// given and never go back.
type circuit struct {
	failures int       // consecutive ones, at most budgetRules.openAfter: then it is open
	failed   time.Time // when the last of them was
	tried    time.Time // when an attempt last ended, or a probe was released
	probed   time.Time // when it opened, or a probe was last released
	since    int       // attempts that ended since then
	opened   time.Time // when it last opened
	closed   time.Time // when it last closed after more than a moment
}

// ended counts an attempt, whatever came of it.
func (c *circuit) ended(now time.Time) {
	c.tried = now
	c.since++
}

// fail counts a failure: the circuit opens at openAfter of them.
func (c *circuit) fail(now time.Time, openAfter int) {
	c.expire(now)
	c.failed = now
	if c.failures >= openAfter {
		return
	}
	if c.failures++; c.failures == openAfter {
		c.opened, c.probed, c.since = now, now, 0
	}
}

// close counts a success and says whether the circuit was open for at least that
// long.
func (c *circuit) close(now time.Time, openAfter int, long time.Duration) bool {
	open := c.failures >= openAfter && !now.Before(c.opened.Add(long))
	c.failures = 0
	if open {
		c.closed = now
	}
	return open
}

// expire forgets failures that are no evidence any more.
func (c *circuit) expire(now time.Time) {
	if !now.Before(c.failed.Add(staleAfter)) {
		c.failures = 0
	}
}

// probe counts a probe that is released.
func (c *circuit) probe(now time.Time) {
	c.tried, c.probed, c.since = now, now, 0
}

// probeAt is when the next probe may be released: after an interval in which
// nobody tried the service, or later while others try it, since theirs may all fail
// where a retry succeeds.
func (c *circuit) probeAt(interval time.Duration) time.Time {
	idle, busy := c.tried.Add(interval), c.probed.Add(probesApart*interval)
	if c.since >= attemptsPerProbe {
		busy = c.probed.Add(interval)
	}
	if busy.Before(idle) {
		return busy
	}
	return idle
}
