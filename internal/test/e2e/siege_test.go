package e2e_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/concurrent"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

func TestATransportUnderSiegeStartsNoMoreThanTheLimit(t *testing.T) {
	concurrent.OnProcessors(t, func(t *testing.T) {
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
		besiege(t, rt, 256, time.Second)
		require.Positive(t, throttled.Load())
		require.LessOrEqual(t, attempts.Load()-learned, concurrent.MayStart(time.Since(began), 20))
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
