package e2e_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tctest"
)

// limiting is a policy whose rule for a code says whether it is rate limited.
func limiting(key string, r tcretry.Rule) tcretry.Policy {
	return tcretry.Policy{Codes: map[string]tcretry.Rule{key: r}}
}

func TestARuleSetsThatACodeIsNotRateLimited(t *testing.T) {
	for _, key := range []string{"RequestLimitExceeded", "cvm:RequestLimitExceeded", "cvm.DescribeInstances:RequestLimitExceeded"} {
		synctest.Test(t, func(t *testing.T) {
			api := tctest.NewAPI(slices.Repeat([]tctest.Reply{tctest.Throttle()}, 20)...)
			var events probe.Events
			rt := tcretry.New(api, tcretry.WithHooks(events.Hooks()), tcretry.WithPolicy(limiting(key, tcretry.Rule{RateLimit: tcretry.NotRateLimited})))
			_, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
			require.NoError(t, err)
			require.Equal(t, tcretry.StopMaxAttempts, events.Done[0].Reason)
			require.Equal(t, 4, events.Done[0].Attempts, "it counts against MaxAttempts")
			for i, retry := range events.Retries {
				require.False(t, retry.RateLimited)
				require.Equal(t, tcretry.Throttled, events.Attempts[i].Class)
				delay := tcretry.Explain("RequestLimitExceeded").Delays[i]
				require.GreaterOrEqual(t, retry.Delay, delay.Min)
				require.LessOrEqual(t, retry.Delay, delay.Max)
			}
			require.Equal(t, ratelimit.Open, rt.RateLimits()[0].Mode, "the limiter learned nothing of it")
			require.Zero(t, rt.RateLimits()[0].Limit)
		})
	}
}

// The user's Limiter receives no throttle, and no success either: of a code of the
// API's own layer nothing is said, while a product answered within the limit.
func TestALimiterGetsNoReportOfACodeThatIsNotRateLimited(t *testing.T) {
	for code, want := range map[string]ratelimit.Verdict{
		"RequestLimitExceeded":            ratelimit.Unknown,
		"LimitExceeded.RateLimitExceeded": ratelimit.Accepted,
	} {
		synctest.Test(t, func(t *testing.T) {
			var results []ratelimit.Result
			limiter := reportPacer(func(r ratelimit.Result) { results = append(results, r) })
			probe.CallOf(t, limiting(code, tcretry.Rule{RateLimit: tcretry.NotRateLimited}), tctest.NewAPI(tctest.Fail(code, probe.PerSecondEN)), tcretry.WithRateLimiter(limiter))
			require.Equal(t, []ratelimit.Result{{Verdict: want}, {Verdict: ratelimit.Accepted}}, results)

			results = nil
			probe.CallOf(t, tcretry.Policy{}, tctest.NewAPI(tctest.Fail(code, probe.PerSecondEN)), tcretry.WithRateLimiter(limiter))
			require.Equal(t, ratelimit.Result{Verdict: ratelimit.Throttled, Code: code, Count: 6, Limit: 5}, results[0])
		})
	}
}

// reportPacer lets every attempt start, and reports how it ended.
type reportPacer func(ratelimit.Result)

func (p reportPacer) ForKey(ratelimit.Key) ratelimit.KeyLimiter         { return p }
func (p reportPacer) Wait(context.Context, ratelimit.WaitOptions) error { return nil }
func (p reportPacer) Done(r ratelimit.Result)                           { p(r) }

func TestARuleSetsThatALimitPerMinuteIsRateLimited(t *testing.T) {
	const code = "InvalidParameter.OperationIsTooFrequent"
	synctest.Test(t, func(t *testing.T) {
		events := probe.CallOf(t, limiting(code, tcretry.Rule{RateLimit: tcretry.RateLimited}), tctest.NewAPI(tctest.Fail(code, "")))
		require.True(t, events.Retries[0].RateLimited)
		require.GreaterOrEqual(t, events.Retries[0].Delay.Minutes(), 1.0, "the limiter starts it no sooner than the code can pass")
	})
}

