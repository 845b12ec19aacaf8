package tcretry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tctest"
)

// reportedBudget permits every retry and keeps what it receives.
type reportedBudget struct {
	withdrawals []tcretry.Withdrawal
	reports     []tcretry.BudgetReport
}

func (b *reportedBudget) Withdraw(_ context.Context, w tcretry.Withdrawal) error {
	w.Start, w.Latest = time.Time{}, time.Time{}
	b.withdrawals = append(b.withdrawals, w)
	return nil
}

func (b *reportedBudget) Record(r tcretry.BudgetReport) { b.reports = append(b.reports, r) }

func TestABudgetReceivesWhatBecameOfEachRetry(t *testing.T) {
	const host, action = "cvm.tencentcloudapi.com", "DescribeInstances"
	failed := tcretry.BudgetReport{Host: host, Action: action, Result: tcretry.BudgetFailure}
	retried := failed
	retried.Retry = 1
	ended := func(retry int, result tcretry.BudgetResult, withdrawn int) tcretry.BudgetReport {
		return tcretry.BudgetReport{Host: host, Action: action, Retry: retry, Result: result, Withdrawn: withdrawn}
	}
	internal := tctest.Fail("InternalError", "")
	for name, row := range map[string]struct {
		answers []tctest.Answer
		cancel  time.Duration
		reports []tcretry.BudgetReport
	}{
		"a success": {
			reports: []tcretry.BudgetReport{ended(0, tcretry.BudgetSuccess, 0)},
		},
		"a second retry that succeeds returns both": {
			answers: []tctest.Answer{internal, internal},
			reports: []tcretry.BudgetReport{failed, retried, ended(2, tcretry.BudgetSuccess, 2)},
		},
		"any other response does too, and what follows is a new account": {
			answers: []tctest.Answer{internal, tctest.Throttle(), internal},
			reports: []tcretry.BudgetReport{
				failed, ended(1, tcretry.BudgetSuccess, 1), failed, ended(3, tcretry.BudgetSuccess, 1),
			},
		},
		"a retry that is not made returns its own": {
			answers: []tctest.Answer{internal},
			cancel:  100 * time.Millisecond,
			reports: []tcretry.BudgetReport{failed, ended(1, tcretry.BudgetUnused, 1)},
		},
		"a retry that the caller canceled": {
			answers: []tctest.Answer{internal, tctest.Delay(time.Hour, tctest.OK(nil))},
			cancel:  time.Minute,
			reports: []tcretry.BudgetReport{failed, ended(1, tcretry.BudgetCanceled, 0)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				budget := new(reportedBudget)
				rt := tcretry.New(tctest.NewAPI(row.answers...), tcretry.WithBudget(budget), tcretry.WithPolicy(exact()))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if row.cancel > 0 {
					time.AfterFunc(row.cancel, cancel)
				}
				if resp, err := rt.RoundTrip(sdkRequest(t, action, nil).WithContext(ctx)); err == nil {
					require.NoError(t, resp.Body.Close())
				}
				require.Equal(t, row.reports, budget.reports)
				for i, w := range budget.withdrawals {
					require.Equal(t, host+action, w.Host+w.Action)
					require.GreaterOrEqual(t, w.Retry, i+1)
				}
			})
		})
	}
}

func TestTokenBudgetReportsTheActionsOfAHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(tcretry.TokenBudget)
		for _, action := range []string{"B", "A"} {
			for range 12 {
				b.Record(tcretry.BudgetReport{Host: budgetHost, Action: action, Result: tcretry.BudgetFailure})
			}
		}
		ch := withdrawAsync(t.Context(), b, tcretry.Withdrawal{Host: budgetHost, Action: "B"})
		require.NoError(t, b.Withdraw(t.Context(), tcretry.Withdrawal{Host: budgetHost, Action: "C"}))
		require.Equal(t, []tcretry.HostBudget{{
			Host: budgetHost, Tokens: 49, Down: true, Held: 1, Actions: []tcretry.ActionBudget{
				{Action: "A", Tokens: 49.5, Open: true},
				{Action: "B", Tokens: 49.5, Open: true, Deferred: 1},
				{Action: "C", Tokens: 49},
			},
		}}, b.Hosts())
		require.NoError(t, (<-ch).err)
	})
}

