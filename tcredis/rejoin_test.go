package tcredis_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

// interval is the time between two reservations at a limit of one per second.
const interval = 1010 * time.Millisecond

func TestWaitingCallsReserveInRedisAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := piped(t)
		client := dialTo(m)
		defer client.Close()
		l := newLimiter(t, client, set(20)).ForKey(key)
		require.NoError(t, wait(l, ratelimit.WaitOptions{}))
		m.SetError("down")
		var all sync.WaitGroup
		for range 60 {
			all.Go(func() { _ = wait(l, ratelimit.WaitOptions{}) })
		}
		time.Sleep(3 * time.Second)
		m.SetError("")
		start := time.Now()
		all.Wait()
		require.LessOrEqual(t, time.Since(start), 6*time.Second, "without Redis it was one per second")
	})
}

// Whichever of the two events of one moment comes first.
func TestTheReservationOfACallThatEndsGoesToTheNext(t *testing.T) {
	for range 30 {
		inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
			l := newLimiter(t, client, set(1)).ForKey(key)
			require.NoError(t, wait(l, ratelimit.WaitOptions{}))
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), interval+1)
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- l.Wait(ctx, ratelimit.WaitOptions{}) }()
			time.Sleep(time.Millisecond)
			require.NoError(t, wait(l, ratelimit.WaitOptions{}))
			want := interval
			if <-ended == nil {
				want = 2 * interval
			}
			require.Equal(t, want, time.Since(start).Truncate(time.Microsecond))
		})
	}
}

func TestReservationsAreUsedWhenRedisFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := piped(t)
		client := dialTo(m)
		defer client.Close()
		l := newLimiter(t, client, set(1)).ForKey(key)
		require.NoError(t, wait(l, ratelimit.WaitOptions{}))
		start := time.Now()
		var all sync.WaitGroup
		times := make([]time.Duration, 3)
		for i := range times {
			all.Go(func() {
				_ = wait(l, ratelimit.WaitOptions{})
				times[i] = time.Since(start).Truncate(time.Microsecond)
			})
			time.Sleep(time.Millisecond)
		}
		m.SetError("down")
		all.Wait()
		require.Equal(t, []time.Duration{interval, 2 * interval}, times[:2])
	})
}

// The first throttling response may come while Redis is down, before any call has detected that.
func TestALimitLearnedWithoutRedisIsReportedLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := piped(t)
		client := dialTo(m)
		defer client.Close()
		p := newLimiter(t, client)
		require.NoError(t, wait(p.ForKey(key), ratelimit.WaitOptions{}))
		time.Sleep(time.Second)
		m.SetError("down")
		throttle(t, p.ForKey(key), throttled)
		for range 10 {
			require.NoError(t, wait(p.ForKey(key), ratelimit.WaitOptions{}))
		}
		require.Error(t, p.Err())
		m.SetError("")
		for range 100 {
			require.NoError(t, wait(p.ForKey(key), ratelimit.WaitOptions{}))
		}
		require.NoError(t, p.Err())
		require.Equal(t, "20", m.HGet(m.Keys()[0], "limit"))
	})
}

// Its share may be so small that nothing happens for a long time.
func TestACallThatWaitsForItsShareDetectsThatRedisIsBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := piped(t)
		var limiters []ratelimit.KeyLimiter
		for range 10 {
			client := dialTo(m)
			defer client.Close()
			limiters = append(limiters, newLimiter(t, client, set(1)).ForKey(key))
		}
		for _, l := range append(limiters, limiters...) {
			require.NoError(t, wait(l, ratelimit.WaitOptions{}))
		}
		m.SetError("down")
		for range 3 {
			require.NoError(t, wait(limiters[0], ratelimit.WaitOptions{})) // its reservation, and its share
		}
		go func() {
			time.Sleep(500 * time.Millisecond)
			m.SetError("")
		}()
		start := time.Now()
		require.NoError(t, wait(limiters[0], ratelimit.WaitOptions{}))
		require.LessOrEqual(t, time.Since(start), 4*time.Second, "its share is one in ten seconds")
	})
}
