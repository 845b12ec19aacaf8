package ratelimit

import "time"

// The constants of Shared mode. They were chosen on the scenes 7000 to 7800 of
// scene.DrawShared, and weighed against the throttled attempts of ten processes.
const (
	// cutWithoutNumbers is the factor of a cut by a throttling response without numbers.
	cutWithoutNumbers = 0.9
	// cutRest is the longest pause after a response that cut the rate. A whole second
	// would always reach the next window of the server, and costs two processes 8 % of the
	// time, ten 1 %, for 1 % fewer throttled attempts.
	cutRest = limitWindow / 2
	// restWithoutNumbers is the longest pause after one without numbers: they are frequent,
	// since only they show where the limit is, and half a second each would cost 7 %.
	restWithoutNumbers = limitWindow / 4
	// firstRestInRow is the pause after a response before which none was accepted since the
	// one before. It doubles with each further one, up to the longest interval, so that a
	// waiting call is tried about that often.
	firstRestInRow = limitWindow / 8
	// restInRowDoublings of firstRestInRow make maxInterval.
	restInRowDoublings = 6
	// jitter keeps processes that were throttled together from sending their next attempts
	// together.
	jitter = 0.25

	// floorRatio limits the interval of two attempts to a window, or to that part of the
	// time for which the congestion has lasted: a storm of others costs no more than about
	// its own length. No interval is longer than maxInterval, so that as many calls outlast a
	// storm of up to 110 s as with plain backoff: with 10 s, fewer of twenty calls do.
	floorRatio  = 0.25
	maxInterval = 8 * time.Second
	// Congestion is over after congestionMemory without a throttling response, and after
	// half of the time for which it had lasted.
	congestionMemory = 8 * time.Second

	// linearGain and proportionalGain are what a rate gains per second. An equal gain makes
	// the rates of processes converge, a proportional one does not.
	linearGain       = 0.08
	proportionalGain = 0.002
	// openRate is the rate above which a controller without a known limit is open again:
	// an interval of a millisecond is no delay.
	openRate = 1000

	// A rate explores once nothing was throttled for patienceRatio times the mean interval of
	// throttling responses: others have left, most probably. Where they stay, responses come
	// in about that interval, and few of them end an exploration.
	patienceRatio = 3
	minPatience   = 400 * time.Millisecond
	maxPatience   = 16 * time.Second
	// firstInterval is the mean interval at first: a burst of others is over soon.
	firstInterval = limitWindow / 10
	// intervalWeight is the weight of the last interval in the mean, failedWeight that of one
	// which ended an exploration: those that fail soon become rare.
	intervalWeight = 0.1
	failedWeight   = 0.35
	// exploreGain divided by the patience is what each accepted attempt adds to an exploring
	// rate: less where an exploration is less likely to succeed. exploreGrowth is the part of
	// the rate that it adds at most: one per second becomes twenty within two seconds.
	exploreGain   = 4
	exploreGrowth = 0.6
)

// sharedRate is the state of Shared mode: the limit is shared with others, or not known, so
// attempts start at a rate, the next one at nextStart.
//
// The rate grows slowly, and each throttling response cuts it. When there is none for a few
// times their usual interval, it explores: it grows with each accepted attempt, as the
// congestion window of TCP does in slow start (RFC 5681), up to the limit or to the next
// throttling response.
type sharedRate struct {
	rate           float64 // per second
	nextStart      time.Duration
	burst          int           // attempts of the second before the mode began
	cutAt          time.Duration // when the rate was last cut
	atLimitSince   time.Duration // since when the rate is the limit; never if it is less
	explored       float64       // the rate from which it explores; 0 if it does not
	meanInterval   time.Duration // of throttling responses
	congestedSince time.Duration // when the congestion began
	acceptedInRow  int           // attempts accepted since the last throttling response
}

// enterShared starts Shared mode, at the part of the burst of the last second that the
// limit leaves or, without numbers, at the rate that the API accepted.
func (c *controller) enterShared(ours int, r Result, known bool) {
	c.mode, c.since = Shared, c.now
	c.sharedRate = sharedRate{burst: max(ours, 1), congestedSince: c.now, meanInterval: firstInterval}
	c.rate = float64(c.burst)
	if !known {
		c.rate = float64(max(c.accepted.lastSecond(c.now), 1))
	}
	c.cutRate(r, known)
}