// The most specific rule that says anything wins, as for every field.
func TestAMoreSpecificRuleRateLimitsAgain(t *testing.T) {
	policy := tcretry.Policy{Codes: map[string]tcretry.Rule{
		"RequestLimitExceeded":     {RateLimit: tcretry.NotRateLimited},
		"cvm:RequestLimitExceeded": {RateLimit: tcretry.RateLimited},
	}}
	require.Empty(t, policy.Lint())
	synctest.Test(t, func(t *testing.T) {
		require.True(t, probe.CallOf(t, policy, tctest.NewAPI(tctest.Throttle())).Retries[0].RateLimited)
	})
	require.True(t, policy.Explain("cvm:RequestLimitExceeded").RateLimited)
	require.False(t, policy.Explain("vpc:RequestLimitExceeded").RateLimited)
}

// A rule for a code holds as well if an HTTP status says what the code means.
func TestARuleHoldsForACodeThatA429Explains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reply := tctest.Status(429, failure("Mine", "", ""))
		events := probe.CallOf(t, limiting("Mine", tcretry.Rule{RateLimit: tcretry.NotRateLimited, MaxAttempts: 2}), probe.Always(reply))
		require.Equal(t, tcretry.Throttled, events.Attempts[0].Class)
		require.Equal(t, 2, events.Done[0].Attempts)
		require.False(t, events.Retries[0].RateLimited)
		require.True(t, probe.CallOf(t, tcretry.Policy{}, probe.Always(reply)).Retries[0].RateLimited)
	})
}

func TestExplainReportsWhatARuleChangesAboutRateLimiting(t *testing.T) {
	e := limiting("RequestLimitExceeded", tcretry.Rule{RateLimit: tcretry.NotRateLimited}).Explain("RequestLimitExceeded")
	require.False(t, e.RateLimited)
	require.Equal(t, []string{"rate limited: yes → no"}, e.Changes)
	require.Equal(t, "every request, after the delays: it was rejected before execution", e.Retry)
	require.True(t, tcretry.Explain("RequestLimitExceeded").RateLimited)
	require.False(t, tcretry.Explain("InternalError").RateLimited)
	once := limiting("RequestLimitExceeded", tcretry.Rule{MaxAttempts: 1})
	require.False(t, once.Explain("RequestLimitExceeded").RateLimited, "there is no retry")

	text, err := json.Marshal(tcretry.Explain("RequestLimitExceeded"))
	require.NoError(t, err)
	require.Contains(t, string(text), `"rateLimited":true`)
}

func TestRateLimitIsABoolInJSON(t *testing.T) {
	const text = `{"codes":{"InternalError":{"maxAttempts":2},"RequestLimitExceeded":{"rateLimit":false},"cvm:RequestLimitExceeded":{"rateLimit":true}}}`
	p, err := tcretry.ParsePolicy(strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, tcretry.NotRateLimited, p.Codes["RequestLimitExceeded"].RateLimit)
	require.Equal(t, tcretry.RateLimited, p.Codes["cvm:RequestLimitExceeded"].RateLimit)
	require.Equal(t, tcretry.RateLimitByClass, p.Codes["InternalError"].RateLimit)
	written, err := json.Marshal(p)
	require.NoError(t, err)
	require.JSONEq(t, text, string(written))

	_, err = tcretry.ParsePolicy(strings.NewReader(`{"codes":{"InternalError":{"rateLimit":"no"}}}`))
	require.EqualError(t, err, `tcretry: policy: codes["InternalError"].rateLimit: "no": want true or false`)
	require.EqualError(t, limiting("InternalError", tcretry.Rule{RateLimit: 7}).Validate(),
		`tcretry: policy: Codes["InternalError"].RateLimit: rate limiting(7): want RateLimitByClass, RateLimited or NotRateLimited`)
}
