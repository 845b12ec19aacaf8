package tcredis

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

// While calls wait, a Redis that is down is probed; when none waits any more, nothing runs.
func TestNothingRunsWhileNoCallWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := new(scripted) // every command fails
		l := limiterWith(t, client, 1, 0)
		require.NoError(t, l.Wait(t.Context(), ratelimit.WaitOptions{}))
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		require.Error(t, l.Wait(ctx, ratelimit.WaitOptions{}))
		sent := len(client.sent())
		require.NotZero(t, sent)
		time.Sleep(time.Hour)
		require.Len(t, client.sent(), sent)

		go func() { _ = l.Wait(t.Context(), ratelimit.WaitOptions{}) }()
		synctest.Wait()
		require.Len(t, client.sent(), sent+1)
		time.Sleep(time.Hour)
		require.Len(t, client.sent(), sent+1, "it has started")
	})
}

// A call that waits for a share of one in ten seconds is woken for each probe.
func TestRedisIsProbedWhileACallWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := new(scripted)
		l := limiterWith(t, client, 1, 0)
		l.processes = 10
		for range 2 {
			require.NoError(t, l.Wait(t.Context(), ratelimit.WaitOptions{}))
		}
		require.Greater(t, len(client.sent()), 8, "about one per second")
		require.Less(t, len(client.sent()), 16)
	})
}

// When Redis is back, calls that wait for the share of the process reserve there as soon as
// that permits one, or all processes have had the time to detect it.
func TestCallsThatWaitForTheShareReserveInTime(t *testing.T) {
	for next, at := range map[time.Duration]time.Duration{
		300 * time.Millisecond: 300 * time.Millisecond, 10 * time.Second: 1050 * time.Millisecond,
	} {
		synctest.Test(t, func(t *testing.T) {
			client := &scripted{reply: []any{int64(20), int64(20_000), int64(0), int64(1), int64(0)}}
			l, now := limiterWith(t, client, 20, 1), time.Now()
			l.mu.Lock()
			l.fallback.begin(now, 2, true, &l.started)
			l.fallback.next, l.rejoinedUntil = now.Add(next), now.Add(1050*time.Millisecond)
			l.update(now)
			l.mu.Unlock()
			time.Sleep(at - time.Millisecond)
			require.Empty(t, client.sent(), next)
			time.Sleep(2 * time.Millisecond)
			require.Len(t, client.sent(), 1, next)
		})
	}
}
