package ratelimit

import (
	"math"
	"time"
)

// The constants of Shared mode. They were chosen on the scenes 1 to 800 of
// scene.DrawShared, and weighed against the completion time of ten processes.
const (
	// cutWithoutNumbers is the factor of a cut by a throttling response without numbers.
	cutWithoutNumbers = 0.9
	// cutInRow is the factor of each further response in a row, while nothing is accepted:
	// where throttled attempts count too, all are throttled until the load falls.
	cutInRow = 0.8
	// cutRest is the longest pause after a response that cut the rate. A whole second
	// would always reach the next window of the server, and costs two processes 8 % of the
	// time, ten 1 %, for 1 % fewer throttled attempts.
	cutRest = limitWindow / 2
	// restWithoutNumbers is the longest pause after one without numbers: they are frequent,
	// since only they show where the limit is, and half a second each would cost 7 %.
	restWithoutNumbers = limitWindow / 4
	// restInRow is the least pause after two in a row. It doubles with each further one, up
	// to a window, so that a waiting call is tried about that often.
	restInRow = limitWindow / 4
	// restInRowDoublings of half of restInRow make a window.
	restInRowDoublings = 4
	// jitter keeps processes that were throttled together from sending their next attempts
	// together.
	jitter = 0.25

	// A rate recovers to its target, the rate before the last cut. Each cut leaves at least
	// targetDecay of the target: congestion that lasts is more than a burst.
	targetDecay = 0.75
	// minTargetRatio is the least target in units of the rate: a rate that does not grow
	// finds nothing out.
	minTargetRatio = 2
	// The recovery takes minRecovery at first, and then as long as the congestion has
	// lasted, up to maxRecovery: a burst of others costs seconds, and processes that share a
	// limit for long rarely exceed it.
	minRecovery = time.Second
	maxRecovery = 24 * time.Second
	// floorRatio limits the interval of two attempts to a window, or to that part of the
	// time for which the congestion has lasted: a storm of others costs no more than about
	// its own length.
	floorRatio = 0.25
	// Congestion is over after congestionMemory without a throttling response, and after
	// half of the time for which it had lasted.
	congestionMemory = 8 * time.Second

	// linearGain and proportionalGain are what a rate gains per second besides. An equal
	// gain makes the rates of processes converge, a proportional one does not.
	linearGain       = 0.045
	proportionalGain = 0.002
	// openRate is the rate above which a controller without a known limit is open again:
	// an interval of a millisecond is no delay.
	openRate = 1000
)

// sharedRate is the state of Shared mode: the limit is shared with others, or not known, so
// attempts start at a rate, the next one at nextStart.
//
// A rate that was cut recovers along a cubic curve, as the congestion window of a TCP
// connection does (RFC 9438): fast at first, slowly around its target, which is the rate
// before the cut, and then faster and faster.
type sharedRate struct {
	rate           float64 // per second
	nextStart      time.Duration
	burst          int           // attempts of the second before the mode began
	cutAt          time.Duration // when the rate was last cut
	atLimitSince   time.Duration // since when the rate is the limit; never if it is less
	target         float64       // the rate to recover to
	gap            float64       // target less the rate that the last cut left
	congestedSince time.Duration // when the congestion began
	firstAccepted  time.Duration // when an attempt was first accepted in it
	acceptedSince  time.Duration // when an attempt was first accepted since the last throttling response
	acceptedInRow  int           // attempts accepted since the last throttling response
}

// enterShared starts Shared mode, at the part of the burst of the last second that the
// limit leaves or, without numbers, at the rate that the API accepted.
func (c *controller) enterShared(ours int, r Result, known bool) {
	proved := c.accepted.lastSecond(c.now)
	c.mode, c.since = Shared, c.now
	c.sharedRate = sharedRate{burst: max(ours, 1), congestedSince: c.now, firstAccepted: never}
	c.rate = float64(c.burst)
	if !known {
		c.rate = float64(max(proved, 1))
	}
	c.cutRate(r, known)
	c.target = 0
	if proved > 1 {
		c.target = float64(proved)
	}
	c.retarget()
}

// retarget makes the present rate the result of the last cut.
func (c *controller) retarget() {
	c.target = max(c.target, minTargetRatio*c.rate)
	c.gap = c.target - c.rate
}

// acceptShared learns from an attempt that was accepted.
func (c *controller) acceptShared() {
	if c.acceptedInRow++; c.acceptedInRow == 1 {
		if c.congestionOver() {
			c.reopen()
			return
		}
		c.acceptedSince = c.now
		c.firstAccepted = min(c.firstAccepted, c.now)
	}
	// Attempts that were in flight when the mode began are evidence too.
	if proved := float64(c.accepted.current); c.now-c.since < limitWindow && proved > 1 {
		c.target = max(c.target, proved)
		if c.limit == 0 {
			c.rate = max(c.rate, proved*cutWithoutNumbers)
		}
		c.gap = max(c.target-c.rate, 0)
	}
}

