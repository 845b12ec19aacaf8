package main_test

import (
	"flag"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/bench/scene"
	"github.com/tcretry/tcretry/internal/test/race"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tcredis"
)

var (
	redisSeed   = flag.Uint64("redis.seed", 81, "the first seed of the random scenes of a shared limit")
	redisScenes = flag.Int("redis.scenes", 50, "how many of them to draw; two of five use this limiter")
)

// always is a Redis that works all the time.
const always time.Duration = -1

// playShared plays a random scene whose processes share a Redis, which fails every command
// after a time, unless fails is always.
func playShared(t *testing.T, s scene.Shared, fails time.Duration, opts ...tcredis.Option) scene.SharedResult {
	t.Helper()
	var m scene.Redis
	var clients []*redis.Client
	var ended atomic.Int64
	return s.Play(t, scene.Strategy{Name: "tcredis", New: func(base http.RoundTripper, _ float64) scene.Call {
		if clients == nil { // it lives in the bubble of the scene
			m = scene.NewRedis(t)
			if fails == 0 {
				m.SetError("down")
			} else if fails != always {
				time.AfterFunc(fails, func() { m.SetError("down") })
			}
		}
		client := m.Client()
		clients = append(clients, client)
		p, err := tcredis.New(client, opts...)
		require.NoError(t, err)
		rt := tcretry.New(base, tcretry.WithRateLimiter(p))
		return func() error {
			err := scene.Send(rt)
			if ended.Add(1) == int64(s.Calls) {
				for _, c := range clients {
					_ = c.Close()
				}
			}
			return err
		}
	}})
}

// Other programs use the limit too: in bursts, in storms, steadily. What they leave is
// enough for every call.
func TestNoCallFailsThatTheSharedLimitHasRoomFor(t *testing.T) {
	if race.Enabled {
		t.Skip("crashes Go's race detector, go.dev/issue/78156: go test ./bench/...")
	}
	for _, c := range []struct {
		name  string
		fails time.Duration
		known bool
	}{
		{"Redis works", always, false},
		{"Redis works, limit configured", always, true},
		{"Redis is down", 0, false},
		{"Redis is down, limit configured", 0, true},
		{"Redis goes down", 2 * time.Second, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls, attempts := 0, 0
			for i := range *redisScenes {
				s := scene.DrawShared(*redisSeed + uint64(i))
				if s.Code != "" {
					continue // a limit over many keys is not shared through Redis
				}
				limit := 0
				if c.known {
					limit = s.Limit
				}
				o := playShared(t, s, c.fails, tcredis.WithLimits(func(ratelimit.Key) int { return limit }))
				calls, attempts = calls+o.Calls, attempts+o.Attempts
				if o.Failed > 0 {
					t.Errorf("%d calls failed, the first one with %v: %v", o.Failed, o.Errs[0], s)
				}
			}
			t.Logf("%d calls, attempts per call %.2f", calls, float64(attempts)/float64(calls))
		})
	}
}
