package e2e_test

import (
	"context"
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
	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/internal/test/concurrent"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

// reportedBudget permits every retry and keeps what it receives.
type reportedBudget struct {
	withdrawals []budget.Request
	reports     []budget.Report
}

func (b *reportedBudget) Acquire(_ context.Context, w budget.Request) error {
	w.Start, w.Latest = time.Time{}, time.Time{}
	b.withdrawals = append(b.withdrawals, w)
	return nil
}

func (b *reportedBudget) Record(r budget.Report) { b.reports = append(b.reports, r) }

func TestABudgetReceivesWhatBecameOfEachRetry(t *testing.T) {
	const host, action = "cvm.tencentcloudapi.com", "DescribeInstances"
	failed := budget.Report{Host: host, Action: action, Result: budget.Failure}
	retried := failed
	retried.Retry = 1
	ended := func(retry int, result budget.Result, withdrawn int) budget.Report {
		return budget.Report{Host: host, Action: action, Retry: retry, Result: result, Returned: withdrawn}
	}
	internal := tctest.Fail("InternalError", "")
	for name, row := range map[string]struct {
		replies []tctest.Reply
		cancel  time.Duration
		reports []budget.Report
	}{
		"a success": {
			reports: []budget.Report{ended(0, budget.Success, 0)},
		},
		"a second retry that succeeds returns both": {
			replies: []tctest.Reply{internal, internal},
			reports: []budget.Report{failed, retried, ended(2, budget.Success, 2)},
		},
		"any other response does too, and what follows is a new account": {
			replies: []tctest.Reply{internal, tctest.Throttle(), internal},
			reports: []budget.Report{
				failed, ended(1, budget.Success, 1), failed, ended(3, budget.Success, 1),
			},
		},
		"a retry that is not made returns its own": {
			replies: []tctest.Reply{internal},
			cancel:  100 * time.Millisecond,
			reports: []budget.Report{failed, ended(1, budget.Unused, 1)},
		},
		"a retry that the caller canceled": {
			replies: []tctest.Reply{internal, tctest.Delay(time.Hour, tctest.OK(nil))},
			cancel:  time.Minute,
			reports: []budget.Report{failed, ended(1, budget.Canceled, 0)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				retries := new(reportedBudget)
				rt := tcretry.New(tctest.NewAPI(row.replies...), tcretry.WithBudget(retries), tcretry.WithPolicy(probe.Exact()))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if row.cancel > 0 {
					time.AfterFunc(row.cancel, cancel)
				}
				if resp, err := rt.RoundTrip(probe.SDKRequest(t, action, nil).WithContext(ctx)); err == nil {
					require.NoError(t, resp.Body.Close())
				}
				require.Equal(t, row.reports, retries.reports)
				for i, w := range retries.withdrawals {
					require.Equal(t, host+action, w.Host+w.Action)
					require.GreaterOrEqual(t, w.Retry, i+1)
				}
			})
		})
	}
}

const budgetHost = "cvm.tencentcloudapi.com"

// failDescribe opens the circuit of an action.
func failDescribe(b budget.Budget) {
	for range 12 {
		b.Record(budget.Report{Host: budgetHost, Action: "DescribeInstances", Result: budget.Failure})
	}
}

// A deferred retry waits without a goroutine of its own, also if http.Client.Timeout
// or the caller sets Request.Cancel.
func TestADeferredRetryTakesNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		retries := new(budget.Tokens)
		failDescribe(retries)
		rt := tcretry.New(probe.Always(tctest.DropBeforeExecution()), tcretry.WithBudget(retries), tcretry.WithPolicy(probe.Exact()))
		canceled := make(chan struct{})
		const calls = 100
		before := concurrent.Bubbled()
		errs := make(chan error, calls)
		for range calls {
			req := probe.SDKRequest(t, "DescribeInstances", nil)
			//lint:ignore SA1019 part of the contract as long as http.Request has it
			req.Cancel = canceled
			go func() {
				_, err := rt.RoundTrip(req)
				errs <- err
			}()
		}
		synctest.Wait()
		require.Equal(t, calls, retries.States()[0].Deferred)
		require.Equal(t, calls, concurrent.Bubbled()-before, "the callers' own")
		close(canceled)
		synctest.Wait()
		require.Zero(t, retries.States()[0].Deferred)
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
			retries := &budget.Tokens{MaxDefer: time.Hour, ProbeInterval: time.Hour}
			lost := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })
			var inBase atomic.Int64
			hangs := probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
				inBase.Add(1)
				defer inBase.Add(-1)
				<-req.Context().Done()
				return nil, context.Cause(req.Context())
			})
			for b.Loop() {
				plain := waiting(b, timeout, hangs, func() int { return int(inBase.Load()) })
				failDescribe(retries)
				ours := waiting(b, timeout, tcretry.New(lost, tcretry.WithBudget(retries)), func() int { return retries.States()[0].Deferred })
				b.ReportMetric((ours.bytes-plain.bytes)/waitingCalls, "B/retry")
				b.ReportMetric((ours.goroutines-plain.goroutines)/waitingCalls, "goroutines/retry")
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
		requests[i] = probe.SDKRequest(b, "DescribeInstances", nil).WithContext(ctx)
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
