package tcretry_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

const budgetHost = "cvm.tencentcloudapi.com"

// fail records n failed attempts, succeed n successful ones.
func fail(b tcretry.Budget, n int) {
	for range n {
		b.Record(tcretry.BudgetReport{Host: budgetHost, Result: tcretry.BudgetFailure})
	}
}

func succeed(b tcretry.Budget, n int) {
	for range n {
		b.Record(tcretry.BudgetReport{Host: budgetHost})
	}
}

// withdraw asks for a retry of a call that starts now.
func withdraw(ctx context.Context, b tcretry.Budget) error {
	return b.Withdraw(ctx, tcretry.Withdrawal{Host: budgetHost, Start: time.Now()})
}

// answer is what Withdraw said, and when.
type answer struct {
	err error
	at  time.Time
}

// withdrawAsync asks in a goroutine of its own; the answer comes over the channel.
func withdrawAsync(ctx context.Context, b tcretry.Budget, w tcretry.Withdrawal) <-chan answer {
	ch := make(chan answer, 1)
	go func() {
		err := b.Withdraw(ctx, w)
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
func states(b *tcretry.TokenBudget) []tcretry.HostBudget {
	hosts := b.Hosts()
	for i := range hosts {
		hosts[i].Actions = nil
	}
	return hosts
}

// spend takes tokens until there are none and returns how many there were.
func spend(t *testing.T, b tcretry.Budget) int {
	t.Helper()
	for n := range 1000 {
		now := time.Now()
		if err := b.Withdraw(t.Context(), tcretry.Withdrawal{Host: budgetHost, Start: now, Latest: now}); err != nil {
			require.ErrorIs(t, err, tcretry.ErrBudgetSpent)
			return n
		}
	}
	t.Fatal("the budget has no end")
	return 0
}

// requireProbeAndHold asks for ten retries of a host that is down. The youngest is
// released as a probe; the oldest is given up.
func requireProbeAndHold(t *testing.T, b tcretry.Budget, probeEvery, maxHold time.Duration) {
	t.Helper()
	start := time.Now()
	var deferred []<-chan answer
	for range 10 {
		deferred = append(deferred, withdrawAsync(t.Context(), b, tcretry.Withdrawal{Host: budgetHost, Start: start}))
	}
	require.Equal(t, answer{nil, start.Add(probeEvery)}, <-deferred[9], "ProbeEvery")
	require.Equal(t, answer{tcretry.ErrBudgetSpent, start.Add(maxHold)}, <-deferred[0], "MaxHold")
}

func TestTokenBudgetDefaultsAreTheOnesItStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(tcretry.TokenBudget)
		require.Equal(t, 50, spend(t, b), "Capacity")
		succeed(b, 7)
		require.Equal(t, 3, spend(t, b), "PerSuccess")

		b = new(tcretry.TokenBudget)
		fail(b, 11)
		require.NoError(t, withdraw(t.Context(), b))
		fail(b, 1)
		require.True(t, b.Hosts()[0].Down, "DownAfter")

		requireProbeAndHold(t, b, time.Second, 5*time.Second)
	})
}

func TestTokenBudgetFieldsOverrideTheDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &tcretry.TokenBudget{
			Capacity: 4, PerSuccess: 1, DownAfter: 2, MaxHold: 8 * time.Second, ProbeEvery: 3 * time.Second,
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
	require.NoError(t, new(tcretry.TokenBudget).Validate())
	b := &tcretry.TokenBudget{Capacity: -1, PerSuccess: 1.5, DownAfter: -2, MaxHold: -time.Second, ProbeEvery: -1}
	require.EqualError(t, b.Validate(), `tcretry: TokenBudget.Capacity is -1: it must not be negative
tcretry: TokenBudget.PerSuccess is 1.5: it must be from 0 to 1
tcretry: TokenBudget.DownAfter is -2: it must not be negative
tcretry: TokenBudget.MaxHold is -1s: it must not be negative
tcretry: TokenBudget.ProbeEvery is -1ns: it must not be negative`)
	for _, n := range []float64{-0.1, math.NaN(), math.Inf(1)} {
		require.Error(t, (&tcretry.TokenBudget{PerSuccess: n}).Validate())
	}
}

func TestTokenBudgetCountsAWrongFieldAsZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &tcretry.TokenBudget{
			Capacity: -1, PerSuccess: math.NaN(), DownAfter: -2, MaxHold: -time.Second, ProbeEvery: -1,
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
		b := &tcretry.TokenBudget{Capacity: 3}
		fail(b, 12)
		var held []<-chan answer
		for range 5 {
			held = append(held, withdrawAsync(t.Context(), b, tcretry.Withdrawal{Host: budgetHost}))
			time.Sleep(100 * time.Millisecond)
		}
		require.Equal(t, []tcretry.HostBudget{{Host: budgetHost, Tokens: 3, Down: true, Held: 5}}, states(b))
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
		require.Equal(t, []tcretry.HostBudget{{Host: budgetHost, Tokens: 0}}, states(b))
	})
}

func TestTokenBudgetHoldsNoRetryPastItsLatestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(tcretry.TokenBudget)
		fail(b, 12)
		latest := time.Now().Add(700 * time.Millisecond)
		ch := withdrawAsync(t.Context(), b, tcretry.Withdrawal{Host: budgetHost, Latest: latest})
		require.Equal(t, answer{tcretry.ErrBudgetSpent, latest}, <-ch)
		ch = withdrawAsync(t.Context(), b, tcretry.Withdrawal{Host: budgetHost, Latest: latest})
		require.Equal(t, answer{tcretry.ErrBudgetSpent, latest}, <-ch, "one that is late already")
		require.Equal(t, []tcretry.HostBudget{{Host: budgetHost, Tokens: 50, Down: true}}, states(b))
	})
}

