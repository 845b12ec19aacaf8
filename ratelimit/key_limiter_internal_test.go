package ratelimit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/clock"
)

// fill starts 21 attempts of a key, the last of which is throttled by a limit of 20 per
// second with this code: no further attempt may start now.
func fill(t *testing.T, l *keyLimiter, code string) {
	t.Helper()
	for range 21 {
		require.True(t, l.Start(t.Context(), clock.Now()))
	}
	for range 20 {
		l.Done(Result{Verdict: Accepted})
	}
	l.Done(Result{Verdict: Throttled, Code: code, Count: 21, Limit: 20})
}

func TestAFirstAttemptDoesNotOvertakeThoseThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(Adaptive).key(Key{})
		fill(t, l, "RequestLimitExceeded")
		l.mu.Lock()
		w, err := l.enter(clock.Now(), never, false)
		l.mu.Unlock()
		require.NoError(t, err)
		require.NotNil(t, w)
		later := clock.Now() + time.Minute
		ok := l.Start(t.Context(), later)
		require.False(t, ok, "the other call waits")
		l.leave(w, nil)
		ok = l.Start(t.Context(), later)
		require.True(t, ok)
	})
}

func TestAFirstAttemptWaitsForGroupLimitersToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(Adaptive)
		fill(t, p.key(Key{Action: "A", Credential: "id"}), "RequestLimitExceeded.UinLimitExceeded")
		ok := p.key(Key{Action: "B", Credential: "id"}).Start(t.Context(), clock.Now())
		require.False(t, ok)
	})
}

func TestAFirstAttemptDoesNotStartOnceItsContextHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ok := new(Adaptive).key(Key{}).Start(ctx, clock.Now())
	require.False(t, ok)
}

// To check all waiters for each of them would be quadratic: 20,000 calls at the same time
// took seconds.
func TestTheCheckOfAllDeadlinesIsPostponedWhileManyWaitAndNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(Adaptive).key(Key{})
		fill(t, l, "RequestLimitExceeded")
		enter := func(within time.Duration, afterThrottle bool) *waiter {
			l.mu.Lock()
			defer l.mu.Unlock()
			w, err := l.enter(clock.Now(), clock.Now()+within, afterThrottle)
			require.NoError(t, err)
			return w
		}
		soonest := func() time.Duration {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.earliestDeadline - clock.Now()
		}
		var waiters []*waiter
		first := enter(5*time.Second, false)
		for range 200 { // ten seconds' worth
			waiters = append(waiters, enter(time.Hour, false))
		}
		l.leave(first, nil)
		waiters = append(waiters, enter(time.Hour, false))
		require.Equal(t, 5*time.Second, soonest(), "no check for the last one")
		now := clock.Now()
		require.Equal(t, ErrTooLate, <-enter(2*time.Second, false).result, "but of the new one itself")
		require.Equal(t, now, clock.Now())
		time.Sleep(time.Millisecond)
		require.Greater(t, soonest(), 50*time.Minute, "all were checked")

		l.mu.Lock()
		l.earliestDeadline, l.checkedAt = clock.Now()+2*time.Second, clock.Now()
		l.mu.Unlock()
		l.recheck(clock.Now())
		time.Sleep(time.Millisecond)
		require.Greater(t, soonest(), 50*time.Minute, "a check that a group limiter postpones is not forgotten either")

		throttled := enter(2*time.Second, true)
		require.Empty(t, throttled.result, "a throttled one goes ahead of the others")
		l.leave(throttled, nil)
		for _, w := range waiters {
			l.leave(w, nil)
		}
	})
}

// The attempts of other goroutines see a group limiter before its first result.
func TestGroupLimiter_doesNotExpireBeforeItsFirstResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, key := new(Adaptive), Key{Host: "cvm", Action: "A", Credential: "id"}
		g := a.addGroup(clock.Now(), scopeHost.of(key))
		require.NoError(t, a.key(key).Wait(t.Context(), WaitOptions{}))
		require.Same(t, g, a.group(scopeHost, key))
	})
}

func TestWait_acceptsANotAfterInTheFarFuture(t *testing.T) {
	require.NoError(t, new(Adaptive).ForKey(Key{}).Wait(t.Context(), WaitOptions{NotAfter: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}))
}
