package ratelimit_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

// limited returns an Adaptive in which the limit of testKey is configured.
func limited(limit int) *ratelimit.Adaptive {
	a := &ratelimit.Adaptive{Seed: 1}
	a.SetLimits(func(key ratelimit.Key) int {
		if key == testKey {
			return limit
		}
		return 0
	})
	return a
}

func adaptiveState(a *ratelimit.Adaptive) ratelimit.State {
	return a.ForKey(testKey).(interface{ State() ratelimit.State }).State()
}

func TestSetLimits_limitsAKeyFromItsFirstAttemptOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := limited(3)
		l := a.ForKey(testKey)
		begin(t, l, 3)
		start := time.Now()
		require.NoError(t, l.Wait(t.Context(), ratelimit.WaitOptions{}))
		require.InDelta(t, 1.0, time.Since(start).Seconds(), 0.02)
		s := adaptiveState(a)
		require.Equal(t, ratelimit.Own, s.Mode)
		require.Equal(t, 3, s.Limit)
		require.Equal(t, 3, s.Configured)

		other := a.ForKey(ratelimit.Key{Host: testKey.Host, Action: "RunInstances"})
		begin(t, other, 100)
	})
}

func TestSetLimits_appliesToKeysInUseAndReleasesTheirCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := limited(1)
		l := a.ForKey(testKey)
		begin(t, l, 1)
		waiting := waitAsync(t.Context(), l, ratelimit.WaitOptions{})
		requireWaiting(t, waiting)
		start := time.Now()
		a.SetLimits(func(ratelimit.Key) int { return 50 })
		synctest.Wait()
		require.NoError(t, (<-waiting).err)
		require.Zero(t, time.Since(start))
		require.Equal(t, 50, adaptiveState(a).Limit)

		a.SetLimits(nil)
		s := adaptiveState(a)
		require.Equal(t, 50, s.Limit, "what was in force stays, as a learned limit does")
		require.Zero(t, s.Configured)
	})
}

func TestSetLimits_isCorrectedByAThrottlingResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := limited(10)
		l := a.ForKey(testKey)
		begin(t, l, 10)
		done(l, 4, accepted)
		done(l, 6, over(6, 5))
		s := adaptiveState(a)
		require.Equal(t, 5, s.Limit)
		require.Equal(t, 10, s.Configured, "so that the difference can be seen")

		a.SetLimits(func(ratelimit.Key) int { return 10 })
		require.Equal(t, 5, adaptiveState(a).Limit, "the same limit again does not undo what the API stated")
	})
}

// A configured limit that is too low rises by probes, one a minute at first.
func TestSetLimits_isRaisedByProbesIfItIsTooLow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := limited(5)
		l := a.ForKey(testKey)
		for start := time.Now(); time.Since(start) < 5*time.Minute; {
			require.NoError(t, l.Wait(t.Context(), ratelimit.WaitOptions{}))
			time.Sleep(10 * time.Millisecond)
			l.Done(accepted)
		}
		require.Greater(t, adaptiveState(a).Limit, 50)
	})
}

func TestSetLimits_ignoresLimitsThatAreNone(t *testing.T) {
	for _, limit := range []int{0, -1} {
		a := limited(limit)
		require.Equal(t, ratelimit.Open, adaptiveState(a).Mode)
		require.Zero(t, adaptiveState(a).Configured)
	}
}

func TestSetLimits_changesAKeyInUseToALimitInItsRange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := limited(20)
		begin(t, a.ForKey(testKey), 1)
		for limit, want := range map[int]int{-1: 0, math.MaxInt: 1 << 16} {
			a.SetLimits(func(ratelimit.Key) int { return limit })
			require.Equal(t, want, adaptiveState(a).Configured)
		}
	})
}
