package tcretry

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPaceKeepsItsPromisesWhateverHappens(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for seed := range uint64(60) {
		p := newPace(seed, seed%4 == 0)
		at := time.Duration(0)
		for range 400 {
			at += time.Duration(rng.IntN(300)-20) * time.Millisecond
			switch rng.IntN(5) {
			case 0, 1, 2:
				pursue(t, &p, &at)
			case 3:
				p.done(at, PaceResult{Verdict: PaceVerdict(rng.IntN(2))})
			case 4:
				limit := rng.IntN(6)
				p.done(at, PaceResult{Verdict: PaceRejected, Limit: limit, Count: limit + rng.IntN(9)})
			}
			if p.mode == PaceOwn {
				require.Positive(t, p.limit)
				require.LessOrEqual(t, p.guard, maxGuard)
				require.GreaterOrEqual(t, p.guard, time.Duration(0))
			}
			require.False(t, p.mode == PaceShared && !(p.rate >= minRate && p.rate <= maxLimit), "rate %v", p.rate)
			require.GreaterOrEqual(t, p.inFlight, 0)
		}
	}
}

// pursue tries to start an attempt, again at the moment that it is told: then it
// must start.
func pursue(t *testing.T, p *pace, at *time.Duration) {
	ok, next := p.tryAcquire(*at)
	switch {
	case ok:
	case next == never:
		require.True(t, p.slow && p.mode == PaceOpen && p.inFlight >= slowStartPlaces, "it waits for nothing")
	default:
		require.Greater(t, next, *at)
		require.LessOrEqual(t, next, *at+21*time.Second)
		require.Equal(t, next, p.estimate(0))
		*at = next
		mode := p.mode
		ok, _ = p.tryAcquire(next)
		require.True(t, ok || p.mode != mode, "it was told that its turn was then")
	}
}

func TestPaceEstimatesWhenEachTurnComes(t *testing.T) {
	for name, r := range map[string]PaceResult{
		"own":    {Verdict: PaceRejected, Count: 8, Limit: 7},
		"shared": {Verdict: PaceRejected, Count: 21, Limit: 7},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPace(1, false)
			runPace(&p, paceStep{try: 8})
			p.done(0, r)
			p.done(0, PaceResult{})
			var estimates []time.Duration
			for i := range 20 {
				estimates = append(estimates, p.estimate(i))
			}
			at := time.Duration(0)
			for i := range 20 {
				ok, next := p.tryAcquire(at)
				for !ok {
					at = next
					ok, next = p.tryAcquire(at)
				}
				require.InDelta(t, estimates[i].Seconds(), at.Seconds(), 0.05+0.1*at.Seconds(), "turn %d", i)
			}
		})
	}
}
