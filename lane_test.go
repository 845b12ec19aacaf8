package tcretry

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLaneRunsItsTimerOnlyWhileCallsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(AdaptivePacer).lane(PaceKey{})
		for range 2 {
			require.NoError(t, l.Wait(t.Context(), Turn{}))
		}
		l.Done(PaceResult{Verdict: PaceRejected, Count: 2, Limit: 1})
		runs := func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.timer != nil
		}
		require.False(t, runs())
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = l.Wait(ctx, Turn{}) }()
		synctest.Wait()
		require.True(t, runs())
		cancel()
		synctest.Wait()
		require.False(t, runs(), "the call has left")
		require.NoError(t, l.Wait(t.Context(), Turn{Latest: time.Now().Add(time.Minute)}))
		require.False(t, runs(), "the call has its turn")
	})
}
