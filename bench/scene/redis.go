package scene

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcredis"
)

// Redis is a Redis in memory for one scene. It is reached through pipes alone: in a
// synctest bubble time stands still while a goroutine waits for a socket.
type Redis struct{ *miniredis.Miniredis }

// NewRedis starts a Redis, in the bubble of the scene that uses it.
func NewRedis(t *testing.T) Redis {
	t.Helper()
	m := miniredis.NewMiniRedis()
	require.NoError(t, m.Start())
	m.Server().Close() // its socket
	return Redis{m}
}

// Client returns a new client, which belongs to the caller.
func (r Redis) Client() *redis.Client {
	return redis.NewClient(&redis.Options{
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			r.Server().ServeConn(theirs)
			return ours, nil
		},
		Addr: "127.0.0.1:6379", DisableIdentity: true, Protocol: 2,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// Tcredis is tcretry in several processes that share the limit through a Redis, for one
// scene of the given number of calls: after the last of them the connections are closed,
// because a bubble ends only then.
func Tcredis(t *testing.T, name string, calls int) Strategy {
	var server Redis
	var clients []*redis.Client
	var ended atomic.Int64
	return Strategy{Name: name, New: func(base http.RoundTripper, _ float64) Call {
		if clients == nil {
			server = NewRedis(t)
		}
		client := server.Client()
		clients = append(clients, client)
		limiter, err := tcredis.New(client)
		require.NoError(t, err)
		rt := tcretry.New(base, tcretry.WithRateLimiter(limiter))
		return func() error {
			err := Send(rt)
			if ended.Add(1) == int64(calls) {
				for _, c := range clients {
					_ = c.Close()
				}
			}
			return err
		}
	}}
}
