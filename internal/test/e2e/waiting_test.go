package e2e_test

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/concurrent"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

// startWaiting makes calls over rt, each with a Cancel channel of its own, and returns
// once all of them wait. End closes the channels and waits until the calls have
// returned.
func startWaiting(tb testing.TB, rt *tcretry.Transport, calls int) (end func()) {
	tb.Helper()
	cancel := make(chan struct{})
	var all sync.WaitGroup
	for range calls {
		req := probe.SDKRequest(tb, "DescribeInstances", nil)
		//lint:ignore SA1019 http.Client.Timeout sets it
		req.Cancel = cancel
		all.Go(func() {
			if resp, err := rt.RoundTrip(req); err == nil {
				_ = resp.Body.Close()
			}
		})
	}
	return func() {
		close(cancel)
		all.Wait()
	}
}

// rarely is a Transport that has learned a limit of one attempt per second, and whose
// calls may wait for an hour.
func rarely(tb testing.TB) *tcretry.Transport {
	tb.Helper()
	api := tctest.NewAPI()
	throttled := tctest.Throttle(tctest.WithCounts(2, 1))
	api.Script("DescribeInstances", throttled, throttled)
	rt := tcretry.New(api, tcretry.WithPolicy(tcretry.Policy{MaxElapsed: 24 * time.Hour}))
	resp, err := rt.RoundTrip(probe.SDKRequest(tb, "DescribeInstances", nil))
	require.NoError(tb, err)
	require.NoError(tb, resp.Body.Close())
	return rt
}

func TestAWaitingCallTakesNoGoroutineOfOursAndLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := rarely(t)
		before := concurrent.Bubbled()
		end := startWaiting(t, rt, 200)
		synctest.Wait()
		require.GreaterOrEqual(t, rt.RateLimits()[0].Waiting, 190)
		require.LessOrEqual(t, concurrent.Bubbled()-before, 200, "one goroutine for each call: the caller's own")
		end()
		synctest.Wait()
		require.Equal(t, before, concurrent.Bubbled())
		require.Zero(t, rt.RateLimits()[0].Waiting)
		require.Zero(t, rt.RateLimits()[0].InFlight)
	})
}

func TestACallThatIsCanceledAtItsSlotLeavesNothing(t *testing.T) {
	for after := range 40 {
		synctest.Test(t, func(t *testing.T) {
			rt := rarely(t)
			before := concurrent.Bubbled()
			began := time.Now()
			first := make(chan struct{})
			var turn time.Duration
			req := probe.SDKRequest(t, "DescribeInstances", nil)
			cancel := make(chan struct{})
			//lint:ignore SA1019 http.Client.Timeout sets it
			req.Cancel = cancel
			// Where nothing cancels, the call returns when its slot has come.
			_, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
			require.NoError(t, err)
			turn = time.Since(began)
			go func() {
				defer close(first)
				if resp, err := rt.RoundTrip(req); err == nil {
					_ = resp.Body.Close()
				}
			}()
			wait := max(turn, time.Second) + time.Duration(after%3-1)
			time.AfterFunc(wait, func() { close(cancel) })
			<-first
			synctest.Wait()
			require.Equal(t, before, concurrent.Bubbled())
			require.Zero(t, rt.RateLimits()[0].Waiting)
			require.Zero(t, rt.RateLimits()[0].InFlight)
		})
	}
}

// BenchmarkWaiting measures what a call costs while it waits for its slot, the
// goroutine of its caller included.
func BenchmarkWaiting(b *testing.B) {
	const calls = 10_000
	use := func() (float64, float64) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc + m.StackInuse), float64(runtime.NumGoroutine())
	}
	run := func(b *testing.B, start func(rt *tcretry.Transport) (end func())) {
		var bytes, goroutines float64
		for b.Loop() {
			rt := rarely(b)
			beforeBytes, beforeGoroutines := use()
			end := start(rt)
			for rt.RateLimits()[0].Waiting < calls-100 {
				runtime.Gosched()
			}
			afterBytes, afterGoroutines := use()
			bytes, goroutines = bytes+afterBytes-beforeBytes, goroutines+afterGoroutines-beforeGoroutines
			end()
		}
		b.ReportMetric(bytes/calls/float64(b.N), "B/waiting-call")
		b.ReportMetric(goroutines/calls/float64(b.N), "goroutines/waiting-call")
	}
	b.Run("over the Transport with Request.Cancel", func(b *testing.B) {
		run(b, func(rt *tcretry.Transport) func() { return startWaiting(b, rt, calls) })
	})
	b.Run("with http.Client.Timeout", func(b *testing.B) {
		run(b, func(rt *tcretry.Transport) func() {
			ctx, stop := context.WithCancel(b.Context())
			client := &http.Client{Transport: rt, Timeout: 24 * time.Hour}
			var all sync.WaitGroup
			for range calls {
				req := probe.SDKRequest(b, "DescribeInstances", nil).WithContext(ctx)
				all.Go(func() {
					if resp, err := client.Do(req); err == nil {
						_ = resp.Body.Close()
					}
				})
			}
			return func() { stop(); all.Wait() }
		})
	})
}
