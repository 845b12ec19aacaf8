package ratelimit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPaceShared(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	for _, c := range []struct {
		name  string
		steps []paceStep
	}{
		{"with numbers it starts at its part of the burst", []paceStep{
			{try: 5, started: 5, inFlight: 5},
			{at: 50 * ms, ok: 3, inFlight: 2},
			{at: 50 * ms, reject: 1, count: 40, limit: 20, inFlight: 1, mode: Shared, known: 20, rate: 2.5},
		}},
		{"the largest count of the first second states the whole burst", []paceStep{
			{try: 10, started: 10, inFlight: 10},
			{at: 30 * ms, reject: 1, count: 25, limit: 20, inFlight: 9, mode: Shared, known: 20, rate: 8},
			{at: 40 * ms, reject: 1, count: 80, limit: 20, inFlight: 8, mode: Shared, known: 20, rate: 2.5},
			{at: 50 * ms, reject: 1, count: 50, limit: 20, inFlight: 7, mode: Shared, known: 20, rate: 2.5},
		}},
		{"without numbers it starts at what was accepted, however large the burst, and learns from what was on its way", []paceStep{
			{try: 500, started: 500, inFlight: 500},
			{at: 20 * ms, ok: 10, inFlight: 490},
			{at: 20 * ms, reject: 1, inFlight: 489, mode: Shared, rate: 9},
			{at: 30 * ms, ok: 10, inFlight: 479, mode: Shared, rate: 18},
		}},
		{"it is cut once a second: further responses of that second cut nothing while something gets through", []paceStep{
			{try: 20, started: 20, inFlight: 20},
			{reject: 1, count: 20, limit: 10, inFlight: 19, mode: Own, known: 10, guard: 8 * ms},
			{reject: 1, count: 40, limit: 10, inFlight: 18, mode: Shared, known: 10, rate: 5},
			{at: 990 * ms, ok: 1, inFlight: 17, mode: Shared, known: 10, rate: 5},
			{at: 990 * ms, reject: 1, count: 20, limit: 10, inFlight: 16, mode: Shared, known: 10, rate: 5},
			{at: s, ok: 1, inFlight: 15, mode: Shared, known: 10, rate: 5},
			{at: s, reject: 1, count: 20, limit: 10, inFlight: 14, mode: Shared, known: 10, rate: 2.5},
			{at: s, ok: 1, inFlight: 13, mode: Shared, known: 10, rate: 2.5},
			{at: s, reject: 1, count: 20, limit: 10, inFlight: 12, mode: Shared, known: 10, rate: 2.5},
		}},
		{"responses in a row, with nothing accepted between, cut it further, to one per second at least", []paceStep{
			{try: 20, started: 20, inFlight: 20},
			{at: 20 * ms, ok: 10, inFlight: 10},
			{at: 20 * ms, reject: 1, inFlight: 9, mode: Shared, rate: 9},
			{at: 220 * ms, reject: 1, inFlight: 8, mode: Shared, rate: 7.2},
			{at: 420 * ms, reject: 1, inFlight: 7, mode: Shared, rate: 5.76},
			{at: 1020 * ms, reject: 1, count: 1 << 30, limit: 1, inFlight: 6, mode: Shared, known: 1, rate: 1},
			{at: 3900 * ms, reject: 6, count: 1 << 30, limit: 1, mode: Shared, known: 1, rate: 1},
		}},
		{"silence alone raises nothing", []paceStep{
			{try: 10, started: 10, inFlight: 10},
			{reject: 1, count: 50, limit: 20, inFlight: 9, mode: Shared, known: 20, rate: 4},
			{at: 7 * s, lost: 1, inFlight: 8, mode: Shared, known: 20, rate: 4},
			{at: 7 * s, ok: 1, inFlight: 7, mode: Shared, known: 20, rate: 4},
			{at: 8 * s, inFlight: 7, mode: Shared, known: 20, rate: 8.05},
		}},
		{"after a time of idleness one accepted attempt makes the limit ours", []paceStep{
			{try: 10, started: 10, inFlight: 10},
			{reject: 1, count: 50, limit: 20, inFlight: 9, mode: Shared, known: 20, rate: 4},
			{at: 3600 * s, inFlight: 9, mode: Shared, known: 20, rate: 4},
			{at: 3600 * s, ok: 1, inFlight: 8, mode: Own, known: 20, guard: 8 * ms},
		}},
		{"or opens it, where the limit is not known", []paceStep{
			{try: 10, started: 10, inFlight: 10},
			{reject: 1, inFlight: 9, mode: Shared, rate: 1},
			{at: 3600 * s, ok: 1, inFlight: 8},
		}},
		{"a lower limit holds at once", []paceStep{
			{try: 10, started: 10, inFlight: 10},
			{reject: 1, count: 20, limit: 19, inFlight: 9, mode: Shared, known: 19, rate: 9.5},
			{at: 990 * ms, ok: 1, inFlight: 8, mode: Shared, known: 19, rate: 9.5},
			{at: 990 * ms, reject: 1, count: 4, limit: 3, inFlight: 7, mode: Shared, known: 3, rate: 3},
		}},
		{"at the full limit for a second the limit is ours again", []paceStep{
			{try: 10, started: 10, inFlight: 10},
			{reject: 1, count: 50, limit: 20, inFlight: 9, mode: Shared, known: 20, rate: 4},
			{at: s, ok: 9, mode: Shared, known: 20, rate: 4},
			{at: 5 * s, mode: Shared, known: 20, rate: 20},
			{at: 5999 * ms, mode: Shared, known: 20, rate: 20},
			{at: 6 * s, mode: Own, known: 20, guard: 8 * ms},
		}},
		{"without a known limit, above a thousand per second, it is open again", []paceStep{
			{try: 100, started: 100, inFlight: 100},
			{reject: 1, inFlight: 99, mode: Shared, rate: 1},
			{at: 10 * ms, ok: 99, mode: Shared, rate: 89.1},
			{at: 3 * s, mode: Shared, rate: 177.69},
			{at: 6 * s},
			{at: 6 * s, try: 5000, started: 5000, inFlight: 5000},
		}},
		{"impossible numbers are none", []paceStep{
			{try: 10, started: 10, inFlight: 10},
			{reject: 1, count: 9, limit: 10, inFlight: 9, mode: Shared, rate: 1},
			{at: 1100 * ms, reject: 1, count: 2 << 30, limit: 1 << 30, inFlight: 8, mode: Shared, rate: 1},
			{at: 2200 * ms, reject: 1, count: 5, limit: -1, inFlight: 7, mode: Shared, rate: 1},
		}},
		{"a reading of the clock that is late neither hangs nor starts anything", []paceStep{
			{at: 1000 * s, try: 10, started: 10, inFlight: 10},
			{at: 1000 * s, reject: 1, inFlight: 9, mode: Shared, rate: 1},
			{at: 10 * s, try: 1, next: 1000801247548, inFlight: 9, mode: Shared, rate: 1},
			{at: 1000*s + 800*ms, try: 1, next: 1000801247548, inFlight: 9, mode: Shared, rate: 1},
			{at: 1002 * s, try: 2, started: 1, next: 1003 * s, inFlight: 10, mode: Shared, rate: 1},
		}},
		{"a clock that leaps starts no burst", []paceStep{
			{try: 10, started: 10, inFlight: 10},
			{reject: 2, inFlight: 8, mode: Shared, rate: 1},
			{at: 100 * s, try: 5, started: 1, next: 101 * s, inFlight: 9, mode: Shared, rate: 1},
		}},
	} {
		t.Run(c.name, func(t *testing.T) { runSteps(t, false, c.steps) })
	}
}

