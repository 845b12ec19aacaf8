package tcretry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// alone is how long 2,000 calls take against 20 a second for one who knows
// everything: 99 seconds and the latency of the last call.
const alone = 99050 * time.Millisecond

func fixed(seed uint64) quota {
	return &fixedWindow{phase: time.Duration(seed*137%1000) * time.Millisecond}
}
func sliding(uint64) quota { return new(slidingWindow) }
func bucket(uint64) quota  { return new(tokenBucket) }

// fall is a quota that falls from 20 to 5 for half a minute.
func fall(at time.Duration) int {
	if at > 30*time.Second && at < 60*time.Second {
		return 5
	}
	return 20
}

// The numbers to reach, in virtual time. Each line is the worst of its seeds.
func TestAdaptivePacerEndsABurstAlmostAsSoonAsTheQuotaAllows(t *testing.T) {
	cases := []struct {
		name     string
		quota    func(seed uint64) quota
		scene    scene
		ideal    time.Duration
		makespan float64 // of ideal
		rejected float64 // of the calls
	}{
		{"fixed window, 50 callers", fixed, scene{callers: 50}, alone, 1.02, 0.03},
		{"fixed window, 50 callers, slow start", fixed, scene{callers: 50, slow: true}, alone, 1.02, 0.02},
		{"fixed window, 500 callers", fixed, scene{callers: 500}, alone, 1.02, 0.26},
		{"fixed window, 500 callers, slow start", fixed, scene{callers: 500, slow: true}, alone, 1.02, 0.02},
		{"fixed window, far away", fixed, scene{callers: 50, far: true}, alone, 1.02, 0.035},
		{"sliding window", sliding, scene{callers: 50}, alone, 1.03, 0.03},
		{"sliding window, far away", sliding, scene{callers: 50, far: true}, alone, 1.04, 0.04},
		{"token bucket", bucket, scene{callers: 50}, alone, 1.01, 0.03},
		{"a quota that falls and comes back", fixed, scene{callers: 50, limit: fall}, alone + 22500*time.Millisecond, 1.10, 0.03},
		{"ten processes", fixed, scene{callers: 50, pacers: 10}, alone, 1.08, 0.25},
		{"ten processes, 100 callers", fixed, scene{callers: 100, pacers: 10}, alone, 1.08, 0.25},
		{"somebody takes a quarter and never waits", fixed, scene{callers: 50, other: 200 * time.Millisecond}, alone * 4 / 3, 1.25, 0.10},
		{"fixed window, no numbers", fixed, scene{callers: 50, blind: true}, alone, 1.12, 0.04},
		{"fixed window, no numbers, 500 callers", fixed, scene{callers: 500, blind: true}, alone, 1.12, 0.27},
		{"sliding window, no numbers", sliding, scene{callers: 50, blind: true}, alone, 1.20, 0.05},
		{"token bucket, no numbers", bucket, scene{callers: 50, blind: true}, alone, 1.10, 0.07},
		{"ten processes, no numbers", fixed, scene{callers: 50, pacers: 10, blind: true}, alone, 1.08, 0.25},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for seed := uint64(1); seed <= 5; seed++ {
				s := c.scene
				s.quota, s.seed = c.quota(seed), seed
				out := s.play(t)
				makespan := out.makespan.Seconds() / c.ideal.Seconds()
				rejected := float64(out.rejected) / 2000
				t.Logf("seed %d: makespan %.3f, rejected %.2f %%, fairness %.4f", seed, makespan, 100*rejected, jain(out.served))
				require.LessOrEqual(t, makespan, c.makespan, "makespan, seed %d", seed)
				require.LessOrEqual(t, rejected, c.rejected, "rejected, seed %d", seed)
				if s.pacers == 0 {
					require.GreaterOrEqual(t, jain(out.served), 0.99, "fairness, seed %d", seed)
				}
			}
		})
	}
}

// jain is 1 if all have the same, 1/n if one has all.
func jain(x []int) float64 {
	var sum, squares float64
	for _, v := range x {
		sum += float64(v)
		squares += float64(v * v)
	}
	return sum * sum / (float64(len(x)) * squares)
}

func TestAdaptivePacerDelaysNothingBelowTheQuota(t *testing.T) {
	// Two calls a second of each of ten callers at the most.
	s := scene{quota: new(slidingWindow), callers: 10, think: 490 * time.Millisecond}
	out := s.play(t)
	require.Zero(t, out.waited)
	require.Zero(t, out.rejected)
}
