package main_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/bench/scene"
)

// The run of examples/replicas without Redis, in virtual time: eight processes make 240
// calls against 40 per second, and learning the limit is a large part of it. There the time
// depends on the machine; here it is held.
func TestAShortRunOfManyReplicasEndsSoon(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		load := scene.RateLimit{Processes: 8, Callers: 32, Calls: 240, Limit: func(int) int { return 40 }}
		out := load.Play(t, seeded(false, 700*seed), 700+seed)
		t.Logf("seed %d: %.1f s, %.2f of the optimum, throttled per call %.2f", seed, out.Completion.Seconds(), out.Slowness(), out.ThrottledPerCall())
		require.Zero(t, out.Failed, "seed %d", seed)
		require.Less(t, out.Completion, out.Optimum+3*time.Second, "seed %d", seed)
	}
}