// sharing returns a pace that shares a limit of 20 per second, from a burst of half of it that meets as
// many of others, with nothing in flight.
func sharing(seed uint64) *pace {
	p := newPace(seed, false)
	runPace(&p, paceStep{try: 10})
	runPace(&p, paceStep{lost: 9})
	runPace(&p, paceStep{reject: 1, count: 40, limit: 20})
	return &p
}

func TestPaceRestsForARandomTimeAfterAThrottlingResponse(t *testing.T) {
	for name, c := range map[string]struct {
		rejects     []time.Duration
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
			turns := map[time.Duration]bool{}
			for seed := range uint64(50) {
				p := newPace(seed, false)
				runPace(&p, paceStep{try: 30})
				// So fast that its own interval is not what it waits for.
				runPace(&p, paceStep{at: 0, ok: 20})
				r := paceStep{reject: 1}
				if c.numbers {
					r.count, r.limit = 90, 40
				}
				for _, r.at = range c.rejects {
					runPace(&p, r)
				}
				_, next := p.tryAcquire(r.at)
				rest := max(0, next-r.at)
				turns[rest] = true
				require.GreaterOrEqual(t, rest, c.least-r.at)
				require.LessOrEqual(t, rest, max(c.most, p.interval()*5/4))
			}
			require.Greater(t, len(turns), 25, "processes that were throttled together do not come back together")
		})
	}
}

