package e2e_test_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

// docs/tuning.md has these numbers. Of more calls at once than the limit has room for
// within MaxElapsed, nearly all that must fail do so immediately after the limit is
// learned, and not two minutes later.
func TestABatchThatIsTooLargeForMaxElapsedFailsInPartAndImmediately(t *testing.T) {
	succeeded, immediately := batchOf4000(t, 0)
	require.InDelta(t, 2400, succeeded, 40)
	require.InDelta(t, 1600, immediately, 60)
	succeeded, _ = batchOf4000(t, 30*time.Minute)
	require.Equal(t, 4000, succeeded)
}

// batchOf4000 makes 4,000 calls at once to an API that takes 20 per second, and returns
// how many succeed, and how many fail for MaxElapsed within a second.
func batchOf4000(t *testing.T, maxElapsed time.Duration) (succeeded, immediately int) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.RateLimit("", 20, tctest.FixedWindow)
		var mu sync.Mutex
		hooks := tcretry.Hooks{CallDone: func(_ context.Context, c tcretry.CallInfo) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case c.Reason == tcretry.StopSuccess:
				succeeded++
			case c.Reason == tcretry.StopMaxElapsed && c.Duration < time.Second:
				immediately++
			}
		}}
		rt := tcretry.New(api, tcretry.WithHooks(hooks), tcretry.WithPolicy(tcretry.Policy{MaxElapsed: maxElapsed}))
		var calls sync.WaitGroup
		for range 4000 {
			calls.Go(func() {
				resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeZones", strings.NewReader("{}")))
				if err == nil {
					resp.Body.Close()
				}
			})
		}
		calls.Wait()
	})
	return succeeded, immediately
}
