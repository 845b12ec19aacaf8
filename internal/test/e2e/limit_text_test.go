package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tctest"
)

func TestALimitExceededWithTheTextOfAThrottleIsOne(t *testing.T) {
	for _, text := range []string{probe.PerSecondZH, probe.PerSecondEN} {
		synctest.Test(t, func(t *testing.T) {
			var events probe.Events
			replies := slices.Repeat([]tctest.Reply{tctest.Fail("LimitExceeded", text)}, 9)
			rt := tcretry.New(tctest.NewAPI(replies...), tcretry.WithHooks(events.Hooks()))
			resp, err := rt.RoundTrip(probe.SDKRequest(t, "RunInstances", strings.NewReader("{}"))) // a non-idempotent request, too
			require.NoError(t, err)
			require.NoError(t, tcretry.CheckResponse(resp))
			require.Equal(t, 10, events.Done[0].Attempts, "as any throttle, it does not count against MaxAttempts")
			for _, attempt := range events.Attempts[:9] {
				require.Equal(t, tcretry.Throttled, attempt.Class)
			}
			for _, retry := range events.Retries {
				require.True(t, retry.RateLimited)
				require.Zero(t, retry.Delay, "the rate limiter alone times it")
			}
			require.Equal(t, 5, rt.RateLimits()[0].Limit, "the limiter reads the numbers")
		})
	}
}

func TestALimitExceededOfThingsStaysTerminal(t *testing.T) {
	for _, text := range []string{
		"",
		"The number of instances exceeds the limit.",
		"您的实例数 `6` 超过了配额 `5`。",
		"The number of secondary addresses `31` exceeds the limit `30`.", // secondary is no second
		"The quota of the account `6` exceeds `5`.",
		"请求的次数超过了每秒频率限制。",                                                                  // no numbers
		"您当前每秒请求 `5` 次，超过了每秒频率上限 `6`，请稍后重试。",                                               // not exceeded
		"您当前每秒请求 `6` 次，超过了每秒频率上限 `5`，`UIN`。",                                               // more than the two numbers
		"您当前每秒请求 `six` 次，超过了每秒频率上限 `five`，请稍后重试。",                                          // none
		"Your current request times equals to `6`, which exceeds the limit `5` for a day.", // of a day
	} {
		synctest.Test(t, func(t *testing.T) {
			var events probe.Events
			rt := tcretry.New(tctest.NewAPI(tctest.Fail("LimitExceeded", text)), tcretry.WithHooks(events.Hooks()))
			resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
			require.NoError(t, err)
			probe.RequireCode(t, "LimitExceeded", tcretry.CheckResponse(resp))
			require.Equal(t, tcretry.StopTerminal, events.Done[0].Reason, text)
			require.Equal(t, 1, events.Done[0].Attempts, text)
			require.Equal(t, ratelimit.Open, rt.RateLimits()[0].Mode)
		})
	}
}

// The text says it of the very code: a sub-code, and other codes, mean what the
// catalogue says. So does a failed task that a response reports.
func TestTheTextOfAThrottleChangesNoOtherCode(t *testing.T) {
	for _, reply := range []tctest.Reply{
		tctest.Fail("LimitExceeded.New", probe.PerSecondZH),
		tctest.Fail("InvalidParameter", probe.PerSecondZH),
		tctest.FailTask("LimitExceeded", probe.PerSecondZH, map[string]any{"Status": 3}),
	} {
		var events probe.Events
		rt := tcretry.New(tctest.NewAPI(reply), tcretry.WithHooks(events.Hooks()))
		_, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		require.Equal(t, tcretry.StopTerminal, events.Done[0].Reason)
	}
}

// Fifty workers against five per second: tmt's translation of texts answers so.
func TestALimitPerSecondUnderLimitExceededIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		second, taken := int64(0), 0
		api := tctest.NewAPI()
		api.Default(tctest.Func(func(call tctest.Attempt) tctest.Reply {
			if call.Action != "TextTranslate" {
				return tctest.OK(nil)
			}
			mu.Lock()
			defer mu.Unlock()
			if now := time.Now().Unix(); now != second {
				second, taken = now, 0
			}
			if taken++; taken > 5 {
				return tctest.Fail("LimitExceeded", fmt.Sprintf("您当前每秒请求 `%d` 次，超过了每秒频率上限 `5`，请稍后重试。", taken))
			}
			return tctest.OK(nil)
		}))
		rt := tcretry.New(api)
		start := time.Now()
		var workers sync.WaitGroup
		for range 50 {
			workers.Go(func() {
				resp, err := rt.RoundTrip(probe.SDKRequest(t, "TextTranslate", nil))
				if assert.NoError(t, err) {
					assert.NoError(t, tcretry.CheckResponse(resp))
					assert.NoError(t, resp.Body.Close())
				}
			})
		}
		resp, err := rt.RoundTrip(probe.SDKRequest(t, "LanguageDetect", nil))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Zero(t, time.Since(start), "it is the limit of the action, no other waits for it")
		workers.Wait()
		require.Less(t, time.Since(start), 13*time.Second)
	})
}

func TestARuleGoesBeforeTheTextOfAThrottle(t *testing.T) {
	for key, rule := range map[string]tcretry.Rule{
		"LimitExceeded":                       {Class: tcretry.Terminal},
		"cvm:LimitExceeded":                   {Class: tcretry.Terminal},
		"cvm.DescribeInstances:LimitExceeded": {MaxAttempts: 1},
	} {
		policy := tcretry.Policy{Codes: map[string]tcretry.Rule{key: rule}}
		require.Empty(t, policy.Lint(), "the rule has an effect")
		events := probe.CallOf(t, policy, tctest.NewAPI(tctest.Fail("LimitExceeded", probe.PerSecondEN)))
		require.Equal(t, 1, events.Done[0].Attempts, key)
		asked := "cvm.DescribeInstances:LimitExceeded: " + probe.PerSecondEN
		require.Equal(t, 1, policy.Explain(asked).MaxAttempts, key)
	}
}

func TestARetryableClientReadsTheTextOfAThrottle(t *testing.T) {
	_, again := probe.Judged(t, "RunInstances", tctest.Fail("LimitExceeded", probe.PerSecondZH))
	require.True(t, again)
	_, again = probe.Judged(t, "RunInstances", tctest.Fail("LimitExceeded", "the quota"))
	require.False(t, again)
}

func TestExplainReadsTheTextOfAThrottle(t *testing.T) {
	for _, text := range []string{"LimitExceeded: " + probe.PerSecondZH, "cvm:LimitExceeded: " + probe.PerSecondEN} {
		e := tcretry.Explain(text)
		require.Equal(t, "LimitExceeded", e.Code)
		require.Equal(t, tcretry.Throttled, e.Class)
		require.Equal(t, "built in, message of LimitExceeded", e.Rule)
		require.Contains(t, e.Retry, "at the learned rate limit")
		require.Contains(t, e.Reason, "per second")
	}
	require.Contains(t, tcretry.Explain("LimitExceeded").Reason, "per second", "says that the text decides")
	require.Equal(t, "InternalError", tcretry.Explain("InternalError: unexpected EOF").Code, "a code before a text that names a transport error")
	require.Equal(t, tcretry.Terminal, tcretry.Explain("LimitExceeded: the quota").Class)
	busy := tcretry.Policy{Codes: map[string]tcretry.Rule{"LimitExceeded": {Class: tcretry.Busy}}}
	require.Equal(t, `policy, rule "LimitExceeded"`, busy.Explain("LimitExceeded: "+probe.PerSecondEN).Rule)
}
