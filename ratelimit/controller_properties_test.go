package ratelimit

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestController_keepsItsInvariantsWhateverHappens(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for seed := range uint64(100) {
		p := newController(seed, seed%4 == 0)
		at, most := time.Duration(0), limitWindow
		for range 400 {
			at += time.Duration(rng.IntN(300)-20) * time.Millisecond
			switch rng.IntN(5) {
			case 0, 1, 2:
				pursue(t, &p, &at, most)
			case 3:
				p.done(at, Result{Verdict: Verdict(rng.IntN(2))})
			case 4:
				limit := rng.IntN(6)
				p.done(at, Result{Verdict: Throttled, Limit: limit, Count: limit + rng.IntN(9)})
			}
			most = max(most, longest(&p))
			requireBounds(t, &p, most)
		}
	}
}

// requireBounds checks the invariants of p: most is the longest time from one attempt to
// the next that the congestion so far permits.
func requireBounds(t *testing.T, p *controller, most time.Duration) {
	t.Helper()
	switch p.mode {
	case Own:
		require.Positive(t, p.limit)
		require.LessOrEqual(t, p.guard, maxGuard)
		require.GreaterOrEqual(t, p.guard, time.Duration(0))
	case Shared:
		require.GreaterOrEqual(t, p.rate, 0.999/most.Seconds())
		require.LessOrEqual(t, p.rate, float64(maxLimit))
		if p.limit > 0 {
			require.LessOrEqual(t, p.rate, max(float64(p.limit), 1), "the limit, or the floor of its fall")
		}
	}
	require.GreaterOrEqual(t, p.inFlight, 0)
}

// longest is the longest time from one attempt to the next in Shared mode.
func longest(p *controller) time.Duration {
	return max(limitWindow, time.Duration(floorRatio*float64(p.now-p.congestedSince)))
}

// pursue tries to start an attempt, and again at the time that tryAcquire returns: then the
// attempt must start.
func pursue(t *testing.T, p *controller, at *time.Duration, most time.Duration) {
	t.Helper()
	ok, next := p.tryAcquire(*at)
	switch {
	case ok:
	case next == never:
		require.True(t, p.slowStart && p.mode == Open && p.inFlight >= slowStartInFlight, "it waits for nothing")
	default:
		require.Greater(t, next, *at)
		require.LessOrEqual(t, next-p.now, most*5/4)
		*at = next
		mode := p.mode
		ok, _ = p.tryAcquire(next)
		require.True(t, ok || p.mode != mode, "it was to start then")
	}
}

// A call is refused for lateness only when even the whole limit would come too late,
// so no attempt may start before that.
func TestController_startsNothingBeforeTheEarliest(t *testing.T) {
	for name, r := range map[string]Result{
		"own":     {Verdict: Throttled, Count: 8, Limit: 7},
		"shared":  {Verdict: Throttled, Count: 21, Limit: 7},
		"unknown": {Verdict: Throttled},
	} {
		t.Run(name, func(t *testing.T) {
			p := newController(1, false)
			runStep(&p, controllerStep{try: 8, lost: 7})
			p.done(0, r)
			require.Equal(t, time.Duration(0), p.earliest(0))
			var earliest []time.Duration
			for i := range 50 {
				earliest = append(earliest, p.earliest(i))
			}
			at := time.Duration(0)
			for i := range earliest {
				ok, next := p.tryAcquire(at)
				for !ok {
					at = next
					ok, next = p.tryAcquire(at)
				}
				require.LessOrEqual(t, earliest[i], at, "start %d", i)
				p.done(at, Result{Verdict: Accepted})
				p.probing, p.probeAt = 0, never // a limit that is raised is another matter
			}
		})
	}
}

