package tcretry_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
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

func TestALaneThatIsContendedStartsNoMoreThanItsLimit(t *testing.T) {
	for name, c := range map[string]struct {
		code  string
		lanes int
	}{"its own": {"RequestLimitExceeded", 1}, "that of the whole account": {codeUin, 16}} {
		t.Run(name, func(t *testing.T) {
			onProcessors(t, func(t *testing.T) {
				p := new(tcretry.AdaptivePacer)
				lane := p.Lane(tcretry.PaceKey{Host: paceKey.Host, Action: "0", Credential: paceKey.Credential})
				for range 21 {
					require.NoError(t, lane.Wait(t.Context(), tcretry.Turn{}))
				}
				done(lane, 20, accepted)
				began := time.Now()
				lane.Done(tcretry.PaceResult{Verdict: tcretry.PaceRejected, Code: c.code, Count: 21, Limit: 20})
				ctx, stop := context.WithTimeout(t.Context(), 1500*time.Millisecond)
				defer stop()
				var started atomic.Int64
				var all sync.WaitGroup
				for i := range 64 {
					all.Go(func() {
						lane := p.Lane(tcretry.PaceKey{Host: paceKey.Host, Action: strconv.Itoa(i % c.lanes), Credential: paceKey.Credential})
						for ctx.Err() == nil {
							// Whoever does not wait long contends the most.
							once, end := context.WithTimeout(ctx, time.Duration(i)*50*time.Microsecond)
							if lane.Wait(once, tcretry.Turn{}) == nil {
								started.Add(1)
								lane.Done(tcretry.PaceResult{})
							}
							end()
						}
					})
				}
				all.Wait()
				require.LessOrEqual(t, started.Load(), mayStart(time.Since(began), 20))
			})
		})
	}
}

func TestATransportUnderSiegeStartsNoMoreThanTheLimit(t *testing.T) {
	onProcessors(t, func(t *testing.T) {
		var attempts, throttled atomic.Int64
		api := tctest.NewAPI()
		api.Quota("DescribeInstances", 20, tctest.FixedWindow)
		base := roundTripperFunc(func(req *http.Request) (*http.Response, error) {
			attempts.Add(1)
			return api.RoundTrip(req)
		})
		rt := tcretry.New(base, tcretry.WithHooks(tcretry.Hooks{RetryScheduled: func(context.Context, tcretry.RetryInfo) { throttled.Add(1) }}))
		besiege(t, rt, 256, 100*time.Millisecond) // the limit is learned
		learned, began := attempts.Load(), time.Now()
		besiege(t, rt, 256, 2*time.Second)
		require.Positive(t, throttled.Load())
		require.LessOrEqual(t, attempts.Load()-learned, mayStart(time.Since(began), 20))
	})
}

// besiege lets callers, who give up after 2 ms and ask again, call for d.
func besiege(t *testing.T, rt http.RoundTripper, callers int, d time.Duration) {
	t.Helper()
	end := time.Now().Add(d)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for time.Now().Before(end) {
				ctx, stop := context.WithTimeout(t.Context(), 2*time.Millisecond)
				resp, err := rt.RoundTrip(sdkRequest(t, "DescribeInstances", nil).WithContext(ctx))
				if err == nil {
					_ = resp.Body.Close()
				}
				stop()
			}
		})
	}
	all.Wait()
}
