package ratelimit

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSharedMode(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	for _, c := range []struct {
		name  string
		steps []controllerStep
	}{
		{"with numbers it starts at its part of the burst", []controllerStep{
			{try: 5, started: 5, inFlight: 5},
			{at: 50 * ms, ok: 3, inFlight: 2},
			{at: 50 * ms, throttle: 1, count: 40, limit: 20, inFlight: 1, mode: Shared, known: 20, rate: 2.5},
		}},
		{"the largest count of the first second states the whole burst", []controllerStep{
			{try: 10, started: 10, inFlight: 10},
			{at: 30 * ms, throttle: 1, count: 25, limit: 20, inFlight: 9, mode: Shared, known: 20, rate: 8},
			{at: 40 * ms, throttle: 1, count: 80, limit: 20, inFlight: 8, mode: Shared, known: 20, rate: 2.5},
			{at: 50 * ms, throttle: 1, count: 50, limit: 20, inFlight: 7, mode: Shared, known: 20, rate: 2.5},
		}},
		{"without numbers it starts at what was accepted, however large the burst, and learns from what was on its way", []controllerStep{
			{try: 500, started: 500, inFlight: 500},
			{at: 20 * ms, ok: 10, inFlight: 490},
			{at: 20 * ms, throttle: 1, inFlight: 489, mode: Shared, rate: 9},
			{at: 30 * ms, ok: 10, inFlight: 479, mode: Shared, rate: 18},
		}},
		{"it is cut once a second: further responses of that second cut nothing while something gets through", []controllerStep{
			{try: 20, started: 20, inFlight: 20},
			{throttle: 1, count: 20, limit: 10, inFlight: 19, mode: Own, known: 10, guard: 8 * ms},
			{throttle: 1, count: 40, limit: 10, inFlight: 18, mode: Shared, known: 10, rate: 5},
			{at: 390 * ms, ok: 1, inFlight: 17, mode: Shared, known: 10, rate: 5},
			{at: 390 * ms, throttle: 1, count: 20, limit: 10, inFlight: 16, mode: Shared, known: 10, rate: 5},
			{at: 780 * ms, ok: 1, inFlight: 15, mode: Shared, known: 10, rate: 5},
			{at: 780 * ms, throttle: 1, count: 20, limit: 10, inFlight: 14, mode: Shared, known: 10, rate: 5},
			{at: s, ok: 1, inFlight: 13, mode: Shared, known: 10, rate: 5},
			{at: s, throttle: 1, count: 20, limit: 10, inFlight: 12, mode: Shared, known: 10, rate: 2.5},
			{at: s, ok: 1, inFlight: 11, mode: Shared, known: 10, rate: 2.5},
			{at: s, throttle: 1, count: 20, limit: 10, inFlight: 10, mode: Shared, known: 10, rate: 2.5},
		}},
		{"responses in a row cut it no further within the second, and to one per second at least", []controllerStep{
			{try: 20, started: 20, inFlight: 20},
			{at: 20 * ms, ok: 10, inFlight: 10},
			{at: 20 * ms, throttle: 1, inFlight: 9, mode: Shared, rate: 9},
			{at: 220 * ms, throttle: 1, inFlight: 8, mode: Shared, rate: 9},
			{at: 420 * ms, throttle: 1, inFlight: 7, mode: Shared, rate: 9},
			{at: 1020 * ms, throttle: 1, count: 1 << 30, limit: 1, inFlight: 6, mode: Shared, known: 1, rate: 1},
			{at: 3900 * ms, throttle: 6, count: 1 << 30, limit: 1, mode: Shared, known: 1, rate: 1},
		}},
		{"silence alone raises nothing", []controllerStep{
			{try: 10, started: 10, inFlight: 10},
			{throttle: 1, count: 50, limit: 20, inFlight: 9, mode: Shared, known: 20, rate: 4},
			{at: 7 * s, lost: 1, inFlight: 8, mode: Shared, known: 20, rate: 4},
			{at: 7 * s, ok: 1, inFlight: 7, mode: Shared, known: 20, rate: 6.4},
			{at: 8 * s, inFlight: 7, mode: Shared, known: 20, rate: 6.49},
		}},
		{"after a time of idleness one accepted attempt makes the limit ours", []controllerStep{
			{try: 10, started: 10, inFlight: 10},
			{throttle: 1, count: 50, limit: 20, inFlight: 9, mode: Shared, known: 20, rate: 4},
			{at: 3600 * s, inFlight: 9, mode: Shared, known: 20, rate: 4},
			{at: 3600 * s, ok: 1, inFlight: 8, mode: Own, known: 20, guard: 8 * ms},
		}},
		{"or opens it, where the limit is not known", []controllerStep{
			{try: 10, started: 10, inFlight: 10},
			{throttle: 1, inFlight: 9, mode: Shared, rate: 1},
			{at: 3600 * s, ok: 1, inFlight: 8},
		}},
		{"a lower limit applies immediately", []controllerStep{
			{try: 10, started: 10, inFlight: 10},
			{throttle: 1, count: 20, limit: 19, inFlight: 9, mode: Shared, known: 19, rate: 9.5},
			{at: 390 * ms, ok: 1, inFlight: 8, mode: Shared, known: 19, rate: 9.5},
			{at: 390 * ms, throttle: 1, count: 4, limit: 3, inFlight: 7, mode: Shared, known: 3, rate: 3},
		}},
		{"at the full limit for a second the limit is ours again", []controllerStep{
			{try: 10, started: 10, inFlight: 10},
			{throttle: 1, count: 50, limit: 20, inFlight: 9, mode: Shared, known: 20, rate: 4},
			{at: s, ok: 9, mode: Shared, known: 20, rate: 20},
			{at: 2 * s, mode: Shared, known: 20, rate: 20},
			{at: 2999 * ms, mode: Shared, known: 20, rate: 20},
			{at: 3 * s, mode: Own, known: 20, guard: 8 * ms},
		}},
		{"at the full limit during a silence too", []controllerStep{
			{try: 10, started: 10, inFlight: 10},
			{throttle: 1, count: 50, limit: 20, inFlight: 9, mode: Shared, known: 20, rate: 4},
			{at: s, ok: 9, mode: Shared, known: 20, rate: 20},
			{at: 9 * s, try: 20, started: 20, inFlight: 20, mode: Own, known: 20, guard: 5 * ms},
		}},
		{"without a known limit, above a thousand per second, it is open again", []controllerStep{
			{try: 1200, started: 1200, inFlight: 1200},
			{throttle: 1, inFlight: 1199, mode: Shared, rate: 1},
			{at: 10 * ms, ok: 99, inFlight: 1100, mode: Shared, rate: 89.1},
			{at: 20 * ms, ok: 900, inFlight: 200, mode: Shared, rate: 899.1},
			{at: 400 * ms, ok: 30, inFlight: 170, mode: Shared, rate: 1019.81},
			{at: 500 * ms, inFlight: 170},
			{at: 500 * ms, try: 5000, started: 5000, inFlight: 5170},
		}},
		{"impossible numbers are none", []controllerStep{
			{try: 10, started: 10, inFlight: 10},
			{throttle: 1, count: 9, limit: 10, inFlight: 9, mode: Shared, rate: 1},
			{at: 1100 * ms, throttle: 1, count: 2 << 30, limit: 1 << 30, inFlight: 8, mode: Shared, rate: 1},
			{at: 2200 * ms, throttle: 1, count: 5, limit: -1, inFlight: 7, mode: Shared, rate: 1},
		}},
		{"a reading of the clock that is late neither hangs nor starts anything", []controllerStep{
			{at: 1000 * s, try: 10, started: 10, inFlight: 10},
			{at: 1000 * s, throttle: 1, inFlight: 9, mode: Shared, rate: 1},
			{at: 10 * s, try: 1, next: 1000801247548, inFlight: 9, mode: Shared, rate: 1},
			{at: 1000*s + 800*ms, try: 1, next: 1000801247548, inFlight: 9, mode: Shared, rate: 1},
			{at: 1002 * s, try: 2, started: 1, next: 1003 * s, inFlight: 10, mode: Shared, rate: 1},
		}},
		{"a clock that leaps starts no burst", []controllerStep{
			{try: 10, started: 10, inFlight: 10},
			{throttle: 2, inFlight: 8, mode: Shared, rate: 1},
			{at: 100 * s, try: 5, started: 1, next: 101 * s, inFlight: 9, mode: Shared, rate: 1},
		}},
	} {
		t.Run(c.name, func(t *testing.T) { runSteps(t, false, c.steps) })
	}
}

