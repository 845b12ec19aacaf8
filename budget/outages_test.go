package budget_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/budget"
)

// What one outage of a host leaves behind must not keep the retries of the next one
// from being probed, each second while nobody tries it.
func TestDeferredRetriesAreProbedInTheSecondOutageAsInTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(budget.Tokens)
		for outage := range 3 {
			fail(b, 12)
			start := time.Now()
			var deferred []<-chan outcome
			for range 4 {
				ch := acquireAsync(t.Context(), b, budget.Request{Host: budgetHost, Start: start})
				requireDeferred(t, ch)
				deferred = append(deferred, ch)
			}
			for i, left := range []int{3, 2} {
				youngest := <-deferred[left]
				require.Equal(t, outcome{nil, start.Add(time.Duration(i+1) * time.Second)}, youngest, "outage %d", outage)
				require.True(t, b.States()[0].Open)
				require.Equal(t, left, b.States()[0].Deferred)
			}
			time.Sleep(500 * time.Millisecond)
			b.Record(budget.Report{Host: budgetHost, Retry: 1, Returned: 1})
			for _, ch := range deferred[:2] {
				require.Equal(t, outcome{nil, start.Add(2500 * time.Millisecond)}, <-ch, "outage %d", outage)
			}
			require.False(t, b.States()[0].Open)
			require.Zero(t, b.States()[0].Deferred)
			time.Sleep(time.Minute)
		}
	})
}

// The callers of the first outage may all have left before it ended.
func TestDeferredRetriesAreProbedAfterAnOutageThatEverybodyLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(budget.Tokens)
		fail(b, 12)
		ctx, cancel := context.WithCancel(t.Context())
		gone := acquireAsync(ctx, b, budget.Request{Host: budgetHost, Start: time.Now()})
		cancel()
		require.ErrorIs(t, (<-gone).err, context.Canceled)
		time.Sleep(10 * time.Second)
		fail(b, 1)
		start := time.Now()
		require.NoError(t, b.Acquire(t.Context(), budget.Request{Host: budgetHost, Start: start}), "it is the probe")
		require.Equal(t, outcome{nil, start.Add(time.Second)}, <-acquireAsync(t.Context(), b, budget.Request{Host: budgetHost, Start: start}))
	})
}

// A page that a person reads shows what holds now, though nobody has called the host
// since: time has refilled the buckets, and failures of half a minute ago are no
// evidence.
func TestTheStateOfAHostIsThatOfNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(budget.Tokens)
		require.Equal(t, 50, consumeAll(t, b))
		fail(b, 12)
		require.Equal(t, []budget.HostState{{
			Host: budgetHost, Open: true, Actions: []budget.ActionState{{Open: true}},
		}}, b.States())
		time.Sleep(20 * time.Second)
		got := b.States()[0]
		require.InDelta(t, 10, got.Tokens, 1e-9)
		require.InDelta(t, 10, got.Actions[0].Tokens, 1e-9)
		require.True(t, got.Open)
		time.Sleep(40 * time.Second)
		got = b.States()[0]
		require.InDelta(t, 30, got.Tokens, 1e-9)
		require.False(t, got.Open, "the failures were a minute ago")
		require.False(t, got.Actions[0].Open)
		time.Sleep(time.Minute)
		require.Equal(t, []budget.HostState{{Host: budgetHost, Tokens: 50}}, b.States())
	})
}