// acceptShared learns from an attempt that was accepted.
func (c *controller) acceptShared() {
	if c.acceptedInRow++; c.acceptedInRow == 1 && c.congestionOver() {
		c.reopen()
		return
	}
	if c.now-c.throttledAt >= c.patience() {
		c.explore()
	}
	// Attempts that were in flight when the mode began are evidence too.
	if proved := c.accepted.current; c.limit == 0 && c.now-c.since < limitWindow && proved > 1 {
		c.rate = max(c.rate, float64(proved)*cutWithoutNumbers)
	}
}

// patience is the time without a throttling response after which the rate explores.
func (c *controller) patience() time.Duration {
	return min(max(minPatience, patienceRatio*c.meanInterval), maxPatience)
}

// restInRow is the pause after the last of some throttling responses in a row.
func (c *controller) restInRow() time.Duration {
	return min(firstRestInRow<<min(c.throttledInRow-1, restInRowDoublings), c.longestInterval())
}

// learnInterval updates the mean interval of throttling responses with another one, unless
// nothing was accepted in it: then it is that of our attempts.
func (c *controller) learnInterval() {
	interval, weight := c.now-c.throttledAt, intervalWeight
	if interval < firstRest || c.acceptedInRow == 0 { // one burst counts once
		return
	}
	if c.explored > 0 {
		weight = failedWeight
	}
	c.meanInterval += time.Duration(weight * float64(interval-c.meanInterval))
}

// explore raises the rate by what an accepted attempt adds, and moves the next start forward.
func (c *controller) explore() {
	if c.explored == 0 {
		c.explored = c.rate
	}
	c.rate = min(c.rate+min(exploreGrowth*c.rate, exploreGain/max(limitWindow, c.patience()).Seconds()), c.top())
	if c.started.size > 0 {
		c.nextStart = min(c.nextStart, c.started.back(1)+c.interval())
	}
}

// endExploration returns to the rate before the exploration, or to what was accepted in it.
func (c *controller) endExploration() {
	if c.explored > 0 {
		c.rate = min(c.rate, max(c.explored, float64(c.accepted.lastSecond(c.now))))
		c.explored = 0
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
		c.congestedSince = c.now
	}
	c.learnInterval()
	c.endExploration()
	switch {
	case c.now-c.cutAt >= limitWindow:
		c.cutRate(r, known)
	case known && c.now-c.since < limitWindow:
		c.rate = max(min(c.rate, float64(c.burst)*remaining(r, known)), c.floor())
	}
	if c.acceptedInRow == 0 {
		// Nothing was accepted since the last one: this second is used up, and the first
		// call of the queue would be throttled again.
		c.nextStart = max(c.nextStart, c.now+c.spread(c.restInRow()))
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
	c.rate = max(c.rate*remaining(r, known), c.floor())
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
func (c *controller) floor() float64 { return min(c.rate, 1/c.longestInterval().Seconds()) }

// longestInterval is the longest time from one attempt to the next while calls wait.
func (c *controller) longestInterval() time.Duration {
	lasted := float64(c.now - c.congestedSince)
	return min(max(limitWindow, time.Duration(floorRatio*lasted)), maxInterval)
}

// spread returns d with jitter.
func (c *controller) spread(d time.Duration) time.Duration {
	return time.Duration(float64(d)*(1-jitter)) + c.randomPart(time.Duration(2*jitter*float64(d)))
}

// top is the highest rate.
func (c *controller) top() float64 {
	if c.limit > 0 {
		return float64(c.limit)
	}
	return maxLimit
}

// recover raises the rate by what a step of time adds. The result hardly depends on the
// number of steps: the gains compound. Without accepted attempts the rate stays as it is:
// silence is no evidence. A long one after an accepted attempt ends the mode.
func (c *controller) recover(step time.Duration) {
	if c.acceptedInRow == 0 {
		return
	}
	if c.inFlight == 0 && c.now-c.busyEdge >= congestionMemory && c.congestionOver() {
		c.reopen()
		return
	}
	c.rate = min(c.rate+(linearGain+proportionalGain*c.rate)*step.Seconds(), c.top())
	switch {
	case c.limit == 0 && c.rate >= openRate:
		c.mode = Open
	case c.limit == 0 || c.rate < c.top():
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
