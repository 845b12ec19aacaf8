package main_test

import (
	"flag"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/bench/scene"
)

// The scenes of the retry budget: whole Transports with their defaults, in virtual
// time. The constants were chosen on seeds below 1,000; those that run by default are
// held out. Run thousands with
//
//	go test -run TestTheBudgetDoesNoHarm -traffic 2000 -traffic.seed 10000 ./bench
var (
	trafficScenes = flag.Int("traffic", 60, "how many random scenes TestTheBudgetDoesNoHarm plays")
	trafficSeed   = flag.Uint64("traffic.seed", 7001, "the seed of the first of them")
)

// unchanged is a Transport with its defaults.
func unchanged(base http.RoundTripper) http.RoundTripper { return tcretry.New(base) }

// playTraffic plays a scene and requires its targets.
func playTraffic(t *testing.T, target scene.TrafficTarget, seed uint64) {
	t.Helper()
	out := target.Play(t, seed, unchanged)
	lost := out.Lost(target.After, target.Counted...)
	perCall := 0.0
	if target.PerCall > 0 {
		perCall = out.AttemptsPerCall()
	}
	t.Logf("seed %d: %s: %.2f %% lost (at most %.2f %%), %.3f attempts per call (at most %.3f)",
		seed, target.Name, 100*lost, 100*target.Lost, perCall, target.PerCall)
	require.LessOrEqual(t, lost, target.Lost, "calls lost: %+v", target)
	require.LessOrEqual(t, perCall, target.PerCall, "attempts per call: %+v", target)
	if target.Recovery > 0 {
		require.LessOrEqual(t, out.Recovery(), target.Recovery)
	}
}

func TestNoCallIsLostToTheBudget(t *testing.T) {
	skipWithRaceDetector(t)
	for _, target := range scene.TrafficTargets() {
		t.Run(target.Name, func(t *testing.T) { playTraffic(t, target, 1) })
	}
}

func TestTheBudgetDoesNoHarm(t *testing.T) {
	skipWithRaceDetector(t)
	for seed := *trafficSeed; seed < *trafficSeed+uint64(*trafficScenes); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { playTraffic(t, scene.DrawTraffic(seed), seed) })
	}
}