// sharing returns a controller that shares a limit of 20 per second, after a burst of half of it met
// as many attempts of others, with nothing in flight.
func sharing(seed uint64) *controller {
	p := newController(seed, false)
	runStep(&p, controllerStep{try: 10})
	runStep(&p, controllerStep{lost: 9})
	runStep(&p, controllerStep{throttle: 1, count: 40, limit: 20})
	return &p
}

func TestSharedMode_pausesForARandomTimeAfterAThrottlingResponse(t *testing.T) {
	for name, c := range map[string]struct {
		throttles   []time.Duration
		numbers     bool
		least, most time.Duration
	}{
		"with numbers":      {[]time.Duration{0}, true, 0, limitWindow / 2},
		"without":           {[]time.Duration{0}, false, 0, limitWindow / 4},
		"two in a row":      {[]time.Duration{0, 100 * time.Millisecond}, false, limitWindow * 3 / 16, limitWindow * 5 / 16},
		"three in a row":    {[]time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond}, false, limitWindow * 3 / 8, limitWindow * 5 / 8},
		"and never longer":  {[]time.Duration{0, 0, 1e9, 2e9, 3e9, 4e9, 5e9, 6e9, 7e9, 8e9}, true, limitWindow * 3 / 4, limitWindow * 5 / 4},
		"those of one loss": {[]time.Duration{0, 1, 2, 3, 4, 5}, true, 0, limitWindow / 2},
	} {
		t.Run(name, func(t *testing.T) {
			pauses := map[time.Duration]bool{}
			for seed := range uint64(50) {
				p := newController(seed, false)
				runStep(&p, controllerStep{try: 30})
				// So fast that its own interval is not what it waits for.
				runStep(&p, controllerStep{at: 0, ok: 20})
				r := controllerStep{throttle: 1}
				if c.numbers {
					r.count, r.limit = 90, 40
				}
				for _, r.at = range c.throttles {
					runStep(&p, r)
				}
				_, next := p.tryAcquire(r.at)
				rest := max(0, next-r.at)
				pauses[rest] = true
				require.GreaterOrEqual(t, rest, c.least-r.at)
				require.LessOrEqual(t, rest, max(c.most, p.interval()*5/4))
			}
			require.Greater(t, len(pauses), 25, "processes that were throttled together do not send their next attempts together")
			require.GreaterOrEqual(t, slices.Max(slices.Collect(maps.Keys(pauses))), c.most*4/5)
		})
	}
}

