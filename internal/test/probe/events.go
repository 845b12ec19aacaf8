package probe

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tctest"
)

// Events records the events of calls.
type Events struct {
	Attempts []tcretry.AttemptInfo
	Retries  []tcretry.RetryInfo
	Done     []tcretry.CallInfo
}

// Hooks returns hooks that record.
func (t *Events) Hooks() tcretry.Hooks {
	return tcretry.Hooks{
		AttemptDone:    func(_ context.Context, i tcretry.AttemptInfo) { t.Attempts = append(t.Attempts, i) },
		RetryScheduled: func(_ context.Context, i tcretry.RetryInfo) { t.Retries = append(t.Retries, i) },
		CallDone:       func(_ context.Context, i tcretry.CallInfo) { t.Done = append(t.Done, i) },
	}
}

// Delays returns the delays of the retries.
func (t *Events) Delays() []time.Duration {
	var delays []time.Duration
	for _, r := range t.Retries {
		delays = append(delays, r.Delay)
	}
	return delays
}

// Exact are delays without a random part, one second and doubling, for the codes
// that the rows below use.
func Exact() tcretry.Policy {
	b := tcretry.Backoff{Initial: time.Second, Max: time.Minute, Multiplier: 2, Jitter: tcretry.NoJitter}
	return tcretry.Policy{Codes: map[string]tcretry.Rule{
		"RequestLimitExceeded": {Backoff: b}, "InternalError": {Backoff: b}, "ResourceInUse": {Backoff: b},
	}}
}

// Quick are delays of a nanosecond for the three families.
func Quick() tcretry.Policy {
	b := tcretry.Backoff{Initial: 1, Max: 1, Multiplier: 1, Jitter: tcretry.NoJitter}
	return tcretry.Policy{Codes: map[string]tcretry.Rule{
		"RequestLimitExceeded": {Backoff: b}, "InternalError": {Backoff: b}, "ResourceInUse": {Backoff: b},
	}}
}

// Every is a sequence of delays that are all d.
func Every(d time.Duration) tcretry.Backoff {
	return tcretry.Backoff{Initial: d, Max: d, Jitter: tcretry.NoJitter}
}

// RequireCode requires that err is an API error with a code; "" requires none.
func RequireCode(t *testing.T, code string, err error) {
	t.Helper()
	var envelope *tcretry.APIError
	if code == "" {
		require.NoError(t, err)
		return
	}
	require.ErrorAs(t, err, &envelope)
	require.Equal(t, code, envelope.Code)
}

// RequirePrintable requires that s has at most limit bytes, all of characters that
// print or are among others.
func RequirePrintable(tb testing.TB, s string, limit int, others string) {
	tb.Helper()
	require.LessOrEqual(tb, len(s), limit)
	require.True(tb, utf8.ValidString(s))
	for _, r := range s {
		if !unicode.IsPrint(r) && !strings.ContainsRune(others, r) {
			require.Failf(tb, "not printable", "%U in %q", r, s)
		}
	}
}

// Judged is what a client is told to do about an answer, and the answer with its
// body read, as the client leaves it before it asks for the delay.
func Judged(t *testing.T, action string, answer tctest.Reply) (*http.Response, bool) {
	t.Helper()
	resp, err := Always(answer).RoundTrip(SDKRequest(t, action, nil))
	require.NoError(t, err)
	again, err := tcretry.CheckRetry(nil)(t.Context(), resp, nil)
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp, again
}

// CallOf makes one call that reads, and returns what the hooks were told.
func CallOf(t *testing.T, p tcretry.Policy, api *tctest.API, opts ...tcretry.Option) Events {
	t.Helper()
	var told Events
	rt := tcretry.New(api, append(opts, tcretry.WithPolicy(p), tcretry.WithHooks(told.Hooks()))...)
	_, err := rt.RoundTrip(SDKRequest(t, "DescribeInstances", strings.NewReader("{}")))
	require.NoError(t, err)
	return told
}

// APIRequest is a POST of a JSON body to a service of the API.
func APIRequest(t testing.TB, service, action, body string) *http.Request {
	req, err := http.NewRequest(http.MethodPost, "https://"+service+".tencentcloudapi.com/", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	if action != "" {
		req.Header.Set("X-TC-Action", action)
	}
	return req
}

// Hanging is a base that waits for the end of the call.
func Hanging() http.RoundTripper {
	return RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, context.Cause(req.Context())
	})
}

// WithInvalidPolicy returns a context with a policy that is not valid.
func WithInvalidPolicy(ctx context.Context) context.Context {
	return tcretry.ContextWithPolicy(ctx, tcretry.Policy{MaxAttempts: -1})
}

// Within returns a function that gives a context a deadline.
func Within(d time.Duration) func(context.Context) context.Context {
	return func(ctx context.Context) context.Context {
		ctx, cancel := context.WithTimeout(ctx, d)
		context.AfterFunc(ctx, cancel)
		return ctx
	}
}

// CanceledAfter returns a function that gives a context a time after which it is
// canceled.
func CanceledAfter(d time.Duration) func(context.Context) context.Context {
	return func(ctx context.Context) context.Context {
		ctx, cancel := context.WithCancelCause(ctx)
		time.AfterFunc(d, func() { cancel(errors.New("the user went away")) })
		return ctx
	}
}

// The texts of the API's limit per second, as public logs have them.
const (
	PerSecondZH = "您当前每秒请求 `6` 次，超过了每秒频率上限 `5`，请稍后重试。"
	PerSecondEN = "Your current request times equals to `6` in a second, which exceeds the frequency limit `5` for a second. Please reduce the frequency of calls."
)
