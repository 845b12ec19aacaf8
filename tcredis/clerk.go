package tcredis

import (
	"math"
	"math/rand/v2"
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
	// leastShare bounds the share of a process in a large fleet.
	leastShare = 0.05
	// blindCut is what a rejection without numbers leaves of a rate.
	blindCut = 0.9
	// rowCut is what each further rejection in a row leaves, since nothing gets
	// through: where rejected attempts count too, all are until the load falls.
	rowCut = 0.8
	// cutRest is the longest rest after a rejection that cut a rate, so that
	// processes that were rejected together do not come back together.
	cutRest = 500 * time.Millisecond
	// jitter keeps them from meeting again and again.
	jitter = 0.25
	// together is how far apart rejections of one burst are at the most.
	together = 25 * time.Millisecond

	// A rate that was cut recovers along a cubic, as that of a
	// [ratelimit.Adaptive] does, with the same numbers: to its target, at first
	// in firstRecovery, then in as long as the trouble has lasted.
	targetDecay   = 0.75
	targetReach   = 2
	firstRecovery = time.Second
	lastRecovery  = 24 * time.Second
	// floorPart bounds the distance of two attempts to a second, and to that part of
	// the time that the trouble has lasted.
	floorPart = 0.25
	// Trouble is over after so long without a rejection, and half as long as it had
	// lasted.
	troubleOver = 8 * time.Second
)

// clerk books attempts without Redis, at the rate that is this process's share of
// the quota. It is a pure state machine: times are given, and one that is told late,
// after a later one, is taken for that.
type clerk struct {
	share    float64   // that it took over with
	rate     float64   // attempts a second; 0 before the first use
	next     time.Time // when the next one may start
	grown    time.Time // the latest time that it was told, when rate was right
	rejected time.Time // the last rejection, or when it took over
	cut      time.Time // when a second began in which rate is cut
	uncut    float64   // rate before
	target   float64   // what rate recovers to; 0 if the share was no more than a guess
	gap      float64   // target less what the last cut left
	began    time.Time // when the trouble began
	calm     time.Time // when something was first accepted since the last rejection; zero before
	row      int       // rejections since then, those of one burst as one
}

// takeOver makes it begin, again if it did before, where the attempts that Redis
// booked leave off. known says that the share is known and not guessed.
func (c *clerk) takeOver(now time.Time, share float64, known bool, began *starts) {
	share = max(share, leastShare)
	*c = clerk{share: share, rate: share, next: latest(now, c.next), grown: now, rejected: now}
	if known {
		c.target = share
	}
	if last, ok := began.back(int(math.Ceil(share))); ok {
		c.next = latest(c.next, last.Add(perSecond))
	}
}

// book returns when the next attempt may start. most is the quota.
func (c *clerk) book(now time.Time, most int) time.Time {
	c.grow(now, most)
	due := latest(c.grown, c.next)
	interval := float64(perSecond) / c.rate
	if c.rate < c.share {
		interval *= 1 - jitter + 2*jitter*rand.Float64()
	}
	c.next = due.Add(time.Duration(interval))
	return due
}

// grow raises the rate by what the time without a rejection brings.
func (c *clerk) grow(now time.Time, most int) {
	step := now.Sub(c.grown)
	if step <= 0 {
		return
	}
	doubled := func(t time.Duration) float64 {
		return math.Exp2(min(t.Seconds()/creepDouble.Seconds(), maxDoublings))
	}
	quiet, before := doubled(now.Sub(c.rejected)), doubled(c.grown.Sub(c.rejected))
	c.rate *= math.Exp(creepShare * creepDouble.Seconds() / math.Ln2 * max(0, quiet-before))
	if !c.calm.IsZero() && c.rate < c.share {
		span := min(max(firstRecovery, c.calm.Sub(c.began)), lastRecovery).Seconds()
		cube := func(t time.Duration) float64 { return math.Pow(max(0, t.Seconds())/span-1, 3) }
		calm := now.Sub(c.calm)
		c.rate = min(c.rate+c.gap*(cube(calm)-cube(calm-step)), c.share)
	}
	c.rate = min(c.rate, float64(max(1, most)))
	c.grown = now
}

// accept learns from an attempt that was accepted.
func (c *clerk) accept(now time.Time) {
	if !c.calm.IsZero() || c.cut.IsZero() {
		return
	}
	c.calm, c.row = latest(now, c.grown), 0
}

// reject lowers the rate to what a rejection tells. Those of one second tell of the
// same rate, the last one most.
func (c *clerk) reject(now time.Time, r rejection, most int) {
	c.grow(now, most)
	now = c.grown
	if c.cut.IsZero() || now.Sub(c.rejected) >= max(troubleOver, c.rejected.Sub(c.began)/2) {
		c.began = now
	}
	if c.row == 0 || now.Sub(c.rejected) >= together {
		c.row++
	}
	c.rejected, c.calm = now, time.Time{}
	if now.Sub(c.cut) >= time.Second {
		if !c.cut.IsZero() {
			c.target = max(c.rate, c.target*targetDecay)
		}
		c.cut, c.uncut = now, c.rate
		c.next = latest(c.next, now.Add(rand.N(cutRest)))
	}
	part := blindCut
	if r.limit > 0 {
		part = float64(r.limit) / float64(r.count)
	}
	floor := 1 / max(1, floorPart*now.Sub(c.began).Seconds())
	left := c.uncut * part
	if c.row > 1 {
		left = min(left, c.rate*rowCut)
	}
	c.rate = min(c.rate, max(left, floor))
	if c.target <= c.rate {
		c.target = targetReach * c.rate
	}
	c.gap = c.target - c.rate
}

// starts remembers when the attempts of the last seconds started, in order.
type starts struct{ at []time.Time }

func (s *starts) add(now time.Time) {
	if last, ok := s.back(1); ok {
		now = latest(now, last)
	}
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
