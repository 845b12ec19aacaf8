package budget_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/budget"
)

const budgetHost = "cvm.tencentcloudapi.com"

// fail records n failed attempts, succeed n successful ones.
func fail(b budget.Budget, n int) {
	for range n {
		b.Record(budget.Report{Host: budgetHost, Result: budget.Failure})
	}
}

func succeed(b budget.Budget, n int) {
	for range n {
		b.Record(budget.Report{Host: budgetHost})
	}
}

// acquire requests a retry of a call that starts now.
func acquire(ctx context.Context, b budget.Budget) error {
	return b.Acquire(ctx, budget.Request{Host: budgetHost, Start: time.Now()})
}

// outcome is what Acquire returned, and when.
type outcome struct {
	err error
	at  time.Time
}

// acquireAsync requests a retry in a goroutine of its own, and sends the outcome to the channel.
func acquireAsync(ctx context.Context, b budget.Budget, w budget.Request) <-chan outcome {
	ch := make(chan outcome, 1)
	go func() {
		err := b.Acquire(ctx, w)
		ch <- outcome{err, time.Now()}
	}()
	synctest.Wait()
	return ch
}

func requireDeferred(t *testing.T, ch <-chan outcome) {
	t.Helper()
	synctest.Wait()
	require.Empty(t, ch, "the retry was to be deferred")
}

// states are the hosts without their actions.
func states(b *budget.Tokens) []budget.HostState {
	hosts := b.States()
	for i := range hosts {
		hosts[i].Actions = nil
	}
	return hosts
}

// consumeAll consumes tokens until there are none and returns how many there were.
func consumeAll(t *testing.T, b budget.Budget) int {
	t.Helper()
	for n := range 1000 {
		now := time.Now()
		if err := b.Acquire(t.Context(), budget.Request{Host: budgetHost, Start: now, Latest: now}); err != nil {
			require.ErrorIs(t, err, budget.ErrExhausted)
			return n
		}
	}
	t.Fatal("the budget has no end")
	return 0
}

// requireProbeAndDeferral requests ten retries of a host with an open circuit. The youngest is
// released as a probe; the oldest fails.
func requireProbeAndDeferral(t *testing.T, b budget.Budget, probeEvery, maxHold time.Duration) {
	t.Helper()
	start := time.Now()
	var deferred []<-chan outcome
	for range 10 {
		deferred = append(deferred, acquireAsync(t.Context(), b, budget.Request{Host: budgetHost, Start: start}))
	}
	require.Equal(t, outcome{nil, start.Add(probeEvery)}, <-deferred[9], "ProbeInterval")
	require.Equal(t, outcome{budget.ErrExhausted, start.Add(maxHold)}, <-deferred[0], "MaxDefer")
}

func TestTokens_defaultsAreTheDocumentedOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(budget.Tokens)
		require.Equal(t, 50, consumeAll(t, b), "Capacity")
		succeed(b, 7)
		require.Equal(t, 3, consumeAll(t, b), "PerSuccess")

		b = new(budget.Tokens)
		fail(b, 11)
		require.NoError(t, acquire(t.Context(), b))
		fail(b, 1)
		require.True(t, b.States()[0].Open, "OpenAfter")

		requireProbeAndDeferral(t, b, time.Second, 5*time.Second)
	})
}

func TestTokens_fieldsOverrideTheDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget.Tokens{
			Capacity: 4, PerSuccess: 1, OpenAfter: 2, MaxDefer: 8 * time.Second, ProbeInterval: 3 * time.Second,
		}
		require.NoError(t, b.Validate())
		require.Equal(t, 4, consumeAll(t, b), "Capacity")
		succeed(b, 2)
		require.Equal(t, 2, consumeAll(t, b), "PerSuccess")

		succeed(b, 1)
		fail(b, 2)
		requireProbeAndDeferral(t, b, 3*time.Second, 8*time.Second)
	})
}

func TestTokens_ValidateReportsEveryInvalidField(t *testing.T) {
	require.NoError(t, new(budget.Tokens).Validate())
	b := &budget.Tokens{Capacity: -1, PerSuccess: 1.5, OpenAfter: -2, MaxDefer: -time.Second, ProbeInterval: -1}
	require.EqualError(t, b.Validate(), `tcretry: budget.Tokens.Capacity is -1: must not be negative
tcretry: budget.Tokens.PerSuccess is 1.5: must be from 0 to 1
tcretry: budget.Tokens.OpenAfter is -2: must not be negative
tcretry: budget.Tokens.MaxDefer is -1s: must not be negative
tcretry: budget.Tokens.ProbeInterval is -1ns: must not be negative`)
	for _, n := range []float64{-0.1, math.NaN(), math.Inf(1)} {
		require.Error(t, (&budget.Tokens{PerSuccess: n}).Validate())
	}
}

// Three intervals are the longest time between probes.
func TestTokens_acceptsAProbeIntervalOfAnyLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget.Tokens{ProbeInterval: 1 << 62}
		fail(b, 12)
		ch := acquireAsync(t.Context(), b, budget.Request{Host: budgetHost})
		require.Equal(t, budget.ErrExhausted, (<-ch).err, "no probe is due")
	})
}

func TestTokens_countsAnInvalidFieldAsZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget.Tokens{
			Capacity: -1, PerSuccess: math.NaN(), OpenAfter: -2, MaxDefer: -time.Second, ProbeInterval: -1,
		}
		require.Equal(t, 50, consumeAll(t, b))
		succeed(b, 3)
		require.Equal(t, 1, consumeAll(t, b))
		succeed(b, 2)
		fail(b, 12)
		requireProbeAndDeferral(t, b, time.Second, 5*time.Second)
	})
}

func TestTokens_releasesDeferredRetriesInOrderWithTheFirstSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget.Tokens{Capacity: 3}
		fail(b, 12)
		var deferred []<-chan outcome
		for range 5 {
			deferred = append(deferred, acquireAsync(t.Context(), b, budget.Request{Host: budgetHost}))
			time.Sleep(100 * time.Millisecond)
		}
		require.Equal(t, []budget.HostState{{Host: budgetHost, Tokens: 3, Open: true, Deferred: 5}}, states(b))
		for _, ch := range deferred {
			requireDeferred(t, ch)
		}
		succeed(b, 1)
		for _, ch := range deferred[:3] {
			require.NoError(t, (<-ch).err)
		}
		requireDeferred(t, deferred[3])
		succeed(b, 2)
		require.NoError(t, (<-deferred[3]).err)
		requireDeferred(t, deferred[4])
		succeed(b, 2)
		require.NoError(t, (<-deferred[4]).err)
		require.Equal(t, []budget.HostState{{Host: budgetHost, Tokens: 0}}, states(b))
	})
}

func TestTokens_defersNoRetryPastItsLatestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(budget.Tokens)
		fail(b, 12)
		latest := time.Now().Add(700 * time.Millisecond)
		ch := acquireAsync(t.Context(), b, budget.Request{Host: budgetHost, Latest: latest})
		require.Equal(t, outcome{budget.ErrExhausted, latest}, <-ch)
		ch = acquireAsync(t.Context(), b, budget.Request{Host: budgetHost, Latest: latest})
		require.Equal(t, outcome{budget.ErrExhausted, latest}, <-ch, "one that is late already")
		require.Equal(t, []budget.HostState{{Host: budgetHost, Tokens: 50, Open: true}}, states(b))
	})
}

func TestTokens_defersNoRetryWhoseContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(budget.Tokens)
		cause := errors.New("the user went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		fail(b, 12)
		ch := acquireAsync(ctx, b, budget.Request{Host: budgetHost})
		time.Sleep(10 * time.Millisecond)
		cancel(cause)
		require.Equal(t, outcome{cause, time.Now()}, <-ch)
		succeed(b, 1)
		require.Equal(t, cause, acquire(ctx, b), "one that has ended already")
		require.Equal(t, []budget.HostState{{Host: budgetHost, Tokens: 50}}, states(b), "nothing was consumed")
	})
}

func TestTokens_keepsHostsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(budget.Tokens)
		fail(b, 12)
		ch := acquireAsync(t.Context(), b, budget.Request{Host: budgetHost})
		require.NoError(t, b.Acquire(t.Context(), budget.Request{Host: "cbs.tencentcloudapi.com"}))
		b.Record(budget.Report{Host: "cbs.tencentcloudapi.com"})
		requireDeferred(t, ch)
		require.Equal(t, []budget.HostState{
			{Host: "cbs.tencentcloudapi.com", Tokens: 49.5},
			{Host: budgetHost, Tokens: 50, Open: true, Deferred: 1},
		}, states(b))
		require.NoError(t, (<-ch).err)
	})
}

func TestTokens_reportsTheActionsOfAHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(budget.Tokens)
		for _, action := range []string{"B", "A"} {
			for range 12 {
				b.Record(budget.Report{Host: budgetHost, Action: action, Result: budget.Failure})
			}
		}
		ch := acquireAsync(t.Context(), b, budget.Request{Host: budgetHost, Action: "B"})
		require.NoError(t, b.Acquire(t.Context(), budget.Request{Host: budgetHost, Action: "C"}))
		require.Equal(t, []budget.HostState{{
			Host: budgetHost, Tokens: 49, Open: true, Deferred: 1, Actions: []budget.ActionState{
				{Action: "A", Tokens: 49.5, Open: true},
				{Action: "B", Tokens: 49.5, Open: true, Deferred: 1},
				{Action: "C", Tokens: 49},
			},
		}}, b.States())
		require.NoError(t, (<-ch).err)
	})
}

func TestTokens_isSteadyWhenASuccessWouldChangeNothing(t *testing.T) {
	var b budget.Tokens
	for range 2 {
		b.Record(budget.Report{Host: "h", Result: budget.Success})
		require.True(t, b.Steady("h"))
		b.Record(budget.Report{Host: "h", Result: budget.Failure})
		require.False(t, b.Steady("h"))
	}
}
