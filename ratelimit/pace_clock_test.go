package ratelimit_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
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
				p := new(ratelimit.Adaptive)
				lane := p.ForKey(ratelimit.Key{Host: paceKey.Host, Action: "0", Credential: paceKey.Credential})
				for range 21 {
					require.NoError(t, lane.Wait(t.Context(), ratelimit.WaitOptions{}))
				}
				done(lane, 20, accepted)
				began := time.Now()
				lane.Done(ratelimit.Result{Verdict: ratelimit.Throttled, Code: c.code, Count: 21, Limit: 20})
				ctx, stop := context.WithTimeout(t.Context(), 1500*time.Millisecond)
				defer stop()
				var started atomic.Int64
				var all sync.WaitGroup
				for i := range 64 {
					all.Go(func() {
						lane := p.ForKey(ratelimit.Key{Host: paceKey.Host, Action: strconv.Itoa(i % c.lanes), Credential: paceKey.Credential})
						for ctx.Err() == nil {
							// Whoever does not wait long contends the most.
							once, end := context.WithTimeout(ctx, time.Duration(i)*50*time.Microsecond)
							if lane.Wait(once, ratelimit.WaitOptions{}) == nil {
								started.Add(1)
								lane.Done(ratelimit.Result{})
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
