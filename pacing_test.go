package tcretry_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tctest"
)

// burst makes calls at once and requires that each succeeds. It returns how long
// they took.
func burst(t *testing.T, rt http.RoundTripper, calls int) time.Duration {
	t.Helper()
	start := time.Now()
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() {
			resp, err := rt.RoundTrip(sdkRequest(t, "DescribeInstances", nil))
			if err != nil {
				t.Errorf("no answer: %v", err)
				return
			}
			if err := tcretry.CheckResponse(resp); err != nil {
				t.Errorf("a call failed: %v", err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		})
	}
	wg.Wait()
	return time.Since(start)
}

// A hundred calls at once against a quota of twenty a second need five seconds;
// without the pacer, four attempts each do not suffice for them.
func TestABurstIsPacedUntilEachCallGotThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Quota("DescribeInstances", 20, tctest.FixedWindow)
		rt := tcretry.New(api)
		require.Less(t, burst(t, rt, 100), 7*time.Second)
		paces := rt.Paces()
		require.Len(t, paces, 1)
		require.Equal(t, 20, paces[0].Quota)
		require.NotEqual(t, tcretry.PaceOpen, paces[0].Mode)
	})
}

func TestBelowTheQuotaNothingIsDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Quota("DescribeInstances", 20, tctest.FixedWindow)
		rt := tcretry.New(api, tcretry.WithHooks(tcretry.Hooks{CallDone: func(_ context.Context, i tcretry.CallInfo) {
			if i.Waited != 0 {
				t.Errorf("a call waited %v", i.Waited)
			}
		}}))
		for range 10 {
			require.Zero(t, burst(t, rt, 20))
			time.Sleep(time.Second)
		}
	})
}

func TestWithoutAPacerAThrottledCallWaitsByBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told told
		rt := tcretry.New(always(tctest.Throttle()), tcretry.WithHooks(told.hooks()), tcretry.WithoutPacer())
		resp, err := rt.RoundTrip(sdkRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Len(t, told.retries, 3)
		for _, retry := range told.retries {
			require.False(t, retry.Paced)
			require.GreaterOrEqual(t, retry.Delay, time.Second)
		}
		require.Zero(t, told.done[0].PaceWait)
		require.Empty(t, rt.Paces())
	})
}

func TestBudgetsTellsOfEachHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := tcretry.New(always(tctest.Fail("InternalError", "")))
		resp, err := rt.RoundTrip(sdkRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, []tcretry.HostBudget{{Host: "cvm.tencentcloudapi.com", Tokens: 47}}, rt.Budgets())
		require.Empty(t, tcretry.New(nil, tcretry.WithoutBudget()).Budgets())
	})
}

// progress is a pacer whose key makes progress a number of times.
type progress struct {
	countingPacer
	accepted, until uint64
}

func (p *progress) Lane(tcretry.PaceKey) tcretry.Lane { return p }

func (p *progress) Accepted() uint64 {
	p.accepted = min(p.accepted+1, p.until)
	return p.accepted
}

func TestThrottlesUnderAPacerAreNotChargedWhileTheKeyMakesProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := always(tctest.Throttle())
		var told told
		rt := tcretry.New(api, tcretry.WithHooks(told.hooks()), tcretry.WithPacer(&progress{until: 21}))
		resp, err := rt.RoundTrip(sdkRequest(t, "RunInstances", nil))
		require.NoError(t, err)
		requireCode(t, "RequestLimitExceeded", tcretry.CheckResponse(resp))
		require.Equal(t, tcretry.StopAttempts, told.done[0].Reason)
		require.Equal(t, 24, told.done[0].Attempts, "20 with progress, and 4 without")
		require.True(t, told.retries[0].Paced)
	})
}

func TestAThrottleThatNothingGetsThroughEndsAfterMaxAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := always(tctest.Throttle())
		var told told
		rt := tcretry.New(api, tcretry.WithHooks(told.hooks()))
		resp, err := rt.RoundTrip(sdkRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		requireCode(t, "RequestLimitExceeded", tcretry.CheckResponse(resp))
		require.Equal(t, tcretry.StopAttempts, told.done[0].Reason)
		require.Equal(t, 4, told.done[0].Attempts)
	})
}
