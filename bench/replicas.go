package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/bench/scene"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tcredis"
)

// replicas returns the sizing table of docs/kubernetes.md: 100 callers make 2,000 calls
// against a limit of 20 per second, in 1 to 50 processes.
func (b *bench) replicas() string {
	var s strings.Builder
	s.WriteString("| replicas | without Redis: completion | throttled | limit divided by the replicas: completion | throttled | with Redis: completion | throttled |\n|---|---|---|---|---|---|---|\n")
	for _, n := range []int{1, 3, 10, 50} {
		load := scene.RateLimit{Callers: 100, Processes: n}
		fmt.Fprintf(&s, "| %d |", n)
		for _, strategy := range []func() scene.Strategy{
			func() scene.Strategy { return tcretryDefaults }, func() scene.Strategy { return divided(n) }, b.overRedis(),
		} {
			var completion, throttled, failed float64
			for i := range b.seeds {
				r := load.Play(b.t, strategy(), uint64(firstSeed+i))
				completion += r.Slowness() / float64(b.seeds)
				throttled += r.ThrottledPerCall() / float64(b.seeds)
				failed += float64(r.Failed)
			}
			fmt.Fprintf(&s, " %.2f | %s |", completion, percent(100*throttled))
			if failed > 0 {
				fmt.Fprintf(&s, " (%.0f calls failed)", failed)
			}
		}
		s.WriteString("\n")
	}
	return s.String()
}

// divided configures each of n replicas with its part of the limit, at least one per second.
func divided(n int) scene.Strategy {
	return scene.Through("divided", func(base http.RoundTripper) http.RoundTripper {
		limiter := new(ratelimit.Adaptive)
		limiter.SetLimits(func(ratelimit.Key) int { return max(1, 20/n) })
		return tcretry.New(base, tcretry.WithRateLimiter(limiter))
	})
}

// overRedis shares the configured limit of the replicas through a Redis, which is reached by
// pipes because time is virtual.
func (b *bench) overRedis() func() scene.Strategy {
	return func() scene.Strategy {
		var server *miniredis.Miniredis
		var clients []*redis.Client
		var calls atomic.Int64
		return scene.Strategy{Name: "tcredis", New: func(base http.RoundTripper, _ float64) scene.Call {
			if server == nil {
				server = miniredis.NewMiniRedis()
				if err := server.Start(); err != nil {
					b.t.Fatal(err)
				}
				server.Server().Close() // its socket: time would stand still
			}
			client := redis.NewClient(&redis.Options{
				Dialer: func(context.Context, string, string) (net.Conn, error) {
					ours, theirs := net.Pipe()
					server.Server().ServeConn(theirs)
					return ours, nil
				},
				Addr: "127.0.0.1:6379", DisableIdentity: true, Protocol: 2,
				MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
			})
			clients = append(clients, client)
			limiter, err := tcredis.New(client, tcredis.WithLimits(func(ratelimit.Key) int { return 20 }))
			if err != nil {
				b.t.Fatal(err)
			}
			rt := tcretry.New(base, tcretry.WithRateLimiter(limiter))
			return func() error {
				err := scene.Send(rt)
				if calls.Add(1) == 2000 {
					for _, c := range clients {
						_ = c.Close()
					}
				}
				return err
			}
		}}
	}
}
