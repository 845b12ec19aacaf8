package tcredis

import (
	"math"
	"time"
)

const (
	// history is how far back a process looks for its share of the quota.
	history = 4 * perSecond
	// mostStarts bounds what is remembered of it; more attempts are spread anyway.
	mostStarts = 4096

	// creepShare is what a rate gains in a second without a rejection, and
	// creepDouble the time after which it gains twice as much. Ten processes at
	// their shares begin to meet after half a minute; one that is left alone has
	// the whole quota after two and a half.
	creepShare  = 0.0001
	creepDouble = 15 * time.Second
	// maxDoublings bounds the growth; a rate is at the quota long before.
	maxDoublings = 32
	// leastRate keeps a lane alive whatever the rejections say.
	leastRate = 0.05
	// blindCut is what a rejection without numbers leaves of a rate.
	blindCut = 0.9
)

// clerk books attempts without Redis, at the rate that is this process's share of
// the quota. It is a pure state machine: times are given.
type clerk struct {
	rate     float64   // attempts a second; 0 before the first use
	next     time.Time // when the next one may start
	grown    time.Time // when rate was right
	rejected time.Time // the last rejection, or when it took over
	cut      time.Time // when a second began in which rate is cut
	uncut    float64   // rate before
}

// takeOver makes it begin, again if it did before, where the attempts that Redis
// booked leave off.
func (c *clerk) takeOver(now time.Time, share float64, began *starts) {
	*c = clerk{rate: max(share, leastRate), next: latest(now, c.next), grown: now, rejected: now}
	if last, ok := began.back(int(math.Ceil(share))); ok {
		c.next = latest(c.next, last.Add(perSecond))
	}
}

// book returns when the next attempt may start. most is the quota.
func (c *clerk) book(now time.Time, most int) time.Time {
	c.grow(now, most)
	due := latest(now, c.next)
	c.next = due.Add(time.Duration(float64(perSecond) / c.rate))
	return due
}

// grow raises the rate by what the time without a rejection brings.
func (c *clerk) grow(now time.Time, most int) {
	doubled := func(t time.Duration) float64 {
		return math.Exp2(min(t.Seconds()/creepDouble.Seconds(), maxDoublings))
	}
	quiet, before := doubled(now.Sub(c.rejected)), doubled(c.grown.Sub(c.rejected))
	c.rate *= math.Exp(creepShare * creepDouble.Seconds() / math.Ln2 * max(0, quiet-before))
	c.rate = min(c.rate, float64(max(1, most)))
	c.grown = now
}

// reject lowers the rate to what a rejection tells. Those of one second tell of the
// same rate, the last one most.
func (c *clerk) reject(now time.Time, r rejection, most int) {
	c.grow(now, most)
	c.rejected = now
	if now.Sub(c.cut) >= time.Second {
		c.cut, c.uncut = now, c.rate
	}
	part := blindCut
	if r.limit > 0 {
		part = float64(r.limit) / float64(r.count)
	}
	c.rate = max(min(c.rate, c.uncut*part), leastRate)
}

// starts remembers when the attempts of the last seconds started.
type starts struct{ at []time.Time }

func (s *starts) add(now time.Time) {
	s.at = append(s.at, now)
	s.forget(now)
}

func (s *starts) forget(now time.Time) {
	for len(s.at) > mostStarts || len(s.at) > 0 && now.Sub(s.at[0]) > history {
		s.at = s.at[1:]
	}
}

// rate returns how many of them a second there were lately.
func (s *starts) rate(now time.Time) float64 {
	s.forget(now)
	return float64(len(s.at)) / (history.Seconds() / perSecond.Seconds())
}

// back returns the n-th last.
func (s *starts) back(n int) (time.Time, bool) {
	if n < 1 || n > len(s.at) {
		return time.Time{}, false
	}
	return s.at[len(s.at)-n], true
}
