package ratelimit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/clock"
)

func TestKeyLimiter_runsItsTimerOnlyWhileCallsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(Adaptive).key(Key{})
		for range 2 {
			require.NoError(t, l.Wait(t.Context(), WaitOptions{}))
		}
		l.Done(Result{Verdict: Throttled, Count: 2, Limit: 1})
		runs := func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.timer != nil
		}
		require.False(t, runs())
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = l.Wait(ctx, WaitOptions{}) }()
		synctest.Wait()
		require.True(t, runs())
		cancel()
		synctest.Wait()
		require.False(t, runs(), "the call has left")
		require.NoError(t, l.Wait(t.Context(), WaitOptions{NotAfter: time.Now().Add(time.Minute)}))
		require.False(t, runs(), "the call may start")
	})
}

// slowKey returns a key with a limit of one per second, just used, and a waiter.
func slowKey(t *testing.T, latest time.Duration) (*keyLimiter, *waiter) {
	l := new(Adaptive).key(Key{})
	for range 2 {
		require.NoError(t, l.Wait(t.Context(), WaitOptions{}))
	}
	l.Done(Result{Verdict: Accepted})
	l.Done(Result{Verdict: Throttled, Count: 2, Limit: 1})
	w, err := l.enter(clock.Now(), latest, false)
	require.NoError(t, err)
	return l, w
}

func TestKeyLimiter_takesBackASlotThatCameWithTheEndOfTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, w := slowKey(t, never)
		l.serve(clock.Now() + 2*time.Second)
		require.Len(t, w.result, 1)
		require.Equal(t, 1, l.controller.inFlight)
		l.leave(w, nil)
		require.Zero(t, l.controller.inFlight)
	})
}

func TestKeyLimiter_startsNothingLateThoughItsTimerIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, w := slowKey(t, clock.Now()+1500*time.Millisecond)
		l.serve(clock.Now() + 2*time.Second)
		require.Equal(t, ErrTooLate, <-w.result)
		require.Zero(t, l.controller.inFlight)
	})
}
