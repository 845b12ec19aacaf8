package tcredis_test

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tcredis"
)

// far is a client of a Redis with a large limit and slow replies.
type far struct {
	generous
	takes    time.Duration
	requests atomic.Int64
}

func (f *far) EvalSha(ctx context.Context, _ string, _ []string, args ...any) *redis.Cmd {
	f.requests.Add(1)
	time.Sleep(f.takes)
	values := []any{int64(1000), int64(1000_000), int64(0), int64(1), int64(1)}
	for range args[0].(int) {
		values = append(values, int64(0))
	}
	cmd := redis.NewCmd(ctx)
	cmd.SetVal(values)
	return cmd
}

func TestASlowRedisDelaysABurstByNoMoreThanTheTimeout(t *testing.T) {
	for _, takes := range []time.Duration{40 * time.Millisecond, 90 * time.Millisecond, time.Hour} {
		bubble(t, func(t *testing.T) {
			l, start := newLimiter(t, &far{takes: takes}, set(1000)).ForKey(key), time.Now()
			var all sync.WaitGroup
			for i := range 50 {
				all.Go(func() {
					time.Sleep(time.Duration(i) * time.Millisecond)
					begun := time.Now()
					require.NoError(t, wait(l, ratelimit.WaitOptions{}))
					require.LessOrEqual(t, time.Since(begun), tcredis.DefaultTimeout, "call %d", i)
				})
			}
			all.Wait()
			require.LessOrEqual(t, time.Since(start), time.Second)
			time.Sleep(time.Hour)
		})
	}
}

func TestAClientThatNeverReturnsDoesNotAccumulateGoroutines(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client := &far{takes: 24 * time.Hour}
		l := newLimiter(t, client, set(1000)).ForKey(key)
		for range 1000 {
			require.NoError(t, wait(l, ratelimit.WaitOptions{}))
			time.Sleep(time.Second)
		}
		require.LessOrEqual(t, client.requests.Load(), int64(20))
		time.Sleep(24 * time.Hour)
		before := client.requests.Load()
		require.NoError(t, wait(l, ratelimit.WaitOptions{}))
		time.Sleep(24 * time.Hour)
		require.Greater(t, client.requests.Load(), before, "it tries again once the client has given up")
	})
}

// The reservations of a process that dies are lost to the others, and no more.
func TestAProcessThatDiesWastesTwoAttempts(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
		dies, lives := newLimiter(t, client, set(1)).ForKey(key), newLimiter(t, client, set(1)).ForKey(key)
		require.NoError(t, wait(dies, ratelimit.WaitOptions{}))
		ctx, die := context.WithCancel(t.Context())
		for range 5000 {
			go func() { _ = dies.Wait(ctx, ratelimit.WaitOptions{}) }()
		}
		time.Sleep(interval / 2)
		die()
		start := time.Now()
		require.NoError(t, wait(lives, ratelimit.WaitOptions{}))
		require.LessOrEqual(t, time.Since(start), 3*interval)
		require.NoError(t, wait(lives, ratelimit.WaitOptions{}))
		require.LessOrEqual(t, time.Since(start), 4*interval)
	})
}

func TestImpossibleNumbersAreIgnored(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
		p := newLimiter(t, client)
		r := throttled
		for _, numbers := range [][2]int{{math.MaxInt, math.MaxInt - 1}, {5, -1}, {-5, -7}, {20, 20}} {
			r.Count, r.Limit = numbers[0], numbers[1]
			throttle(t, p.ForKey(key), r)
			require.Zero(t, p.States()[0].Limit)
		}
		r.Count, r.Limit = math.MaxInt, 20
		throttle(t, p.ForKey(key), r)
		require.NoError(t, wait(p.ForKey(key), ratelimit.WaitOptions{}))
		require.Equal(t, 20, p.States()[0].Limit)
		require.NoError(t, p.Err())
	})
	inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
		p := newLimiter(t, client, set(math.MaxInt))
		require.NoError(t, wait(p.ForKey(key), ratelimit.WaitOptions{}))
		require.Equal(t, 1<<20, p.States()[0].Limit)
	})
}

