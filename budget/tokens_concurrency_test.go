package budget_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/internal/test/concurrent"
)

func TestTokens_leavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(budget.Tokens)
		fail(b, 12)
		ctx, cancel := context.WithCancel(t.Context())
		ch := acquireAsync(ctx, b, budget.Request{Host: budgetHost})
		cancel()
		require.ErrorIs(t, (<-ch).err, context.Canceled)
		synctest.Wait()
		before := concurrent.Bubbled()
		time.Sleep(time.Hour)
		require.Equal(t, before, concurrent.Bubbled())
		require.Equal(t, []budget.HostState{{Host: budgetHost, Tokens: 50}}, b.States(), "failures of an hour ago")
	})
}

func TestTokens_survivesThousandsCanceledTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget.Tokens{Capacity: 5000}
		ctx, cancel := context.WithCancel(t.Context())
		fail(b, 12)
		var wg sync.WaitGroup
		errs := make([]error, 5000)
		for i := range errs {
			wg.Go(func() {
				of := ctx
				if i%5 == 0 {
					of = t.Context()
				}
				errs[i] = acquire(of, b)
			})
		}
		synctest.Wait()
		require.Equal(t, len(errs), b.States()[0].Deferred)
		wg.Go(func() { succeed(b, 1) })
		wg.Go(cancel)
		wg.Wait()
		made := 0
		for i, err := range errs {
			if i%5 == 0 {
				require.NoError(t, err, "a retry that was not canceled")
			}
			if err == nil {
				made++
			}
		}
		require.Equal(t, []budget.HostState{{Host: budgetHost, Tokens: float64(5000 - made)}}, states(b),
			"every token that was not used came back")
	})
}

func TestTokens_forgetsIdleHostsButNotDeferredRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(budget.Tokens)
		fail(b, 12)
		deferred := acquireAsync(t.Context(), b, budget.Request{Host: budgetHost})
		busy := "busy.tencentcloudapi.com"
		require.NoError(t, b.Acquire(t.Context(), budget.Request{Host: busy}))
		for i := range 100_000 {
			b.Record(budget.Report{Host: fmt.Sprintf("host-%d.example", i), Result: budget.Failure})
			if i%500 == 0 {
				b.Record(budget.Report{Host: busy, Result: budget.Failure})
			}
		}
		hosts := states(b)
		require.LessOrEqual(t, len(hosts), 2*1024+1)
		require.Contains(t, hosts, budget.HostState{Host: busy, Tokens: 49, Open: true}, "one in use is kept")
		require.Contains(t, hosts, budget.HostState{Host: budgetHost, Tokens: 50, Open: true, Deferred: 1})
		require.True(t, slices.IsSortedFunc(hosts, func(x, y budget.HostState) int {
			return map[bool]int{true: -1, false: 1}[x.Host < y.Host]
		}))
		succeed(b, 1)
		require.NoError(t, (<-deferred).err)
	})
}

func TestTokens_allocatesNothing(t *testing.T) {
	b := new(budget.Tokens)
	ctx := t.Context()
	w := budget.Request{Host: budgetHost, Start: time.Now(), Latest: time.Now().Add(time.Hour)}
	b.Record(budget.Report{Host: budgetHost})
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		b.Record(budget.Report{Host: budgetHost, Result: budget.Failure})
		if err := b.Acquire(ctx, w); err != nil {
			t.Error(err)
		}
		b.Record(budget.Report{Host: budgetHost})
		b.Record(budget.Report{Host: budgetHost})
	}))
}

// In real time: whichever goroutine reads the clock and gets the lock late, no time counts twice.
func TestTokens_refillsOnceWhicheverReadingIsLate(t *testing.T) {
	concurrent.OnProcessors(t, func(t *testing.T) {
		const capacity, refillTime = 20_000, 100 * time.Second
		b := &budget.Tokens{Capacity: capacity}
		var made atomic.Int64
		var callers sync.WaitGroup
		start := time.Now()
		for range 64 {
			callers.Go(func() {
				for range 2000 {
					now := time.Now()
					err := b.Acquire(t.Context(), budget.Request{Host: budgetHost, Start: now, Latest: now.Add(time.Microsecond)})
					if err == nil {
						made.Add(1)
					} else if !errors.Is(err, budget.ErrExhausted) {
						t.Error(err)
					}
				}
			})
		}
		callers.Wait()
		refilled := capacity * time.Since(start).Seconds() / refillTime.Seconds()
		require.LessOrEqual(t, float64(made.Load()), capacity+refilled+1)
	})
}

func BenchmarkTokens(b *testing.B) {
	bench := func(name string, body func(budget.Budget, budget.Request)) {
		b.Run(name, func(b *testing.B) {
			tokens := new(budget.Tokens)
			w := budget.Request{Host: budgetHost, Start: time.Now()}
			b.ReportAllocs()
			for b.Loop() {
				body(tokens, w)
			}
		})
	}
	bench("record", func(b budget.Budget, _ budget.Request) { b.Record(budget.Report{Host: budgetHost}) })
	bench("acquire and two records", func(b budget.Budget, w budget.Request) {
		_ = b.Acquire(context.Background(), w)
		succeed(b, 2)
	})
}