// congestionOver reports that nothing was throttled for long enough to end the congestion.
func (c *controller) congestionOver() bool {
	return c.now-c.throttledAt >= max(congestionMemory, (c.throttledAt-c.congestedSince)/2)
}

// reopen ends Shared mode: nothing was sent since the congestion ended, and then the
// first attempt was accepted. A batch that comes an hour later need not recover from it.
func (c *controller) reopen() {
	if c.mode = Open; c.limit > 0 {
		c.enterOwn()
	}
}

// throttleShared learns from a throttling response in Shared mode: it cuts the rate, once
// per second. The responses of the first second all state a count of the burst that caused
// the mode, and the largest count is the nearest to the whole burst.
func (c *controller) throttleShared(r Result, known bool) {
	if c.congestionOver() {
		c.congestedSince, c.firstAccepted = c.now, never
	}
	switch {
	case c.now-c.cutAt >= limitWindow:
		c.cutRate(r, known)
	case known && c.now-c.since < limitWindow:
		c.rate = max(min(c.rate, float64(c.burst)*remaining(r, known)), c.floor())
		c.retarget()
	}
	if c.acceptedInRow == 0 {
		// Nothing was accepted since the last one: this second is used up, and the first
		// call of the queue would be throttled again.
		if c.throttledInRow > 1 && c.now-c.throttledAt >= firstRest { // one burst counts once
			c.rate = max(c.rate*cutInRow, c.floor())
			c.gap = max(c.target-c.rate, 0)
		}
		c.nextStart = max(c.nextStart, c.now+c.spread(time.Duration(math.Exp2(float64(min(c.throttledInRow, restInRowDoublings)-2))*float64(restInRow))))
	}
	c.acceptedInRow = 0
}

// remaining is the part of a rate that a throttling response leaves.
func remaining(r Result, known bool) float64 {
	if known {
		return float64(r.Limit) / float64(r.Count)
	}
	return cutWithoutNumbers
}

// cutRate lowers the rate and pauses for a random time, and at least until the interval
// of the last attempt is over.
func (c *controller) cutRate(r Result, known bool) {
	c.target = max(c.rate, c.target*targetDecay)
	c.rate = max(c.rate*remaining(r, known), c.floor())
	c.gap = max(c.target-c.rate, 0)
	c.cutAt, c.atLimitSince = c.now, never
	rest := restWithoutNumbers
	if known {
		rest = cutRest
	}
	c.nextStart = c.now + c.randomPart(rest)
	if c.started.size > 0 {
		c.nextStart = max(c.nextStart, c.started.back(1)+c.spread(c.interval()))
	}
}

// floor is the lowest rate that a cut may leave of the present one.
func (c *controller) floor() float64 {
	lasted := (c.now - c.congestedSince).Seconds()
	return min(c.rate, 1/max(limitWindow.Seconds(), floorRatio*lasted))
}

// spread returns d with jitter.
func (c *controller) spread(d time.Duration) time.Duration {
	return time.Duration(float64(d)*(1-jitter)) + c.randomPart(time.Duration(2*jitter*float64(d)))
}

// recover raises the rate by what a step of time adds. The result hardly depends on the
// number of steps: the cubic curve is exact, the other gains compound. Without accepted
// attempts the rate stays as it is: silence is no evidence.
func (c *controller) recover(step time.Duration) {
	if c.acceptedInRow == 0 {
		return
	}
	span := min(max(minRecovery, c.acceptedSince-c.firstAccepted), maxRecovery).Seconds()
	cubic := func(t time.Duration) float64 { return math.Pow(max(0, t.Seconds())/span-1, 3) }
	calm := c.now - c.acceptedSince
	c.rate += c.gap*(cubic(calm)-cubic(calm-step)) + (linearGain+proportionalGain*c.rate)*step.Seconds()
	top := float64(maxLimit)
	if c.limit > 0 {
		top = float64(c.limit)
	}
	c.rate = min(c.rate, top)
	switch {
	case c.limit == 0 && c.rate >= openRate:
		c.mode = Open
	case c.limit == 0 || c.rate < top:
		c.atLimitSince = never
	case c.atLimitSince == never:
		c.atLimitSince = c.now
	case c.now-c.atLimitSince >= limitWindow:
		c.enterOwn()
	}
}

// interval is the time from one start to the next.
func (c *controller) interval() time.Duration {
	return time.Duration(float64(time.Second) / c.rate)
}
