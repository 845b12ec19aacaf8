package ratelimit_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

// stateOf is the state that a key's limiter shows of itself.
func stateOf(l ratelimit.KeyLimiter) ratelimit.State {
	return l.(interface{ State() ratelimit.State }).State()
}

// sharedLimiter returns a rate limiter, and that of its one key, which shares a limit of 20
// per second with others.
func sharedLimiter(t *testing.T) (*ratelimit.Adaptive, ratelimit.KeyLimiter) {
	t.Helper()
	p := &ratelimit.Adaptive{Seed: 1}
	limiter := p.ForKey(testKey)
	begin(t, limiter, 2)
	limiter.Done(over(400, 20))
	limiter.Done(accepted)
	require.Equal(t, ratelimit.Shared, stateOf(limiter).Mode)
	return p, limiter
}

// What is shown is what holds now, though nothing has started or ended since.
func TestTheStateThatIsShownIsThatOfNow(t *testing.T) {
	t.Run("a guard melts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := new(ratelimit.Adaptive)
			limiter := ownLimiter(t, p, 20)
			require.InDelta(t, 20/round.Seconds(), stateOf(limiter).Rate, 1e-9)
			time.Sleep(8 * time.Second)
			half := 20 / 1.004
			require.InDelta(t, half, stateOf(limiter).Rate, 1e-9)
			require.InDelta(t, half, p.States()[0].Rate, 1e-9)
			time.Sleep(8 * time.Second)
			require.InDelta(t, 20, p.States()[0].Rate, 1e-9)
			require.InDelta(t, 20, stateOf(limiter).Rate, 1e-9)
		})
	})
	t.Run("a rate recovers", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, limiter := sharedLimiter(t)
			last := stateOf(limiter).Rate
			for _, show := range []func() ratelimit.State{func() ratelimit.State { return stateOf(limiter) }, func() ratelimit.State { return p.States()[0] }} {
				time.Sleep(100 * time.Millisecond)
				now := show().Rate
				require.Greater(t, now, last)
				last = now
			}
			time.Sleep(10 * time.Minute)
			require.Equal(t, 20.0, stateOf(limiter).Rate, "in the end it is the limit")
		})
	})
	t.Run("a limit is ours again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, limiter := sharedLimiter(t)
			time.Sleep(time.Minute)
			require.Equal(t, ratelimit.Own, p.States()[0].Mode, "for most of the minute, though nobody looked")
			require.Equal(t, 20.0, p.States()[0].Rate, "the guard has melted since")
			from := time.Now()
			begin(t, limiter, 20)
			require.Zero(t, time.Since(from), "they need not be spread over a second")
		})
	})
	t.Run("an account's guard melts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := new(ratelimit.Adaptive)
			accountWide(t, p)
			require.InDelta(t, 2/round.Seconds(), p.States()[0].Rate, 1e-9)
			time.Sleep(16 * time.Second)
			require.InDelta(t, 2, p.States()[0].Rate, 1e-9)
			require.Empty(t, p.States()[0].Action)
		})
	})
}