func TestTokenBudgetHoldsNoRetryWhoseContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(tcretry.TokenBudget)
		cause := errors.New("the user went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		fail(b, 12)
		ch := withdrawAsync(ctx, b, tcretry.Withdrawal{Host: budgetHost})
		time.Sleep(10 * time.Millisecond)
		cancel(cause)
		require.Equal(t, answer{cause, time.Now()}, <-ch)
		succeed(b, 1)
		require.Equal(t, cause, withdraw(ctx, b), "one that has ended already")
		require.Equal(t, []tcretry.HostBudget{{Host: budgetHost, Tokens: 50}}, states(b), "nothing was paid")
	})
}

func TestTokenBudgetKeepsHostsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(tcretry.TokenBudget)
		fail(b, 12)
		ch := withdrawAsync(t.Context(), b, tcretry.Withdrawal{Host: budgetHost})
		require.NoError(t, b.Withdraw(t.Context(), tcretry.Withdrawal{Host: "cbs.tencentcloudapi.com"}))
		b.Record(tcretry.BudgetReport{Host: "cbs.tencentcloudapi.com"})
		requireHeld(t, ch)
		require.Equal(t, []tcretry.HostBudget{
			{Host: "cbs.tencentcloudapi.com", Tokens: 49.5},
			{Host: budgetHost, Tokens: 50, Down: true, Held: 1},
		}, states(b))
		require.NoError(t, (<-ch).err)
	})
}

func TestTokenBudgetLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(tcretry.TokenBudget)
		fail(b, 12)
		ctx, cancel := context.WithCancel(t.Context())
		ch := withdrawAsync(ctx, b, tcretry.Withdrawal{Host: budgetHost})
		cancel()
		require.ErrorIs(t, (<-ch).err, context.Canceled)
		synctest.Wait()
		before := bubbled()
		time.Sleep(time.Hour)
		require.Equal(t, before, bubbled())
		require.Equal(t, []tcretry.HostBudget{{Host: budgetHost, Tokens: 50}}, b.Hosts(), "failures of an hour ago")
	})
}

func TestTokenBudgetSurvivesThousandsCanceledAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &tcretry.TokenBudget{Capacity: 5000}
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
		require.Equal(t, len(errs), b.Hosts()[0].Held)
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
		require.Equal(t, []tcretry.HostBudget{{Host: budgetHost, Tokens: float64(5000 - made)}}, states(b),
			"every token that was not used came back")
	})
}

func TestTokenBudgetForgetsIdleHostsButNotHeldRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(tcretry.TokenBudget)
		fail(b, 12)
		held := withdrawAsync(t.Context(), b, tcretry.Withdrawal{Host: budgetHost})
		busy := "busy.tencentcloudapi.com"
		require.NoError(t, b.Withdraw(t.Context(), tcretry.Withdrawal{Host: busy}))
		for i := range 100_000 {
			b.Record(tcretry.BudgetReport{Host: fmt.Sprintf("host-%d.example", i), Result: tcretry.BudgetFailure})
			if i%500 == 0 {
				b.Record(tcretry.BudgetReport{Host: busy, Result: tcretry.BudgetFailure})
			}
		}
		hosts := states(b)
		require.LessOrEqual(t, len(hosts), 2*1024+1)
		require.Contains(t, hosts, tcretry.HostBudget{Host: busy, Tokens: 49, Down: true}, "one in use is remembered")
		require.Contains(t, hosts, tcretry.HostBudget{Host: budgetHost, Tokens: 50, Down: true, Held: 1})
		require.True(t, slices.IsSortedFunc(hosts, func(x, y tcretry.HostBudget) int {
			return map[bool]int{true: -1, false: 1}[x.Host < y.Host]
		}))
		succeed(b, 1)
		require.NoError(t, (<-held).err)
	})
}

func TestTokenBudgetAllocatesNothing(t *testing.T) {
	b := new(tcretry.TokenBudget)
	ctx := t.Context()
	w := tcretry.Withdrawal{Host: budgetHost, Start: time.Now(), Latest: time.Now().Add(time.Hour)}
	b.Record(tcretry.BudgetReport{Host: budgetHost})
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		b.Record(tcretry.BudgetReport{Host: budgetHost, Result: tcretry.BudgetFailure})
		if err := b.Withdraw(ctx, w); err != nil {
			t.Error(err)
		}
		b.Record(tcretry.BudgetReport{Host: budgetHost})
		b.Record(tcretry.BudgetReport{Host: budgetHost})
	}))
}

func BenchmarkTokenBudget(b *testing.B) {
	bench := func(name string, body func(tcretry.Budget, tcretry.Withdrawal)) {
		b.Run(name, func(b *testing.B) {
			budget := new(tcretry.TokenBudget)
			w := tcretry.Withdrawal{Host: budgetHost, Start: time.Now()}
			b.ReportAllocs()
			for b.Loop() {
				body(budget, w)
			}
		})
	}
	bench("record", func(b tcretry.Budget, _ tcretry.Withdrawal) { b.Record(tcretry.BudgetReport{Host: budgetHost}) })
	bench("withdraw and two records", func(b tcretry.Budget, w tcretry.Withdrawal) {
		_ = b.Withdraw(context.Background(), w)
		succeed(b, 2)
	})
}