// In real time: whoever reads the clock and gets the lock late, no time counts twice.
func TestTokenBudgetRefillsOnceWhoeverIsLate(t *testing.T) {
	for _, processors := range []int{2, 16} {
		t.Run(fmt.Sprint(processors), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
			const capacity, refillTime = 20_000, 100 * time.Second
			b := &tcretry.TokenBudget{Capacity: capacity}
			var made atomic.Int64
			var callers sync.WaitGroup
			start := time.Now()
			for range 64 {
				callers.Go(func() {
					for range 2000 {
						now := time.Now()
						err := b.Withdraw(t.Context(), tcretry.Withdrawal{Host: budgetHost, Start: now, Latest: now.Add(time.Microsecond)})
						if err == nil {
							made.Add(1)
						} else if !errors.Is(err, tcretry.ErrBudgetSpent) {
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

// failDescribe opens the circuit of an action.
func failDescribe(b tcretry.Budget) {
	for range 12 {
		b.Record(tcretry.BudgetReport{Host: budgetHost, Action: "DescribeInstances", Result: tcretry.BudgetFailure})
	}
}

// A deferred retry waits without a goroutine of its own, also if http.Client.Timeout
// or the caller sets Request.Cancel.
func TestADeferredRetryTakesNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := new(tcretry.TokenBudget)
		failDescribe(budget)
		rt := tcretry.New(always(tctest.DropBefore()), tcretry.WithBudget(budget), tcretry.WithPolicy(exact()))
		canceled := make(chan struct{})
		const calls = 100
		before := bubbled()
		errs := make(chan error, calls)
		for range calls {
			req := sdkRequest(t, "DescribeInstances", nil)
			//lint:ignore SA1019 part of the contract as long as http.Request has it
			req.Cancel = canceled
			go func() {
				_, err := rt.RoundTrip(req)
				errs <- err
			}()
		}
		synctest.Wait()
		require.Equal(t, calls, budget.Hosts()[0].Held)
		require.Equal(t, calls, bubbled()-before, "the callers' own")
		close(canceled)
		synctest.Wait()
		require.Zero(t, budget.Hosts()[0].Held)
		for range calls {
			require.ErrorContains(t, <-errs, "Cancel channel was closed")
		}
	})
}

// BenchmarkDeferredRetry measures what a retry costs that is deferred: how many
// bytes and goroutines, beside those of a call that waits for its response.
func BenchmarkDeferredRetry(b *testing.B) {
	for _, timeout := range []time.Duration{0, time.Hour} {
		b.Run(fmt.Sprintf("http.Client.Timeout %v", timeout), func(b *testing.B) {
			budget := &tcretry.TokenBudget{MaxHold: time.Hour, ProbeEvery: time.Hour}
			lost := roundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })
			var inBase atomic.Int64
			hangs := roundTripperFunc(func(req *http.Request) (*http.Response, error) {
				inBase.Add(1)
				defer inBase.Add(-1)
				<-req.Context().Done()
				return nil, context.Cause(req.Context())
			})
			for b.Loop() {
				bare := waiting(b, timeout, hangs, func() int { return int(inBase.Load()) })
				failDescribe(budget)
				ours := waiting(b, timeout, tcretry.New(lost, tcretry.WithBudget(budget)), func() int { return budget.Hosts()[0].Held })
				b.ReportMetric((ours.bytes-bare.bytes)/waitingCalls, "B/retry")
				b.ReportMetric((ours.goroutines-bare.goroutines)/waitingCalls, "goroutines/retry")
			}
		})
	}
}

const waitingCalls = 10_000

// load is what waiting calls take together.
type load struct{ bytes, goroutines float64 }

// waiting returns what calls take that all wait in rt, once so many do, and ends
// them.
func waiting(b *testing.B, timeout time.Duration, rt http.RoundTripper, count func() int) load {
	b.Helper()
	client := &http.Client{Transport: rt, Timeout: timeout}
	ctx, cancel := context.WithCancel(b.Context())
	requests := make([]*http.Request, waitingCalls)
	for i := range requests {
		requests[i] = sdkRequest(b, "DescribeInstances", nil).WithContext(ctx)
	}
	before := loadNow()
	var running sync.WaitGroup
	for _, req := range requests {
		running.Go(func() {
			if resp, err := client.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		})
	}
	for count() < waitingCalls {
		runtime.Gosched()
	}
	after := loadNow()
	cancel()
	running.Wait()
	return load{after.bytes - before.bytes, after.goroutines - before.goroutines}
}

func loadNow() load {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return load{float64(m.HeapInuse + m.StackInuse), float64(runtime.NumGoroutine())}
}
