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

// The numbers to reach, in virtual time, through whole Transports. A seed that misses
// one fails; go run ./bench tells how near the others come. No run is like another,
// whatever its seed: goroutines of one moment run in any order.

// seeds is how many runs of each scene there are: one with -race, which is for races.
var seeds = map[bool]uint64{false: 3, true: 1}[race.Enabled]

// seeded is a Transport as it comes, or with slow start, whose random moments
// follow from a seed.
func seeded(slow bool, seed uint64) scene.Strategy {
	return scene.Through("tcretry", func(base http.RoundTripper) http.RoundTripper {
		seed++
		return tcretry.New(base, tcretry.WithRateLimiter(&ratelimit.Adaptive{SlowStart: slow, Seed: seed}))
	})
}

func TestABurstEndsAlmostAsSoonAsTheQuotaAllows(t *testing.T) {
	for _, target := range scene.QuotaTargets() {
		t.Run(fmt.Sprintf("%s, slow start %v", target.Name, target.SlowStart), func(t *testing.T) {
			// Processes that do not know of each other meet by chance: their figures are
			// means. One seed, as with -race, is no mean.
			n := seeds
			if target.Processes > 1 && !race.Enabled {
				n *= 2
			}
			var waste, fairness float64
			for seed := uint64(1); seed <= n; seed++ {
				out := target.Play(t, seeded(target.SlowStart, 100*seed), seed)
				t.Logf("seed %d: makespan %.3f, rejected %.2f %%, fairness %.4f", seed, out.Slowness(), 100*out.Waste(), out.Fairness())
				require.LessOrEqual(t, out.Slowness(), target.Makespan, "makespan, seed %d", seed)
				require.Zero(t, out.Failed, "failed calls, seed %d", seed)
				if target.Processes <= 1 {
					require.LessOrEqual(t, out.Waste(), target.Waste, "rejected, seed %d", seed)
					require.GreaterOrEqual(t, out.Fairness(), target.Fair, "fairness, seed %d", seed)
				}
				waste += out.Waste() / float64(n)
				fairness += out.Fairness() / float64(n)
			}
			if target.Processes > 1 && race.Enabled {
				return
			}
			require.LessOrEqual(t, waste, target.Waste, "rejected")
			require.GreaterOrEqual(t, fairness, target.Fair, "fairness")
		})
	}
}

func TestNoCallFailsWhereFewProcessesShareAQuota(t *testing.T) {
	// A burst that spans two seconds of the API, one that meets the end of one, and
	// some that left a process nothing for a second when nothing was done about it.
	for _, quota := range []int{20, 40} {
		for processes := 2; processes <= 5; processes++ {
			t.Run(fmt.Sprintf("%d processes, %d a second", processes, quota), func(t *testing.T) {
				shared := scene.Quota{Callers: 50, Processes: processes, Limit: func(int) int { return quota }}
				for _, seed := range []uint64{8051, 8016, 8021}[:seeds] {
					out := shared.Play(t, seeded(false, 100*seed), seed)
					require.Zero(t, out.Failed, "seed %d", seed)
				}
			})
		}
	}
}

func TestNothingIsDelayedBelowTheQuota(t *testing.T) {
	out := scene.Below().Play(t, seeded(false, 1), 1)
	require.Zero(t, out.Added)
	require.Zero(t, out.Rejected)
}

func skipWithRaceDetector(t *testing.T) {
	t.Helper()
	if race.Enabled {
		t.Skip("thousands of calls at once in virtual time crash Go's race detector, go.dev/issue/78156: go test ./bench")
	}
}

// outage plays a scene for some seeds.
func outage(t *testing.T, o scene.Outage) []scene.Survived {
	t.Helper()
	skipWithRaceDetector(t)
	out := make([]scene.Survived, 2)
	for i := range out {
		out[i] = o.Play(t, seeded(false, uint64(i+1)), uint64(i+1))
		t.Logf("seed %d: %.4f attempts a call, %.2f %% succeed, recovery %v",
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

func TestCallsThatAreFewDoNotMultiplyAnOutageEither(t *testing.T) {
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

func TestABackEndThatCameBackIsNotKeptDownByRetries(t *testing.T) {
	for _, out := range outage(t, scene.Stopped()) {
		require.LessOrEqual(t, out.Recovery(), 10*time.Second)
	}
}

func TestNoCallStarvesInALongQueue(t *testing.T) {
	// Somebody else takes a part of the quota, so that calls are rejected, and go
	// ahead of the others, all the time.
	out := scene.Quota{Callers: 200, Others: 5}.Play(t, seeded(false, 1), 1)
	require.NotZero(t, out.Rejected)
	require.LessOrEqual(t, out.Longest, 20*time.Second, "200 callers share 15 calls a second: 13 seconds each")
}
