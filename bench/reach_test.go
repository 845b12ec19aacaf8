package main_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/bench/scene"
	"github.com/tcretry/tcretry/internal/test/race"
	"github.com/tcretry/tcretry/ratelimit"
)

// The targets, in virtual time, of whole Transports. A seed that misses one fails; go run
// ./bench prints the results of the others. Runs with the same seed differ, because
// goroutines that wake at the same time run in any order.

// seeds is the number of runs of each scene: one with -race, which only looks for races.
var seeds = map[bool]uint64{false: 3, true: 1}[race.Enabled]

// seeded is a Transport with its defaults, or with slow start, whose random numbers follow
// from a seed.
func seeded(slow bool, seed uint64) scene.Strategy {
	return scene.Through("tcretry", func(base http.RoundTripper) http.RoundTripper {
		seed++
		return tcretry.New(base, tcretry.WithRateLimiter(&ratelimit.Adaptive{SlowStart: slow, Seed: seed}))
	})
}

func TestABurstEndsAlmostAsSoonAsTheLimitAllows(t *testing.T) {
	for _, target := range scene.RateLimitTargets() {
		t.Run(fmt.Sprintf("%s, slow start %v", target.Name, target.SlowStart), func(t *testing.T) {
			// Uncoordinated processes collide by chance: their figures are means. One seed,
			// as with -race, is no mean.
			n := seeds
			if target.Processes > 1 && !race.Enabled {
				n *= 2
			}
			var throttled, fairness float64
			for seed := uint64(1); seed <= n; seed++ {
				out := target.Play(t, seeded(target.SlowStart, 100*seed), seed)
				t.Logf("seed %d: completion %.3f, throttled %.2f %%, fairness %.4f", seed, out.Slowness(), 100*out.ThrottledPerCall(), out.Fairness())
				require.LessOrEqual(t, out.Slowness(), target.Completion, "completion, seed %d", seed)
				require.Zero(t, out.Failed, "failed calls, seed %d", seed)
				if target.Processes <= 1 {
					require.LessOrEqual(t, out.ThrottledPerCall(), target.Throttled, "throttled, seed %d", seed)
					require.GreaterOrEqual(t, out.Fairness(), target.Fair, "fairness, seed %d", seed)
				}
				throttled += out.ThrottledPerCall() / float64(n)
				fairness += out.Fairness() / float64(n)
			}
			if target.Processes > 1 && race.Enabled {
				return
			}
			require.LessOrEqual(t, throttled, target.Throttled, "throttled")
			require.GreaterOrEqual(t, fairness, target.Fair, "fairness")
		})
	}
}

func TestNoCallFailsWhereFewProcessesShareALimit(t *testing.T) {
	// A burst that spans two seconds of the API, one that meets the end of one, and
	// some that left a process without a slot for a second before that was prevented.
	for _, limit := range []int{20, 40} {
		for processes := 2; processes <= 5; processes++ {
			t.Run(fmt.Sprintf("%d processes, %d per second", processes, limit), func(t *testing.T) {
				shared := scene.RateLimit{Callers: 50, Processes: processes, Limit: func(int) int { return limit }}
				for _, seed := range []uint64{8051, 8016, 8021}[:seeds] {
					out := shared.Play(t, seeded(false, 100*seed), seed)
					require.Zero(t, out.Failed, "seed %d", seed)
				}
			})
		}
	}
}

func TestNothingIsDelayedWithinTheLimit(t *testing.T) {
	out := scene.WithinLimit().Play(t, seeded(false, 1), 1)
	require.Zero(t, out.Added)
	require.Zero(t, out.Throttled)
}

func skipWithRaceDetector(t *testing.T) {
	t.Helper()
	if race.Enabled {
		t.Skip("thousands of concurrent calls in virtual time crash Go's race detector, go.dev/issue/78156: go test ./bench")
	}
}

// outage plays a scene for some seeds.
func outage(t *testing.T, o scene.Outage) []scene.OutageResult {
	t.Helper()
	skipWithRaceDetector(t)
	out := make([]scene.OutageResult, 2)
	for i := range out {
		out[i] = o.Play(t, seeded(false, uint64(i+1)), uint64(i+1))
		t.Logf("seed %d: %.4f attempts per call, %.2f %% succeed, recovery %v",
			i+1, out[i].AttemptsPerCall(), 100*out[i].Success(), out[i].Recovery())
	}
	return out
}

func TestAnOutageIsNotMultiplied(t *testing.T) {
	for _, out := range outage(t, scene.Down()) {
		require.LessOrEqual(t, out.AttemptsPerCall(), 1.05)
		require.Zero(t, out.Recovery())
	}
}

func TestAnOutageIsNotMultipliedByFewCallsEither(t *testing.T) {
	for _, out := range outage(t, scene.Lonely()) {
		require.LessOrEqual(t, out.AttemptsPerCall(), 1.3)
		require.Zero(t, out.Recovery())
	}
}

func TestABlipIsSurvived(t *testing.T) {
	for _, out := range outage(t, scene.Blip()) {
		require.GreaterOrEqual(t, out.Success(), 0.99)
		require.LessOrEqual(t, out.AttemptsPerCall(), 1.15)
	}
}

func TestCallsSucceedWhileAThirdOfTheAttemptsFails(t *testing.T) {
	// 99 % are to be reached; 99.2 % are the most that four attempts reach. The
	// margin is three times what chance does to 6,000 calls.
	for _, out := range outage(t, scene.Flaky()) {
		require.GreaterOrEqual(t, out.Success(), 0.9865)
	}
}

func TestABackEndThatRecoversIsNotKeptDownByRetries(t *testing.T) {
	for _, out := range outage(t, scene.Stopped()) {
		require.LessOrEqual(t, out.Recovery(), 10*time.Second)
	}
}

func TestNoCallStarvesInALongQueue(t *testing.T) {
	// Another program takes a part of the limit, so that calls are throttled, and precede
	// the others, all the time.
	out := scene.RateLimit{Callers: 200, Others: 5}.Play(t, seeded(false, 1), 1)
	require.NotZero(t, out.Throttled)
	require.LessOrEqual(t, out.Longest, 20*time.Second, "200 callers share 15 calls per second: 13 seconds each")
}