// Whenever the mode began: what is in flight then is accepted or throttled by the same limit.
func TestSharedMode_learnsFromAttemptsThatWereInFlight(t *testing.T) {
	c := newController(1, false)
	at := time.Hour
	runStep(&c, controllerStep{at: at, try: 60})
	runStep(&c, controllerStep{at: at, throttle: 1})
	require.Equal(t, Shared, c.mode)
	runStep(&c, controllerStep{at: at + 300*time.Millisecond, ok: 30})
	require.InDelta(t, 27, c.rate, 0.1)
}

// A response that comes soon after the last attempt saves no time of its interval.
func TestSharedMode_waitsForTheIntervalOfTheLastAttemptAfterACut(t *testing.T) {
	for seed := range uint64(20) {
		c := newController(seed, false)
		c.advance(10 * time.Second)
		c.mode, c.throttledAt = Shared, c.now
		c.sharedRate = sharedRate{rate: 1, acceptedInRow: 1, congestedSince: c.now, meanInterval: time.Hour, atLimitSince: never}
		for _, at := range []time.Duration{10 * time.Second, 12 * time.Second} {
			require.Equal(t, 1, runStep(&c, controllerStep{at: at, try: 1}).started)
		}
		runStep(&c, controllerStep{at: 12100 * time.Millisecond, throttle: 1})
		require.GreaterOrEqual(t, c.nextStart, 12*time.Second+c.interval()*3/4)
	}
}

// throttledEvery makes throttling responses at an interval, each after an attempt that was
// accepted, and returns the time of the last one.
func throttledEvery(p *controller, interval time.Duration, n int) (at time.Duration) {
	for range n {
		at += interval
		runStep(p, controllerStep{at: at, ok: 1})
		runStep(p, controllerStep{at: at, throttle: 1, count: 21, limit: 20})
	}
	return at
}

// accepts has one attempt after the other accepted, until the rate is the limit, and returns
// the time that took, and the time until the rate grew.
func accepts(t *testing.T, p *controller, from time.Duration) (full, grew time.Duration) {
	t.Helper()
	rate := p.rate
	for at := from; at < from+time.Hour; {
		ok, next := p.tryAcquire(at)
		if !ok {
			at = next
			continue
		}
		at += 10 * time.Millisecond
		p.done(at, Result{Verdict: Accepted})
		if grew == 0 && p.rate >= 1.5*rate {
			grew = at - from
		}
		if p.mode != Shared || p.rate >= 20 {
			return at - from, grew
		}
	}
	require.Fail(t, "the rate never reached the limit")
	return 0, 0
}

