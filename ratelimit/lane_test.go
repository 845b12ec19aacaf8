package ratelimit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLaneRunsItsTimerOnlyWhileCallsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(Adaptive).lane(Key{})
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
		require.False(t, runs(), "the call has its turn")
	})
}

// slowLane returns a lane with a quota of one a second, just used, and a waiter.
func slowLane(t *testing.T, latest time.Duration) (*queue, *waiter) {
	l := new(Adaptive).lane(Key{})
	for range 2 {
		require.NoError(t, l.Wait(t.Context(), WaitOptions{}))
	}
	l.Done(Result{Verdict: Accepted})
	l.Done(Result{Verdict: Throttled, Count: 2, Limit: 1})
	w, err := l.enter(clock(), latest, false)
	require.NoError(t, err)
	return l, w
}

func TestLaneTakesBackATurnThatCameWithTheEndOfTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, w := slowLane(t, never)
		l.serve(clock() + 2*time.Second)
		require.Len(t, w.told, 1)
		require.Equal(t, 1, l.pace.inFlight)
		l.leave(w, nil)
		require.Zero(t, l.pace.inFlight)
	})
}

func TestLaneStartsNothingLateThoughItsTimerIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, w := slowLane(t, clock()+1500*time.Millisecond)
		l.serve(clock() + 2*time.Second)
		require.Equal(t, ErrTooLate, <-w.told)
		require.Zero(t, l.pace.inFlight)
	})
}
