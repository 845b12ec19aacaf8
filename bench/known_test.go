package main_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/bench/scene"
	"github.com/tcretry/tcretry/ratelimit"
)

// known is a Transport whose rate limiter has a configured limit for every key.
func known(limit int, seed uint64) scene.Strategy {
	return scene.Through("tcretry, limit configured", func(base http.RoundTripper) http.RoundTripper {
		seed++
		limiter := &ratelimit.Adaptive{Seed: seed}
		limiter.SetLimits(func(ratelimit.Key) int { return limit })
		return tcretry.New(base, tcretry.WithRateLimiter(limiter))
	})
}

func TestAKnownLimitNeedsNoThrottlingResponses(t *testing.T) {
	skipWithRaceDetector(t)
	for _, callers := range []int{50, 500} {
		t.Run(fmt.Sprint(callers, " callers"), func(t *testing.T) {
			for seed := uint64(1); seed <= 5; seed++ {
				out := scene.RateLimit{Callers: callers}.Play(t, known(20, 300*seed), 300+seed)
				t.Logf("seed %d: completion time %.3f of the optimum, throttled %.2f %%", seed, out.Slowness(), 100*out.ThrottledPerCall())
				require.Zero(t, out.Failed)
				require.LessOrEqual(t, out.ThrottledPerCall(), 0.002, "seed %d", seed)
				require.LessOrEqual(t, out.Slowness(), 1.04, "seed %d", seed)
			}
		})
	}
}

// A wrong limit costs throttling responses if it is too high, and time if it is too low.
func TestAWrongLimitIsCorrectedInBothDirections(t *testing.T) {
	skipWithRaceDetector(t)
	for limit, most := range map[int]float64{40: 1.1, 10: 1.6} {
		for seed := uint64(1); seed <= 3; seed++ {
			out := scene.RateLimit{Callers: 50}.Play(t, known(limit, 400*seed), 400+seed)
			t.Logf("%d configured, seed %d: completion time %.3f of the optimum, throttled %.2f %%", limit, seed, out.Slowness(), 100*out.ThrottledPerCall())
			require.Zero(t, out.Failed)
			require.LessOrEqual(t, out.ThrottledPerCall(), 0.05, "%d, seed %d", limit, seed)
			require.LessOrEqual(t, out.Slowness(), most, "%d, seed %d", limit, seed)
		}
	}
}

// A job of 100 calls that runs ten times, and saves what it learned.
func TestASavedLimitSparesThrottlingResponsesInLaterRuns(t *testing.T) {
	skipWithRaceDetector(t)
	var state bytes.Buffer
	rejected, calls := 0, 0
	for run := range uint64(10) {
		var limiter *ratelimit.Adaptive
		out := scene.RateLimit{Callers: 50, Calls: 100}.Play(t, scene.Through("tcretry", func(base http.RoundTripper) http.RoundTripper {
			limiter = &ratelimit.Adaptive{Seed: 500 + run}
			if state.Len() > 0 {
				require.NoError(t, limiter.Load(&state))
			}
			return tcretry.New(base, tcretry.WithRateLimiter(limiter))
		}), 500+run)
		require.Zero(t, out.Failed)
		state.Reset()
		require.NoError(t, limiter.Save(&state))
		t.Logf("run %d: throttled %.1f %%", run, 100*out.ThrottledPerCall())
		if run > 0 {
			rejected, calls = rejected+out.Throttled, calls+out.Calls
		}
	}
	require.LessOrEqual(t, float64(rejected), 0.01*float64(calls), "after the first run")
}