func TestSharedMode_reachesTheLimitSoonAfterABurstOfOthers(t *testing.T) {
	for seed := range uint64(20) {
		p := sharing(seed)
		full, _ := accepts(t, p, throttledEvery(p, 250*time.Millisecond, 4))
		require.Less(t, full, 4500*time.Millisecond, "seed %d", seed)
	}
}

// Where others stay, throttling responses come at some interval: a time of twice that length
// without one means nothing.
func TestSharedMode_exploresTheLaterTheRarerThrottlingResponsesAre(t *testing.T) {
	var waited []time.Duration
	for _, interval := range []time.Duration{250 * time.Millisecond, time.Second, 2 * time.Second} {
		p := sharing(1)
		at := throttledEvery(p, interval, 40)
		p.rate = 4 // so that an accepted attempt is soon there
		_, grew := accepts(t, p, at)
		waited = append(waited, grew)
	}
	t.Log(waited)
	require.IsIncreasing(t, waited)
	require.Less(t, waited[0], 4*time.Second)
	require.Greater(t, waited[2], 5*time.Second)
}

func TestSharedMode_returnsToTheRateBeforeAnExplorationThatFailed(t *testing.T) {
	p := sharing(1)
	at := throttledEvery(p, time.Second, 5)
	before := p.rate
	for p.rate < 8 {
		runStep(p, controllerStep{try: 1, at: at})
		at += 500 * time.Millisecond
		runStep(p, controllerStep{at: at, ok: 1})
	}
	runStep(p, controllerStep{at: at + 10*time.Millisecond, throttle: 1, count: 21, limit: 20})
	require.Less(t, p.rate, max(before, 4), "no more than what was accepted within a second")
}

func TestSharedMode_recoversAlikeInOneStepAndInMany(t *testing.T) {
	one, many := sharing(1), sharing(1)
	for _, p := range []*controller{one, many} {
		runStep(p, controllerStep{try: 1, at: time.Second})
		runStep(p, controllerStep{ok: 1, at: time.Second})
	}
	for at := time.Second; at <= 2500*time.Millisecond; at += time.Millisecond {
		many.advance(at)
	}
	one.advance(2500 * time.Millisecond)
	require.InEpsilon(t, one.rate, many.rate, 0.01)
}

func TestSharedMode_endsOnceNothingIsThrottled(t *testing.T) {
	for _, c := range []struct {
		name         string
		lasted, calm time.Duration
		over         bool
	}{
		{"for eight seconds", time.Second, congestionMemory, true},
		{"not sooner", time.Second, congestionMemory - 1, false},
		{"for half as long as it had lasted", 40 * time.Second, 20 * time.Second, true},
		{"not sooner either", 40 * time.Second, 20*time.Second - 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := sharing(1)
			for at := time.Duration(0); at <= c.lasted; at += time.Second {
				runStep(p, controllerStep{at: at, throttle: 1, count: 21, limit: 20})
			}
			runStep(p, controllerStep{at: c.lasted + c.calm, throttle: 1, count: 21, limit: 20})
			require.Equal(t, c.over, p.congestedSince == p.now)
		})
	}
}

func TestSharedMode_triesAboutOncePerSecondWhateverTheResponses(t *testing.T) {
	for _, numbers := range []bool{true, false} {
		for seed := range uint64(20) {
			p, at, starts := sharing(seed), time.Duration(0), 0
			for at < 20*time.Second {
				if ok, next := p.tryAcquire(at); !ok {
					require.LessOrEqual(t, next-at, max(limitWindow, at/4)*5/4)
					at = next
					continue
				}
				starts++
				at += 10 * time.Millisecond
				r := Result{Verdict: Throttled}
				if numbers {
					r.Count, r.Limit = 100_000, 1
				}
				p.done(at, r)
			}
			require.GreaterOrEqual(t, starts, 8, "seed %d: the interval grows with the congestion, to a quarter of it", seed)
			require.LessOrEqual(t, starts, 30)
		}
	}
}

func TestSharedMode_cutsTheRateOncePerBurst(t *testing.T) {
	throttled := Result{Verdict: Throttled}
	after := func(burst int) float64 {
		p := newController(1, false)
		runStep(&p, controllerStep{try: 1000})
		for range 500 {
			p.done(0, Result{Verdict: Accepted})
		}
		p.done(0, throttled)
		for range burst {
			p.done(600*time.Millisecond, throttled)
		}
		return p.rate
	}
	require.Equal(t, after(1), after(400))
}