// probeTimes runs a controller in Own mode at the full limit of a server for d, and returns
// when it probed for a raised limit.
func probeTimes(seed uint64, limit int, d time.Duration) (at []time.Duration) {
	p := newController(seed, false)
	runStep(&p, controllerStep{try: limit + 1, ok: limit})
	p.done(0, Result{Verdict: Throttled, Count: limit + 1, Limit: limit})
	for now := time.Duration(0); now < d; {
		ok, next := p.tryAcquire(now)
		if !ok {
			now = next
			if p.probeAt > p.now {
				now = min(next, p.probeAt)
			}
			continue
		}
		if p.probing > 0 {
			at = append(at, now)
			p.done(now, Result{Verdict: Throttled, Count: limit + 1, Limit: limit})
			continue
		}
		p.done(now, Result{Verdict: Accepted})
	}
	return at
}

func TestOwnMode_probesSoonAtFirstAndThenRarely(t *testing.T) {
	first := map[time.Duration]bool{}
	for seed := range uint64(20) {
		at := probeTimes(seed, 20, 10*time.Minute)
		require.GreaterOrEqual(t, len(at), 40)
		require.LessOrEqual(t, len(at), 60)
		first[at[0]] = true
		before := time.Duration(0)
		for i, every := range []time.Duration{1, 2, 4, 8, 12, 12, 12} {
			every *= time.Second
			require.GreaterOrEqual(t, at[i]-before, every*3/4, "probe %d", i)
			require.LessOrEqual(t, at[i]-before, every*5/4+limitWindow+maxGuard, "probe %d", i)
			before = at[i]
		}
	}
	require.Greater(t, len(first), 10, "processes do not probe together")
	small := probeTimes(1, 2, 10*time.Minute)
	require.LessOrEqual(t, len(small), 30, "the probes of a small limit are one attempt of sixty")
}

func TestTimeNeverGoesBackAndIsNeverCountedTwice(t *testing.T) {
	var p controller
	p.advance(time.Second)
	for range 1000 {
		p.advance(999 * time.Millisecond)
		p.advance(time.Second)
	}
	require.Equal(t, time.Second, p.now)
}

// A goroutine that reads the clock before it gets the lock may be late with its reading.
func TestLateReadingsOfTheClockChangeNothing(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 3))
		sharp, late := newController(seed, false), newController(seed, false)
		at, latest := time.Duration(0), time.Duration(0)
		for range 300 {
			at += time.Duration(rng.IntN(40)) * time.Millisecond
			reading := at - time.Duration(rng.IntN(2)*rng.IntN(2000))*time.Millisecond
			latest = max(latest, reading)
			r := Result{Verdict: Verdict(rng.IntN(3)), Count: rng.IntN(20), Limit: rng.IntN(10)}
			switch rng.IntN(3) {
			case 0:
				sharp.advance(latest)
				late.advance(reading)
			case 1:
				ok, next := sharp.tryAcquire(latest)
				lateOK, lateNext := late.tryAcquire(reading)
				require.Equal(t, ok, lateOK)
				require.Equal(t, next, lateNext)
			case 2:
				sharp.done(latest, r)
				late.done(reading, r)
			}
			require.Equal(t, sharp, late)
		}
	}
}

func TestNoMoreThanTheLimitStartsWhicheverReadingIsLate(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 4))
		p := newController(seed, false)
		p.advance(time.Minute)
		at := time.Minute
		for range 21 {
			p.tryAcquire(at)
		}
		for range 20 {
			p.done(at, Result{Verdict: Accepted})
		}
		p.done(at, Result{Verdict: Throttled, Count: 21, Limit: 20})
		starts, probes := 0, 0
		for range 5000 {
			at += time.Duration(rng.IntN(300)) * time.Microsecond
			before := p.probing
			if ok, _ := p.tryAcquire(at - time.Duration(rng.IntN(3000))*time.Millisecond); ok {
				starts++
				if before == 0 && p.probing > 0 {
					probes++
				}
			}
			if rng.IntN(2) == 0 && p.inFlight > 0 {
				p.done(at-time.Duration(rng.IntN(3000))*time.Millisecond, Result{})
			}
		}
		seconds := int((at-time.Minute)/time.Second) + 1
		require.LessOrEqual(t, starts, 20*seconds+probes)
		require.LessOrEqual(t, probes, seconds)
	}
}
