package budget_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

// withdraw asks for a retry of a call that starts now.
func withdraw(ctx context.Context, b budget.Budget) error {
	return b.Acquire(ctx, budget.Request{Host: budgetHost, Start: time.Now()})
}

// answer is what Acquire said, and when.
type answer struct {
	err error
	at  time.Time
}

// withdrawAsync asks in a goroutine of its own; the answer comes over the channel.
func withdrawAsync(ctx context.Context, b budget.Budget, w budget.Request) <-chan answer {
	ch := make(chan answer, 1)
	go func() {
		err := b.Acquire(ctx, w)
		ch <- answer{err, time.Now()}
	}()
	synctest.Wait()
	return ch
}

func requireHeld(t *testing.T, ch <-chan answer) {
	t.Helper()
	synctest.Wait()
	require.Empty(t, ch, "the retry was to be held")
}

// states are the hosts without their actions.
func states(b *budget.Tokens) []budget.HostState {
	hosts := b.States()
	for i := range hosts {
		hosts[i].Actions = nil
	}
	return hosts
}

// spend takes tokens until there are none and returns how many there were.
func spend(t *testing.T, b budget.Budget) int {
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

// requireProbeAndHold asks for ten retries of a host that is down. The youngest is
// released as a probe; the oldest is given up.
func requireProbeAndHold(t *testing.T, b budget.Budget, probeEvery, maxHold time.Duration) {
	t.Helper()
	start := time.Now()
	var deferred []<-chan answer
	for range 10 {
		deferred = append(deferred, withdrawAsync(t.Context(), b, budget.Request{Host: budgetHost, Start: start}))
	}
	require.Equal(t, answer{nil, start.Add(probeEvery)}, <-deferred[9], "ProbeInterval")
	require.Equal(t, answer{budget.ErrExhausted, start.Add(maxHold)}, <-deferred[0], "MaxDefer")
}

func TestTokenBudgetDefaultsAreTheOnesItStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(budget.Tokens)
		require.Equal(t, 50, spend(t, b), "Capacity")
		succeed(b, 7)
		require.Equal(t, 3, spend(t, b), "PerSuccess")

		b = new(budget.Tokens)
		fail(b, 11)
		require.NoError(t, withdraw(t.Context(), b))
		fail(b, 1)
		require.True(t, b.States()[0].Open, "OpenAfter")

		requireProbeAndHold(t, b, time.Second, 5*time.Second)
	})
}

func TestTokenBudgetFieldsOverrideTheDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget.Tokens{
			Capacity: 4, PerSuccess: 1, OpenAfter: 2, MaxDefer: 8 * time.Second, ProbeInterval: 3 * time.Second,
		}
		require.NoError(t, b.Validate())
		require.Equal(t, 4, spend(t, b), "Capacity")
		succeed(b, 2)
		require.Equal(t, 2, spend(t, b), "PerSuccess")

		succeed(b, 1)
		fail(b, 2)
		requireProbeAndHold(t, b, 3*time.Second, 8*time.Second)
	})
}

func TestTokenBudgetValidateReportsEveryMistake(t *testing.T) {
	require.NoError(t, new(budget.Tokens).Validate())
	b := &budget.Tokens{Capacity: -1, PerSuccess: 1.5, OpenAfter: -2, MaxDefer: -time.Second, ProbeInterval: -1}
	require.EqualError(t, b.Validate(), `tcretry: budget.Tokens.Capacity is -1: it must not be negative
tcretry: budget.Tokens.PerSuccess is 1.5: it must be from 0 to 1
tcretry: budget.Tokens.OpenAfter is -2: it must not be negative
tcretry: budget.Tokens.MaxDefer is -1s: it must not be negative
tcretry: budget.Tokens.ProbeInterval is -1ns: it must not be negative`)
	for _, n := range []float64{-0.1, math.NaN(), math.Inf(1)} {
		require.Error(t, (&budget.Tokens{PerSuccess: n}).Validate())
	}
}

func TestTokenBudgetCountsAWrongFieldAsZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget.Tokens{
			Capacity: -1, PerSuccess: math.NaN(), OpenAfter: -2, MaxDefer: -time.Second, ProbeInterval: -1,
		}
		require.Equal(t, 50, spend(t, b))
		succeed(b, 3)
		require.Equal(t, 1, spend(t, b))
		succeed(b, 2)
		fail(b, 12)
		requireProbeAndHold(t, b, time.Second, 5*time.Second)
	})
}

func TestTokenBudgetLetsHeldRetriesOutInOrderWithTheFirstSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget.Tokens{Capacity: 3}
		fail(b, 12)
		var held []<-chan answer
		for range 5 {
			held = append(held, withdrawAsync(t.Context(), b, budget.Request{Host: budgetHost}))
			time.Sleep(100 * time.Millisecond)
		}
		require.Equal(t, []budget.HostState{{Host: budgetHost, Tokens: 3, Open: true, Deferred: 5}}, states(b))
		for _, ch := range held {
			requireHeld(t, ch)
		}
		succeed(b, 1)
		for _, ch := range held[:3] {
			require.NoError(t, (<-ch).err)
		}
		requireHeld(t, held[3])
		succeed(b, 2)
		require.NoError(t, (<-held[3]).err)
		requireHeld(t, held[4])
		succeed(b, 2)
		require.NoError(t, (<-held[4]).err)
		require.Equal(t, []budget.HostState{{Host: budgetHost, Tokens: 0}}, states(b))
	})
}