// Canceled calls leave a throttling response that was not reported.
func TestAnOldThrottlingResponseIsNotReported(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
		p := newLimiter(t, client, set(50))
		old := throttled
		old.Count, old.Limit = 11, 10
		throttle(t, p.ForKey(key), old)
		time.Sleep(time.Minute)
		start := time.Now()
		require.NoError(t, wait(p.ForKey(key), ratelimit.WaitOptions{}))
		require.Zero(t, time.Since(start), "it is long below the limit")

		throttle(t, p.ForKey(key), old)
		other := newLimiter(t, client, set(50)).ForKey(key)
		throttle(t, other, throttled)
		require.NoError(t, wait(other, ratelimit.WaitOptions{}))
		time.Sleep(time.Minute)
		require.NoError(t, wait(p.ForKey(key), ratelimit.WaitOptions{}))
		require.Equal(t, 20, p.States()[0].Limit, "others have learned a newer one")
	})
}

func TestForeignDataInRedisFailsNoCall(t *testing.T) {
	for _, spoilt := range []struct {
		what  string
		spoil func(*redis.Client, string) *redis.Cmd
		heals bool
	}{
		{"a key of another program", func(c *redis.Client, name string) *redis.Cmd {
			return c.Do(context.Background(), "SET", name, "x")
		}, false},
		{"values that are no numbers", func(c *redis.Client, name string) *redis.Cmd {
			return c.Do(context.Background(), "HSET", name, "limit", "x", "log", "x 1 -", "last_start", "")
		}, true},
	} {
		inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
			p := newLimiter(t, client, set(20))
			require.NoError(t, wait(p.ForKey(key), ratelimit.WaitOptions{}))
			name := client.Keys(t.Context(), "*").Val()[0]
			require.NoError(t, client.Del(t.Context(), name).Err())
			require.NoError(t, spoilt.spoil(client, name).Err())
			for range 100 {
				require.NoError(t, wait(p.ForKey(key), ratelimit.WaitOptions{}))
			}
			require.Equal(t, spoilt.heals, p.Err() == nil, spoilt.what)
		})
	}
}

func TestAFlushOfTheScriptsDelaysNoCall(t *testing.T) {
	s := startRedis(t)
	admin, p := s.client(t), newLimiter(t, s.client(t), set(1000), tcredis.WithTimeout(10*time.Second))
	for range 50 {
		require.NoError(t, admin.ScriptFlush(context.Background()).Err())
		require.NoError(t, wait(p.ForKey(key), ratelimit.WaitOptions{}))
		require.NoError(t, p.Err())
	}
}

// As when the client still talks to what was the master.
func TestAReadOnlyRedisFailsNoCall(t *testing.T) {
	s := startRedis(t)
	ctx, admin, p := context.Background(), s.client(t), newLimiter(t, s.client(t), set(1000))
	require.NoError(t, wait(p.ForKey(key), ratelimit.WaitOptions{}))
	require.NoError(t, admin.ReplicaOf(ctx, "127.0.0.1", "1").Err())
	noticed := false
	for range 100 {
		require.NoError(t, wait(p.ForKey(key), ratelimit.WaitOptions{}))
		noticed = noticed || p.Err() != nil
	}
	require.True(t, noticed)
	require.NoError(t, admin.ReplicaOf(ctx, "NO", "ONE").Err())
	before := s.commands(t)
	eventually(t, "it did not come back", func() bool {
		return wait(p.ForKey(key), ratelimit.WaitOptions{}) == nil && p.Err() == nil && s.commands(t) > before+5
	})
}

// broken is a client that panics.
type broken struct{ redis.Scripter }

func (broken) EvalSha(context.Context, string, []string, ...any) *redis.Cmd { panic("broken") }

// mute is a client that returns no replies.
type mute struct{ redis.Scripter }

func (mute) EvalSha(context.Context, string, []string, ...any) *redis.Cmd { return nil }

func TestAClientThatPanicsFailsNoCall(t *testing.T) {
	var none *redis.Client
	for _, client := range []redis.Scripter{none, broken{}, mute{}} {
		bubble(t, func(t *testing.T) {
			p := newLimiter(t, client, set(1000))
			for range 10 {
				require.NoError(t, wait(p.ForKey(key), ratelimit.WaitOptions{}))
			}
			require.ErrorContains(t, p.Err(), "tcredis: the client panicked: ")
		})
	}
}
