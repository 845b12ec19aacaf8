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

// interval is the time between two bookings at a quota of one a second.
const interval = 1010 * time.Millisecond

func TestWaitingCallsComeBackToTheFleet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := piped(t)
		client := dialTo(m)
		defer client.Close()
		lane := newLimiter(t, client, set(20)).ForKey(key)
		require.NoError(t, wait(lane, ratelimit.WaitOptions{}))
		m.SetError("down")
		var all sync.WaitGroup
		for range 60 {
			all.Go(func() { _ = wait(lane, ratelimit.WaitOptions{}) })
		}
		time.Sleep(3 * time.Second)
		m.SetError("")
		start := time.Now()
		all.Wait()
		require.LessOrEqual(t, time.Since(start), 6*time.Second, "alone it was one a second")
	})
}

// Whichever of the two events of one moment comes first.
func TestABookingOfACallThatEndsAtItsTurnGoesToTheNext(t *testing.T) {
	for range 30 {
		inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
			lane := newLimiter(t, client, set(1)).ForKey(key)
			require.NoError(t, wait(lane, ratelimit.WaitOptions{}))
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), interval+1)
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- lane.Wait(ctx, ratelimit.WaitOptions{}) }()
			time.Sleep(time.Millisecond)
			require.NoError(t, wait(lane, ratelimit.WaitOptions{}))
			want := interval
			if <-ended == nil {
				want = 2 * interval
			}
			require.Equal(t, want, time.Since(start).Truncate(time.Microsecond))
		})
	}
}

func TestWhatIsBookedIsUsedWhenRedisGoes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := piped(t)
		client := dialTo(m)
		defer client.Close()
		lane := newLimiter(t, client, set(1)).ForKey(key)
		require.NoError(t, wait(lane, ratelimit.WaitOptions{}))
		start := time.Now()
		var all sync.WaitGroup
		times := make([]time.Duration, 3)
		for i := range times {
			all.Go(func() {
				_ = wait(lane, ratelimit.WaitOptions{})
				times[i] = time.Since(start).Truncate(time.Microsecond)
			})
			time.Sleep(time.Millisecond)
		}
		m.SetError("down")
		all.Wait()
		require.Equal(t, []time.Duration{interval, 2 * interval}, times[:2])
	})
}

// The first rejection may come while Redis is away, and nobody noticed.
func TestAQuotaThatWasLearntWithoutRedisIsToldLater(t *testing.T) {
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
func TestACallThatWaitsForItsShareFindsThatRedisIsBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := piped(t)
		var lanes []ratelimit.KeyLimiter
		for range 10 {
			client := dialTo(m)
			defer client.Close()
			lanes = append(lanes, newLimiter(t, client, set(1)).ForKey(key))
		}
		for _, lane := range append(lanes, lanes...) {
			require.NoError(t, wait(lane, ratelimit.WaitOptions{}))
		}
		m.SetError("down")
		for range 3 {
			require.NoError(t, wait(lanes[0], ratelimit.WaitOptions{})) // what was booked, and its share
		}
		go func() {
			time.Sleep(500 * time.Millisecond)
			m.SetError("")
		}()
		start := time.Now()
		require.NoError(t, wait(lanes[0], ratelimit.WaitOptions{}))
		require.LessOrEqual(t, time.Since(start), 4*time.Second, "its share is one in ten seconds")
	})
}