func TestTokenBudgetHoldsNoRetryPastItsLatestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(budget.Tokens)
		fail(b, 12)
		latest := time.Now().Add(700 * time.Millisecond)
		ch := withdrawAsync(t.Context(), b, budget.Request{Host: budgetHost, Latest: latest})
		require.Equal(t, answer{budget.ErrExhausted, latest}, <-ch)
		ch = withdrawAsync(t.Context(), b, budget.Request{Host: budgetHost, Latest: latest})
		require.Equal(t, answer{budget.ErrExhausted, latest}, <-ch, "one that is late already")
		require.Equal(t, []budget.HostState{{Host: budgetHost, Tokens: 50, Open: true}}, states(b))
	})
}

func TestTokenBudgetHoldsNoRetryWhoseContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(budget.Tokens)
		cause := errors.New("the user went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		fail(b, 12)
		ch := withdrawAsync(ctx, b, budget.Request{Host: budgetHost})
		time.Sleep(10 * time.Millisecond)
		cancel(cause)
		require.Equal(t, answer{cause, time.Now()}, <-ch)
		succeed(b, 1)
		require.Equal(t, cause, withdraw(ctx, b), "one that has ended already")
		require.Equal(t, []budget.HostState{{Host: budgetHost, Tokens: 50}}, states(b), "nothing was paid")
	})
}

func TestTokenBudgetKeepsHostsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(budget.Tokens)
		fail(b, 12)
		ch := withdrawAsync(t.Context(), b, budget.Request{Host: budgetHost})
		require.NoError(t, b.Acquire(t.Context(), budget.Request{Host: "cbs.tencentcloudapi.com"}))
		b.Record(budget.Report{Host: "cbs.tencentcloudapi.com"})
		requireHeld(t, ch)
		require.Equal(t, []budget.HostState{
			{Host: "cbs.tencentcloudapi.com", Tokens: 49.5},
			{Host: budgetHost, Tokens: 50, Open: true, Deferred: 1},
		}, states(b))
		require.NoError(t, (<-ch).err)
	})
}

func TestTokenBudgetLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(budget.Tokens)
		fail(b, 12)
		ctx, cancel := context.WithCancel(t.Context())
		ch := withdrawAsync(ctx, b, budget.Request{Host: budgetHost})
		cancel()
		require.ErrorIs(t, (<-ch).err, context.Canceled)
		synctest.Wait()
		before := bubbled()
		time.Sleep(time.Hour)
		require.Equal(t, before, bubbled())
		require.Equal(t, []budget.HostState{{Host: budgetHost, Tokens: 50}}, b.States(), "failures of an hour ago")
	})
}

func TestTokenBudgetSurvivesThousandsCanceledAtOnce(t *testing.T) {
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
				errs[i] = withdraw(of, b)
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

func TestTokenBudgetForgetsIdleHostsButNotHeldRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(budget.Tokens)
		fail(b, 12)
		held := withdrawAsync(t.Context(), b, budget.Request{Host: budgetHost})
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
		require.Contains(t, hosts, budget.HostState{Host: busy, Tokens: 49, Open: true}, "one in use is remembered")
		require.Contains(t, hosts, budget.HostState{Host: budgetHost, Tokens: 50, Open: true, Deferred: 1})
		require.True(t, slices.IsSortedFunc(hosts, func(x, y budget.HostState) int {
			return map[bool]int{true: -1, false: 1}[x.Host < y.Host]
		}))
		succeed(b, 1)
		require.NoError(t, (<-held).err)
	})
}

func TestTokenBudgetAllocatesNothing(t *testing.T) {
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

func TestTokenBudgetReportsTheActionsOfAHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(budget.Tokens)
		for _, action := range []string{"B", "A"} {
			for range 12 {
				b.Record(budget.Report{Host: budgetHost, Action: action, Result: budget.Failure})
			}
		}
		ch := withdrawAsync(t.Context(), b, budget.Request{Host: budgetHost, Action: "B"})
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

// In real time: whoever reads the clock and gets the lock late, no time counts twice.
func TestTokenBudgetRefillsOnceWhoeverIsLate(t *testing.T) {
	for _, processors := range []int{2, 16} {
		t.Run(fmt.Sprint(processors), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
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
}

func BenchmarkTokenBudget(b *testing.B) {
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
	bench("withdraw and two records", func(b budget.Budget, w budget.Request) {
		_ = b.Acquire(context.Background(), w)
		succeed(b, 2)
	})
}

// bubbled is the number of goroutines in bubbles: those of the runtime come and go.
func bubbled() int {
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), ", synctest bubble")
}
