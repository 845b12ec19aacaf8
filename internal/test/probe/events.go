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

// Events records the events of calls. It is for one goroutine.
type Events struct {
	Attempts []tcretry.AttemptInfo
	Retries  []tcretry.RetryInfo
	Done     []tcretry.CallInfo
}

// Hooks returns hooks that record.
func (e *Events) Hooks() tcretry.Hooks {
	return tcretry.Hooks{
		AttemptDone:    func(_ context.Context, i tcretry.AttemptInfo) { e.Attempts = append(e.Attempts, i) },
		RetryScheduled: func(_ context.Context, i tcretry.RetryInfo) { e.Retries = append(e.Retries, i) },
		CallDone:       func(_ context.Context, i tcretry.CallInfo) { e.Done = append(e.Done, i) },
	}
}

// Delays returns the delays of the retries.
func (e *Events) Delays() []time.Duration {
	var delays []time.Duration
	for _, r := range e.Retries {
		delays = append(delays, r.Delay)
	}
	return delays
}

// Exact is a policy with delays without jitter for the three retried families: one
// second, doubling.
func Exact() tcretry.Policy {
	b := tcretry.Backoff{Initial: time.Second, Max: time.Minute, Multiplier: 2, Jitter: tcretry.NoJitter}
	return tcretry.Policy{Codes: map[string]tcretry.Rule{
		"RequestLimitExceeded": {Backoff: b}, "InternalError": {Backoff: b}, "ResourceInUse": {Backoff: b},
	}}
}

// Quick is a policy with delays of a nanosecond for the three retried families, and of a
// millisecond at most for what has no code.
func Quick() tcretry.Policy {
	b := tcretry.Backoff{Initial: 1, Max: 1, Multiplier: 1, Jitter: tcretry.NoJitter}
	return tcretry.Policy{MaxDelay: time.Millisecond, Codes: map[string]tcretry.Rule{
		"RequestLimitExceeded": {Backoff: b}, "InternalError": {Backoff: b}, "ResourceInUse": {Backoff: b},
	}}
}

// Every is a backoff whose delays are all d.
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

// RequirePrintable requires that s has at most limit bytes, all of printable characters
// or of those in others.
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

// Judged returns a response and whether CheckRetry retries it. The body of the response
// has been read, as a retryablehttp.Client leaves it before it computes the delay.
func Judged(t *testing.T, action string, reply tctest.Reply) (*http.Response, bool) {
	t.Helper()
	resp, err := Always(reply).RoundTrip(SDKRequest(t, action, nil))
	require.NoError(t, err)
	retry, err := tcretry.CheckRetry(nil)(t.Context(), resp, nil)
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp, retry
}

// CallOf makes one call of a read-only action and returns its events.
func CallOf(t *testing.T, p tcretry.Policy, api *tctest.API, opts ...tcretry.Option) Events {
	t.Helper()
	var events Events
	rt := tcretry.New(api, append(opts, tcretry.WithPolicy(p), tcretry.WithHooks(events.Hooks()))...)
	_, err := rt.RoundTrip(SDKRequest(t, "DescribeInstances", strings.NewReader("{}")))
	require.NoError(t, err)
	return events
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

// Hanging is an underlying RoundTripper that waits for the end of the call.
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
