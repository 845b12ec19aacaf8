package ratelimit_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

// A caller that comes too late fails immediately, and those that wait start at their time in
// spite of it: before the time until which that caller would have waited.
func TestAdaptive_keepsWaitersWhenALaterCallFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limited(1).ForKey(testKey)
		begin(t, l, 1)
		time.Sleep(900 * time.Millisecond)
		start := time.Now()
		waiting := waitAsync(t.Context(), l, ratelimit.WaitOptions{})
		requireWaiting(t, waiting)
		late := ratelimit.WaitOptions{NotAfter: start.Add(950 * time.Millisecond)}
		require.ErrorIs(t, l.Wait(t.Context(), late), ratelimit.ErrTooLate)
		require.Zero(t, time.Since(start))
		o := <-waiting
		require.NoError(t, o.err)
		require.InDelta(t, 0.1, time.Since(start).Seconds(), 0.02)
	})
}
