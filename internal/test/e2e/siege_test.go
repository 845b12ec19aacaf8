package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

// What these tests hold is a number of attempts in real time, never a time: a machine
// that is slow starts fewer.

// mayStart is how many attempts start in a time at most where limit per second may:
// the limit in each second that has begun, and a probe for a raised one in each.
func mayStart(took time.Duration, limit int) int64 {
	return int64(took/time.Second+1) * int64(limit+1)
}

// onProcessors runs a test with few processors and with many: more goroutines than
// processors lose one between the reading of the clock and the lock.
func onProcessors(t *testing.T, test func(t *testing.T)) {
	for _, n := range []int{2, 16} {
		t.Run(fmt.Sprintf("on %d", n), func(t *testing.T) {
			before := runtime.GOMAXPROCS(n)
			defer runtime.GOMAXPROCS(before)
			test(t)
		})
	}
}

func TestATransportUnderSiegeStartsNoMoreThanTheLimit(t *testing.T) {
	onProcessors(t, func(t *testing.T) {
		var attempts, throttled atomic.Int64
		api := tctest.NewAPI()
		api.RateLimit("DescribeInstances", 20, tctest.FixedWindow)
		base := probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			attempts.Add(1)
			return api.RoundTrip(req)
		})
		rt := tcretry.New(base, tcretry.WithHooks(tcretry.Hooks{
			// Few of these callers live long enough for a retry.
			AttemptDone: func(_ context.Context, i tcretry.AttemptInfo) {
				if i.Class == tcretry.Throttled {
					throttled.Add(1)
				}
			},
		}))
		besiege(t, rt, 256, 100*time.Millisecond) // the limit is learned
		learned, began := attempts.Load(), time.Now()
		besiege(t, rt, 256, 2*time.Second)
		require.Positive(t, throttled.Load())
		require.LessOrEqual(t, attempts.Load()-learned, mayStart(time.Since(began), 20))
	})
}

// besiege makes callers, who give up after 2 ms and call again, call for d.
func besiege(t *testing.T, rt http.RoundTripper, callers int, d time.Duration) {
	t.Helper()
	end := time.Now().Add(d)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for time.Now().Before(end) {
				ctx, stop := context.WithTimeout(t.Context(), 2*time.Millisecond)
				resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil).WithContext(ctx))
				if err == nil {
					_ = resp.Body.Close()
				}
				stop()
			}
		})
	}
	all.Wait()
}
