package main_test

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/bench/scene"
	"github.com/tcretry/tcretry/internal/test/race"
	"github.com/tcretry/tcretry/tctest"
)

var (
	sharedSeed   = flag.Uint64("shared.seed", 20001, "the first `seed` of the random scenes of a limit that others use too")
	sharedScenes = flag.Int("shared.scenes", 200, "how many of them to play")
)

// The scenes are drawn at random: limits, windows, wordings, loads, processes, and
// what other programs send. The seeds from 20001 on are held out. More of
// them: go test -run TestNoCallFailsThatTheLimitHasRoomFor -v ./bench -shared.scenes 2000
func TestNoCallFailsThatTheLimitHasRoomFor(t *testing.T) {
	if race.Enabled {
		t.Skip("hundreds of concurrent calls in virtual time crash Go's race detector, go.dev/issue/78156: go test ./bench")
	}
	var outs, crowded, documented []scene.SharedResult
	for i := range *sharedScenes {
		seed := *sharedSeed + uint64(i)
		s := scene.DrawShared(seed)
		out := s.Play(t, seeded(false, 1000*seed))
		if s.Crowded() {
			crowded = append(crowded, out)
			continue
		}
		outs = append(outs, out)
		if s.Kind != tctest.SlidingWindow {
			documented = append(documented, out)
		}
		if out.Failed > 0 {
			t.Errorf("%d calls failed: %v: %v", out.Failed, s, out.Errs[0])
		}
	}
	sum, windows := scene.Total(outs), scene.Total(documented)
	t.Log(sum)
	t.Logf("fixed windows and token buckets: %v", windows)
	t.Logf("crowded sliding windows: %v", scene.Total(crowded))
	for _, o := range sum.Outcomes[max(0, len(outs)-5):] {
		t.Logf("%.2f (%.1f s, optimum %.1f s): %v", o.Slowness(), o.Completion.Seconds(), o.Best.Seconds(), o.Shared)
	}
	require.LessOrEqual(t, sum.Slowness(0.5), 1.10, "median")
	require.LessOrEqual(t, sum.Slowness(0.95), 1.75, "p95")
	require.LessOrEqual(t, sum.Slowness(1), 3.2, "worst")
	require.LessOrEqual(t, windows.Slowness(0.95), 1.5, "p95 of fixed windows and token buckets")
	require.LessOrEqual(t, windows.Slowness(1), 3.0, "worst of fixed windows and token buckets")
	require.LessOrEqual(t, sum.AttemptsPerCall, 1.7)
}
