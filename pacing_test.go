package tcretry_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/ratelimit"
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
			resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
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
		api.RateLimit("DescribeInstances", 20, tctest.FixedWindow)
		rt := tcretry.New(api)
		require.Less(t, burst(t, rt, 100), 7*time.Second)
		paces := rt.RateLimits()
		require.Len(t, paces, 1)
		require.Equal(t, 20, paces[0].Limit)
		require.NotEqual(t, ratelimit.Open, paces[0].Mode)
	})
}

func TestBelowTheQuotaNothingIsDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.RateLimit("DescribeInstances", 20, tctest.FixedWindow)
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
		var told probe.Events
		rt := tcretry.New(probe.Always(tctest.Throttle()), tcretry.WithHooks(told.Hooks()), tcretry.WithoutRateLimiter())
		resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Len(t, told.Retries, 3)
		for _, retry := range told.Retries {
			require.False(t, retry.RateLimited)
			require.GreaterOrEqual(t, retry.Delay, time.Second)
		}
		require.Zero(t, told.Done[0].RateLimitWait)
		require.Empty(t, rt.RateLimits())
	})
}

func TestBudgetsTellsOfEachHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := tcretry.New(probe.Always(tctest.Fail("InternalError", "")))
		resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Len(t, rt.Budgets(), 1)
		host := rt.Budgets()[0]
		require.Equal(t, "cvm.tencentcloudapi.com", host.Host)
		require.InDelta(t, 47, host.Tokens, 1, "time refills half a token per second")
		require.Equal(t, []budget.ActionState{{Action: "DescribeInstances", Tokens: host.Tokens}}, host.Actions)
		require.Empty(t, tcretry.New(nil, tcretry.WithoutBudget()).Budgets())
	})
}

func TestAThrottledAttemptNeverCountsAgainstMaxAttempts(t *testing.T) {
	throttles := func(n int) []tctest.Reply { return slices.Repeat([]tctest.Reply{tctest.Throttle()}, n) }
	rule := func(r tcretry.Rule) tcretry.Option {
		return tcretry.WithPolicy(tcretry.Policy{Codes: map[string]tcretry.Rule{"RequestLimitExceeded": r}})
	}
	for _, tt := range []struct {
		name     string
		answers  []tctest.Reply
		opts     []tcretry.Option
		reason   tcretry.StopReason
		attempts int
	}{
		{"it goes on until it gets through", throttles(20), nil, tcretry.StopSuccess, 21},
		{"the attempts that fail otherwise count alone", append(throttles(9), slices.Repeat([]tctest.Reply{tctest.Fail("InternalError", "")}, 9)...), nil, tcretry.StopMaxAttempts, 13},
		{"without a limiter it counts", throttles(20), []tcretry.Option{tcretry.WithoutRateLimiter()}, tcretry.StopMaxAttempts, 4},
		{"a rule for the code bounds it", throttles(20), []tcretry.Option{rule(tcretry.Rule{MaxAttempts: 3})}, tcretry.StopMaxAttempts, 3},
		{"MaxAttempts 1 turns retries off", throttles(20), []tcretry.Option{tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 1})}, tcretry.StopMaxAttempts, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told probe.Events
				rt := tcretry.New(tctest.NewAPI(tt.answers...), append(tt.opts, tcretry.WithHooks(told.Hooks()))...)
				_, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
				require.NoError(t, err)
				require.Equal(t, tt.reason, told.Done[0].Reason)
				require.Equal(t, tt.attempts, told.Done[0].Attempts)
			})
		})
	}
}

func TestAThrottleThatNothingGetsThroughEndsWithMaxElapsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var told probe.Events
		rt := tcretry.New(probe.Always(tctest.Throttle()), tcretry.WithHooks(told.Hooks()))
		resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		probe.RequireCode(t, "RequestLimitExceeded", tcretry.CheckResponse(resp))
		require.Equal(t, tcretry.StopMaxElapsed, told.Done[0].Reason)
		require.InDelta(t, 120, time.Since(start).Seconds(), 30)
		require.Less(t, told.Done[0].Attempts, 40, "rarer and rarer")
	})
}

// Others use up a limit of ten per second for most of MaxElapsed. Plain backoff, with delays of
// up to half a minute, brings most of the calls home afterwards.
func TestCallsOutlastALongStormOfOthers(t *testing.T) {
	const numbers = "Your current request times is `30`, which exceeds the frequency limit `10` for a second."
	for _, message := range []string{numbers, "too many requests"} {
		for _, storm := range []time.Duration{20 * time.Second, 50 * time.Second, 80 * time.Second, 100 * time.Second} {
			for seed := uint64(1); seed <= 10; seed++ {
				synctest.Test(t, func(t *testing.T) { requireTwentyOutlast(t, storm, message, seed) })
			}
		}
	}
}

func requireTwentyOutlast(t *testing.T, storm time.Duration, message string, seed uint64) {
	start, api := time.Now(), tctest.NewAPI()
	api.RateLimit("", 10, tctest.FixedWindow)
	base := probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		if time.Since(start) < storm {
			return probe.Always(tctest.Fail("RequestLimitExceeded", message)).RoundTrip(req)
		}
		return api.RoundTrip(req)
	})
	rt := tcretry.New(base, tcretry.WithRateLimiter(&ratelimit.Adaptive{Seed: seed}))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
			if assert.NoError(t, err) {
				assert.NoError(t, tcretry.CheckResponse(resp), "a storm of %v, %q, seed %d", storm, message, seed)
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, time.Since(start), storm+20*time.Second, "%q, seed %d", message, seed)
}

// productLimit is an API whose product takes so many requests of an action per second,
// and says no numbers.
func productLimit(perSecond int, code string) http.RoundTripper {
	api := tctest.NewAPI()
	var mu sync.Mutex
	var second int64
	taken := 0
	api.Default(tctest.Func(func(tctest.Attempt) tctest.Reply {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now().Unix(); now != second {
			second, taken = now, 0
		}
		if taken++; taken > perSecond {
			return tctest.Fail(code, "too many requests")
		}
		return tctest.OK(nil)
	}))
	return api
}

func TestTheLimitsOfProductsAreRateLimited(t *testing.T) {
	for _, tt := range []struct {
		code string
		opts []tcretry.Option
	}{
		{"LimitExceeded.RateLimitExceeded", nil}, // of ssl, for example
		{"FailedOperation.Unlisted", []tcretry.Option{tcretry.WithPolicy(tcretry.Policy{
			Codes: map[string]tcretry.Rule{"FailedOperation.Unlisted": {Class: tcretry.Throttled}},
		})}},
	} {
		t.Run(tt.code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := tcretry.New(productLimit(5, tt.code), tt.opts...)
				var workers sync.WaitGroup
				for range 50 {
					workers.Go(func() {
						for range 4 {
							resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeCertificates", nil))
							if assert.NoError(t, err) {
								assert.NoError(t, tcretry.CheckResponse(resp))
								assert.NoError(t, resp.Body.Close())
							}
						}
					})
				}
				workers.Wait()
			})
		})
	}
}

func TestALimitOfAMinuteIsNoneOfTheRateLimiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := tcretry.New(probe.Always(tctest.Fail("InvalidParameter.OperationIsTooFrequent", "")))
		resp, err := rt.RoundTrip(probe.SDKRequest(t, "CreateRecord", nil))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, ratelimit.Open, rt.RateLimits()[0].Mode)
	})
}