func TestPaceRecoversAlongACubic(t *testing.T) {
	p := sharing(1)
	require.InDelta(t, 5.0, p.rate, 0.01)
	runPace(p, paceStep{try: 1, at: time.Second})
	runPace(p, paceStep{ok: 1, at: time.Second})
	from, target := p.rate, p.target
	require.InDelta(t, 10, target, 0.01, "the rate of the last cut")
	var rates []float64
	for at := time.Second; p.mode == Shared && p.rate < 20; at += 100 * time.Millisecond {
		p.tick(at)
		rates = append(rates, p.rate)
	}
	gain := func(i int) float64 { return rates[i] - rates[i-1] }
	require.InDelta(t, from+(target-from)*0.875, rates[5], 0.1, "most of the way in half of the span")
	require.InDelta(t, target, rates[10], 0.1, "where the cut came from, after a second")
	require.Greater(t, gain(1), 10*gain(10), "fast at first, slowly around its target")
	require.Greater(t, gain(len(rates)-2), 10*gain(11), "and then faster and faster")
	require.Less(t, len(rates), 30, "the whole limit within three seconds")
}

// Trouble that lasts has somebody who stays: whoever comes back soon would only share
// it anew.
func TestPaceRecoversTheSlowerTheLongerItsTroubleHasLasted(t *testing.T) {
	var took []time.Duration
	for _, trouble := range []time.Duration{0, 2 * time.Second, 8 * time.Second, 24 * time.Second, 10 * time.Minute} {
		p, at := sharing(1), time.Duration(0)
		for ; at < trouble; at += time.Second {
			runPace(p, paceStep{at: at, ok: 1})
			runPace(p, paceStep{at: at + time.Second/2, reject: 1, count: 21, limit: 20})
		}
		runPace(p, paceStep{at: at, ok: 1})
		end := at
		for ; p.mode == Shared && end < at+time.Hour; end += 10 * time.Millisecond {
			p.tick(end)
		}
		took = append(took, end-at)
	}
	require.IsIncreasing(t, took)
	require.Less(t, took[0], 4*time.Second)
	require.Less(t, took[4], 10*time.Minute, "no longer than the trouble")
}

func TestPaceRecoversAlikeInOneStepAndInMany(t *testing.T) {
	one, many := sharing(1), sharing(1)
	for _, p := range []*pace{one, many} {
		runPace(p, paceStep{try: 1, at: time.Second})
		runPace(p, paceStep{ok: 1, at: time.Second})
	}
	for at := time.Second; at <= 2500*time.Millisecond; at += time.Millisecond {
		many.tick(at)
	}
	one.tick(2500 * time.Millisecond)
	require.InEpsilon(t, one.rate, many.rate, 0.01)
}

func TestTroubleIsOverWithoutAThrottlingResponse(t *testing.T) {
	for _, c := range []struct {
		name         string
		lasted, calm time.Duration
		over         bool
	}{
		{"for eight seconds", time.Second, troubleOver, true},
		{"not sooner", time.Second, troubleOver - 1, false},
		{"for half as long as it had lasted", 40 * time.Second, 20 * time.Second, true},
		{"not sooner either", 40 * time.Second, 20*time.Second - 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := sharing(1)
			for at := time.Duration(0); at <= c.lasted; at += time.Second {
				runPace(p, paceStep{at: at, reject: 1, count: 21, limit: 20})
			}
			runPace(p, paceStep{at: c.lasted + c.calm, reject: 1, count: 21, limit: 20})
			require.Equal(t, c.over, p.began == p.now)
		})
	}
}

func TestPaceTriesAboutOnceASecondWhateverTheResponsesSay(t *testing.T) {
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
			require.GreaterOrEqual(t, starts, 8, "seed %d: the distance grows with the trouble, to a quarter of it", seed)
			require.LessOrEqual(t, starts, 30)
		}
	}
}

func TestThrottlesOfOneBurstCutARateOnce(t *testing.T) {
	throttled := Result{Verdict: Throttled}
	after := func(burst int) float64 {
		p := newPace(1, false)
		runPace(&p, paceStep{try: 1000})
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
