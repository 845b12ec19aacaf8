package ratelimit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/clock"
)

// queued makes a call wait in l, without a goroutine, so that a test can let it leave
// at any point.
func queued(t *testing.T, l *keyLimiter) *waiter {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	w, err := l.enter(clock.Now(), never, false)
	require.NoError(t, err)
	require.NotNil(t, w, "it was to wait")
	return w
}

// next waits for a slot of l in a goroutine; when it started comes over the channel.
func next(ctx context.Context, l *keyLimiter) <-chan time.Time {
	at := make(chan time.Time, 1)
	go func() {
		if l.Wait(ctx, WaitOptions{}) == nil {
			at <- time.Now()
		}
	}()
	synctest.Wait()
	return at
}

// given returns when the slot of a call came.
func given(t *testing.T, w *waiter) time.Time {
	t.Helper()
	w.result <- <-w.result // whoever leaves takes it from there
	return time.Now()
}

// limitTo begins two attempts of l, of which the second is throttled by that code at a
// limit of one per second. With several one stays in flight.
func limitTo(t *testing.T, l *keyLimiter, code string, inFlight bool) {
	t.Helper()
	begun := 2
	if inFlight {
		begun++
	}
	for range begun {
		require.True(t, l.Start(t.Context(), clock.Now()))
	}
	l.Done(Result{Verdict: Accepted})
	l.Done(Result{Verdict: Throttled, Code: code, Count: begun, Limit: 1})
}

const (
	accountWideCode = "RequestLimitExceeded.UinLimitExceeded"
	keyCode         = "RequestLimitExceeded"
)

// The callers that wait for the limit of an account may have gone by the time of the
// slot: it goes to the limiter of another key then, at that time and not a second later.
func TestAnAccountWideSlotWhoseCallerHasGoneGoesToTheNextLimiter(t *testing.T) {
	keys := func(p *Adaptive) (a, b *keyLimiter) {
		return p.key(Key{Host: "h", Action: "A", Credential: "me"}), p.key(Key{Host: "h", Action: "B", Credential: "me"})
	}
	t.Run("after it got the slot", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, b := keys(&Adaptive{Seed: 1})
			limitTo(t, a, accountWideCode, false)
			gone := queued(t, a)
			stays := next(t.Context(), b)
			at := given(t, gone)
			synctest.Wait()
			require.Empty(t, stays)
			a.leave(gone, nil)
			require.Equal(t, at, <-stays)
			require.Equal(t, 1, b.adaptive.States()[0].InFlight)
		})
	})
	t.Run("while the slot was on its way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, b := keys(&Adaptive{Seed: 1})
			limitTo(t, a, accountWideCode, false)
			a.mu.Lock()
			require.False(t, a.adaptive.group(scopeHost, a.key).admit(clock.Now(), a)) // and its caller leaves at once
			a.mu.Unlock()
			stays := next(t.Context(), b)
			start := time.Now()
			require.WithinDuration(t, start.Add(limitWindow+guardStep), <-stays, guardStep)
			require.Equal(t, 1, b.adaptive.States()[0].InFlight)
		})
	})
	t.Run("while its own key was throttled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, b := keys(&Adaptive{Seed: 1})
			limitTo(t, a, accountWideCode, true)
			ctx, cancel := context.WithCancel(t.Context())
			gone := next(ctx, a)
			stays := next(t.Context(), b)
			time.Sleep(limitWindow)
			a.Done(Result{Verdict: Throttled, Code: keyCode, Count: 99, Limit: 1})
			time.Sleep(50 * time.Millisecond) // the account's slot has come, and the key's has not
			synctest.Wait()
			require.Empty(t, gone)
			require.Empty(t, stays)
			cancel()
			require.Equal(t, time.Now(), <-stays)
			a.mu.Lock()
			defer a.mu.Unlock()
			require.Zero(t, a.groupSlots, "its next call gets none of it")
		})
	})
}

// Within one key it is the same, whether the limit is all its own or contended.
func TestASlotWhoseCallerHasGoneGoesToTheNextOfItsKey(t *testing.T) {
	for mode, count := range map[Mode]int{Own: 2, Shared: 40} {
		synctest.Test(t, func(t *testing.T) {
			l := (&Adaptive{Seed: 1}).key(Key{})
			for range 2 {
				require.True(t, l.Start(t.Context(), clock.Now()))
			}
			l.Done(Result{Verdict: Accepted})
			l.Done(Result{Verdict: Throttled, Code: keyCode, Count: count, Limit: 1})
			require.Equal(t, mode, l.State().Mode)
			gone := queued(t, l)
			stays, after := next(t.Context(), l), next(t.Context(), l)
			at := given(t, gone)
			synctest.Wait()
			require.Empty(t, stays, mode)
			l.leave(gone, nil)
			require.Equal(t, at, <-stays, mode)
			require.Equal(t, 1, l.State().InFlight)
			l.Done(Result{})
			require.GreaterOrEqual(t, (<-after).Sub(at), 900*time.Millisecond, "%v: it was one slot", mode)
		})
	}
}

// A call that leaves without a slot gives none back.
func TestACallThatLeavesWithoutASlotGivesNoneBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Adaptive{Seed: 1}
		a, b := p.key(Key{Host: "h", Action: "A", Credential: "me"}), p.key(Key{Host: "h", Action: "B", Credential: "me"})
		limitTo(t, a, accountWideCode, false)
		start := time.Now()
		gone, other := queued(t, a), queued(t, b)
		a.leave(gone, nil)
		require.Empty(t, other.result)
		require.WithinDuration(t, start.Add(limitWindow+guardStep), given(t, other), guardStep)
		require.Equal(t, 1, p.States()[0].InFlight)
	})
}
