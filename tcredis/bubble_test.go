package tcredis_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/stretchr/testify/require"
)

// bubble runs a test in virtual time.
func bubble(t *testing.T, f func(*testing.T)) { synctest.Test(t, f) }

// replicasBubble runs a test of hundreds of calls in virtual time. Go's race detector
// crashes in some runs of those (go.dev/issue/78156); the tests over real sockets
// run with it.
func replicasBubble(t *testing.T, f func(*testing.T)) {
	t.Helper()
	if raceDetector {
		t.Skip("crashes Go's race detector, go.dev/issue/78156: go test ./tcredis/...")
	}
	bubble(t, f)
}

// piped starts a Redis in memory that is reached over pipes, so that it may be
// used in a bubble.
func piped(t testing.TB) *miniredis.Miniredis {
	m := miniredis.NewMiniRedis()
	require.NoError(t, m.Start())
	m.Server().Close() // its socket: time would stand still
	return m
}

// dialTo returns a client of a piped Redis. delay is the time of each reply.
func dialTo(m *miniredis.Miniredis, hooks ...redis.Hook) *redis.Client {
	client := redis.NewClient(&redis.Options{
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			m.Server().ServeConn(theirs)
			return ours, nil
		},
		Addr: "127.0.0.1:6379", DisableIdentity: true, Protocol: 2,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	for _, h := range hooks {
		client.AddHook(h)
	}
	return client
}

// closeLater closes a client once the case of a kit that has no end of its own
// has ended.
func closeLater(c *redis.Client) { time.AfterFunc(50*time.Minute, func() { _ = c.Close() }) }
