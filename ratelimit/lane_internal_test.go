package ratelimit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// fill starts 21 attempts of a lane, the last of which is rejected by a quota of
// 20 a second with this code: no further attempt may start now.
func fill(t *testing.T, l *queue, code string) {
	t.Helper()
	for range 21 {
		require.True(t, l.Start(t.Context(), time.Now()))
	}
	for range 20 {
		l.Done(Result{Verdict: Accepted})
	}
	l.Done(Result{Verdict: Throttled, Code: code, Count: 21, Limit: 20})
}

func TestAFirstAttemptDoesNotOvertakeThoseThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(Adaptive).lane(Key{})
		fill(t, l, "RequestLimitExceeded")
		l.mu.Lock()
		w, err := l.enter(clock(), never, false)
		l.mu.Unlock()
		require.NoError(t, err)
		require.NotNil(t, w)
		later := time.Now().Add(time.Minute)
		ok := l.Start(t.Context(), later)
		require.False(t, ok, "the other call waits")
		l.leave(w, nil)
		ok = l.Start(t.Context(), later)
		require.True(t, ok)
	})
}

func TestAFirstAttemptAsksTheWidePacesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(Adaptive)
		fill(t, p.lane(Key{Action: "A", Credential: "id"}), "RequestLimitExceeded.UinLimitExceeded")
		ok := p.lane(Key{Action: "B", Credential: "id"}).Start(t.Context(), time.Now())
		require.False(t, ok)
	})
}

func TestAFirstAttemptDoesNotStartOnceItsContextHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ok := new(Adaptive).lane(Key{}).Start(ctx, time.Now())
	require.False(t, ok)
}

// A look at all who wait for each of them would be quadratic: 20,000 calls at once
// took seconds.
func TestALookAtAllWhoWaitIsPutOffWhileThereAreManyAndNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(Adaptive).lane(Key{})
		fill(t, l, "RequestLimitExceeded")
		enter := func(within time.Duration, again bool) *waiter {
			l.mu.Lock()
			defer l.mu.Unlock()
			w, err := l.enter(clock(), clock()+within, again)
			require.NoError(t, err)
			return w
		}
		soonest := func() time.Duration {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.soonest - clock()
		}
		var waiters []*waiter
		first := enter(5*time.Second, false)
		for range 200 { // ten seconds' worth
			waiters = append(waiters, enter(time.Hour, false))
		}
		l.leave(first, nil)
		waiters = append(waiters, enter(time.Hour, false))
		require.Equal(t, 5*time.Second, soonest(), "nobody was looked at for the last one")
		now := clock()
		require.Equal(t, ErrTooLate, <-enter(2*time.Second, false).told, "but whoever comes too late")
		require.Equal(t, now, clock())
		time.Sleep(time.Millisecond)
		require.Greater(t, soonest(), 50*time.Minute, "all were")

		l.mu.Lock()
		l.soonest, l.looked = clock()+2*time.Second, clock()
		l.mu.Unlock()
		l.again(clock())
		time.Sleep(time.Millisecond)
		require.Greater(t, soonest(), 50*time.Minute, "what a wide pace puts off is not forgotten either")

		back := enter(2*time.Second, true)
		require.Empty(t, back.told, "a rejected one goes ahead of the others")
		l.leave(back, nil)
		for _, w := range waiters {
			l.leave(w, nil)
		}
	})
}
