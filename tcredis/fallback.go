package tcredis

import (
	"math"
	"math/rand/v2"
	"time"
)

const (
	// history is the time over which a process measures its use of the limit.
	history = 4 * window
	// maxStarts limits how many starts are kept; more attempts are evenly spread anyway.
	maxStarts = 4096

	// growthRate is the part that a rate gains per second without throttling, and
	// growthDoubling the time after which it gains twice as much. Ten processes at their
	// shares begin to exceed the limit after half a minute; one that is left alone has the
	// whole limit after two and a half minutes.
	growthRate     = 0.0001
	growthDoubling = 15 * time.Second
	// maxDoublings limits the growth; a rate reaches the limit long before.
	maxDoublings = 32
	// minShare is the least share, of one process among hundreds.
	minShare = 0.05
	// cutWithoutNumbers is the factor of a cut by a throttling response without numbers.
	cutWithoutNumbers = 0.9
	// cutInRow is the factor of each further response in a row, while nothing is accepted:
	// where throttled attempts count too, all are throttled until the load falls.
	cutInRow = 0.8
	// cutRest is the longest pause after a response that cut the rate, so that processes
	// that were throttled together do not send their next attempts together.
	cutRest = 500 * time.Millisecond
	// jitter keeps them apart afterwards.
	jitter = 0.25
	// burstGap is the longest time between two throttling responses of one burst.
	burstGap = 25 * time.Millisecond

	// A rate that was cut recovers along a cubic curve to its target, as that of a
	// ratelimit.Adaptive does, with the same constants: in minRecovery at first, and then
	// in as long as the congestion has lasted.
	targetDecay    = 0.75
	minTargetRatio = 2
	minRecovery    = time.Second
	maxRecovery    = 24 * time.Second
	// floorRatio limits the interval of two attempts to a second, or to that part of the
	// time for which the congestion has lasted.
	floorRatio = 0.25
	// Congestion is over after congestionMemory without a throttling response, and after
	// half of the time for which it had lasted.
	congestionMemory = 8 * time.Second
)

// fallback reserves attempts without Redis, at the share of this process in the limit. It is a
// pure state machine: times are given, and a time that is given late, after a later one,
// counts as the later one.
type fallback struct {
	share          float64   // at the begin
	rate           float64   // attempts per second; 0 before the first use
	next           time.Time // when the next attempt may start
	now            time.Time // the latest time given; the rate is that of this time
	throttledAt    time.Time // the last throttling response, or the begin
	cutAt          time.Time // when the last second of cuts began
	rateBeforeCut  float64   // the rate before them
	target         float64   // the rate to recover to; 0 if the share was a guess
	gap            float64   // target less the rate that the last cut left
	congestedSince time.Time // when the congestion began
	acceptedSince  time.Time // when an attempt was first accepted since the last throttling response; zero before
	throttledInRow int       // attempts throttled since one was accepted, those of one burst as one
}

// begin starts the fallback, or starts it again, after the attempts that were reserved in
// Redis. known reports that the share is known and no guess.
func (f *fallback) begin(now time.Time, share float64, known bool, started *startLog) {
	share = max(share, minShare)
	*f = fallback{share: share, rate: share, next: later(now, f.next), now: now, throttledAt: now}
	if known {
		f.target = share
	}
	if last, ok := started.back(int(math.Ceil(share))); ok {
		f.next = later(f.next, last.Add(window))
	}
}

// reserve returns when the next attempt may start.
func (f *fallback) reserve(now time.Time, limit int) time.Time {
	f.advance(now, limit)
	due := later(f.now, f.next)
	interval := float64(window) / f.rate
	if f.rate < f.share {
		interval *= 1 - jitter + 2*jitter*rand.Float64()
	}
	f.next = due.Add(time.Duration(interval))
	return due
}

// advance raises the rate by what the time without a throttling response adds.
func (f *fallback) advance(now time.Time, limit int) {
	step := now.Sub(f.now)
	if step <= 0 {
		return
	}
	doubled := func(t time.Duration) float64 {
		return math.Exp2(min(t.Seconds()/growthDoubling.Seconds(), maxDoublings))
	}
	quiet, before := doubled(now.Sub(f.throttledAt)), doubled(f.now.Sub(f.throttledAt))
	f.rate *= math.Exp(growthRate * growthDoubling.Seconds() / math.Ln2 * max(0, quiet-before))
	if !f.acceptedSince.IsZero() && f.rate < f.share {
		span := min(max(minRecovery, f.acceptedSince.Sub(f.congestedSince)), maxRecovery).Seconds()
		cubic := func(t time.Duration) float64 { return math.Pow(max(0, t.Seconds())/span-1, 3) }
		calm := now.Sub(f.acceptedSince)
		f.rate = min(f.rate+f.gap*(cubic(calm)-cubic(calm-step)), f.share)
	}
	f.rate = min(f.rate, float64(max(1, limit)))
	f.now = now
}

// accept learns from an attempt that was accepted.
func (f *fallback) accept(now time.Time) {
	if !f.acceptedSince.IsZero() || f.cutAt.IsZero() {
		return
	}
	f.acceptedSince, f.throttledInRow = later(now, f.now), 0
}

// throttle learns from a throttling response: it cuts the rate. The responses of one second
// are evidence of the same rate, and the last one is the strongest.
func (f *fallback) throttle(now time.Time, r throttling, limit int) {
	f.advance(now, limit)
	now = f.now
	if f.cutAt.IsZero() || now.Sub(f.throttledAt) >= max(congestionMemory, f.throttledAt.Sub(f.congestedSince)/2) {
		f.congestedSince = now
	}
	if f.throttledInRow == 0 || now.Sub(f.throttledAt) >= burstGap {
		f.throttledInRow++
	}
	f.throttledAt, f.acceptedSince = now, time.Time{}
	if now.Sub(f.cutAt) >= time.Second {
		if !f.cutAt.IsZero() {
			f.target = max(f.rate, f.target*targetDecay)
		}
		f.cutAt, f.rateBeforeCut = now, f.rate
		f.next = later(f.next, now.Add(rand.N(cutRest)))
	}
	part := cutWithoutNumbers
	if r.limit > 0 {
		part = float64(r.limit) / float64(r.count)
	}
	floor := 1 / max(1, floorRatio*now.Sub(f.congestedSince).Seconds())
	left := f.rateBeforeCut * part
	if f.throttledInRow > 1 {
		left = min(left, f.rate*cutInRow)
	}
	f.rate = min(f.rate, max(left, floor))
	if f.target <= f.rate {
		f.target = minTargetRatio * f.rate
	}
	f.gap = f.target - f.rate
}

// startLog is a log of the times at which the attempts of the last seconds started, in order.
type startLog struct{ at []time.Time }

func (s *startLog) add(now time.Time) {
	if last, ok := s.back(1); ok {
		now = later(now, last)
	}
	s.at = append(s.at, now)
	s.expire(now)
}

func (s *startLog) expire(now time.Time) {
	for len(s.at) > maxStarts || len(s.at) > 0 && now.Sub(s.at[0]) > history {
		s.at = s.at[1:]
	}
}

// rate returns how many there were per second recently.
func (s *startLog) rate(now time.Time) float64 {
	s.expire(now)
	return float64(len(s.at)) / (history.Seconds() / window.Seconds())
}

// back returns the n-th last.
func (s *startLog) back(n int) (time.Time, bool) {
	if n < 1 || n > len(s.at) {
		return time.Time{}, false
	}
	return s.at[len(s.at)-n], true
}
