package main_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/bench/scene"
	"github.com/tcretry/tcretry/internal/test/race"
)

func TestReplicasWithRedisThrottleLessThanAlone(t *testing.T) {
	if race.Enabled {
		t.Skip("crashes Go's race detector, go.dev/issue/78156: go test ./bench/...")
	}
	q := scene.RateLimit{Processes: 10, Callers: 50, Calls: 1000}
	alone := q.Play(t, scene.Tcretry("alone"), 1)
	shared := q.Play(t, scene.Tcredis(t, "with Redis", q.Calls), 1)
	require.Zero(t, alone.Failed)
	require.Zero(t, shared.Failed)
	require.Less(t, 4*shared.Throttled, alone.Throttled)
	require.Less(t, shared.Slowness(), 1.05)
}
