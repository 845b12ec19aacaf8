package tcretry_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

// with returns the exact policy, changed.
func with(change func(*tcretry.Policy)) *tcretry.Policy {
	p := probe.Exact()
	change(&p)
	return &p
}

// retryAfter is a throttled answer that asks for a wait.
func retryAfter(value string) tctest.Reply {
	return tctest.Header("Retry-After", value, tctest.Status(http.StatusTooManyRequests, "slow down"))
}

// TestTransport is the specification: what the answers of the API lead to.
func TestTransport(t *testing.T) {
	const s = time.Second
	ok := tctest.OK(nil)
	fail := func(code string) tctest.Reply { return tctest.Fail(code, "for the test") }
	internal, throttled, busy := fail("InternalError"), tctest.Throttle(), fail("ResourceInUse")
	page := tctest.GatewayError(http.StatusBadGateway)

	rows := []struct {
		name     string
		action   string // DescribeInstances if empty
		answers  []tctest.Reply
		policy   *tcretry.Policy // exact() if nil
		deadline time.Duration
		attempts int
		delays   []time.Duration
		reason   tcretry.StopReason
		code     string // of the response; "" is a success
		status   int    // of the response; 200 if zero, -1 for an error
	}{
		{name: "a success is handed on", answers: []tctest.Reply{ok}, attempts: 1, reason: tcretry.StopSuccess},
		{
			name: "an InternalError passes", answers: []tctest.Reply{internal, ok},
			attempts: 2, delays: []time.Duration{s}, reason: tcretry.StopSuccess,
		},
		{
			name: "delays double", answers: []tctest.Reply{internal, internal, internal, ok},
			attempts: 4, delays: []time.Duration{s, 2 * s, 4 * s}, reason: tcretry.StopSuccess,
		},
		{
			name: "a write is repeated after an answer that says it failed", action: "RunInstances",
			answers:  []tctest.Reply{throttled, internal, busy, ok},
			attempts: 4, delays: []time.Duration{s, s, s}, reason: tcretry.StopSuccess,
		},
		{
			name: "each class has its own sequence of delays",
			answers: []tctest.Reply{
				internal, busy, internal, busy, throttled, ok,
			},
			policy:   with(func(p *tcretry.Policy) { p.MaxAttempts = 6 }),
			attempts: 6, delays: []time.Duration{s, s, 2 * s, 2 * s, s}, reason: tcretry.StopSuccess,
		},
		{
			name:    "the last answer is returned when attempts run out",
			answers: []tctest.Reply{internal, internal, internal, busy}, attempts: 4,
			delays: []time.Duration{s, 2 * s, 4 * s}, reason: tcretry.StopMaxAttempts, code: "ResourceInUse",
		},
		{
			name: "one attempt is no retry", answers: []tctest.Reply{internal},
			policy:   with(func(p *tcretry.Policy) { p.MaxAttempts = 1 }),
			attempts: 1, reason: tcretry.StopMaxAttempts, code: "InternalError",
		},
		{
			name: "one attempt is none for a throttle either", answers: []tctest.Reply{throttled},
			policy:   with(func(p *tcretry.Policy) { p.MaxAttempts = 1 }),
			attempts: 1, reason: tcretry.StopMaxAttempts, code: "RequestLimitExceeded",
		},
		{
			name: "a terminal code ends the call", answers: []tctest.Reply{internal, fail("InvalidParameter")},
			attempts: 2, delays: []time.Duration{s}, reason: tcretry.StopTerminal, code: "InvalidParameter",
		},
		{
			name: "an unknown code is terminal", answers: []tctest.Reply{fail("NeverHeardOf.It")},
			attempts: 1, reason: tcretry.StopTerminal, code: "NeverHeardOf.It",
		},
		{
			name: "a failed task is not a failed call", answers: []tctest.Reply{tctest.FailTask("InternalError", "no", map[string]any{"Status": 3})},
			attempts: 1, reason: tcretry.StopTerminal, code: "InternalError",
		},
		{
			name: "no attempt starts later than MaxElapsed", answers: []tctest.Reply{internal, internal, internal},
			policy:   with(func(p *tcretry.Policy) { p.MaxElapsed = 6 * s }),
			attempts: 3, delays: []time.Duration{s, 2 * s}, reason: tcretry.StopMaxElapsed, code: "InternalError",
		},
		{
			name: "our delays are cut to MaxDelay", answers: []tctest.Reply{internal, internal, internal, ok},
			policy:   with(func(p *tcretry.Policy) { p.MaxDelay = 1500 * time.Millisecond }),
			attempts: 4, delays: []time.Duration{s, 1500 * time.Millisecond, 1500 * time.Millisecond}, reason: tcretry.StopSuccess,
		},
		{
			name: "a server's delay is kept", answers: []tctest.Reply{retryAfter("7"), ok},
			attempts: 2, delays: []time.Duration{7 * s}, reason: tcretry.StopSuccess,
		},
		{
			name: "above MaxDelay it ends the call", answers: []tctest.Reply{retryAfter("31"), ok},
			attempts: 1, reason: tcretry.StopRetryAfterTooLong, status: 429,
		},
		{
			name: "however absurd it is", answers: []tctest.Reply{retryAfter("99999999999999999999999"), ok},
			attempts: 1, reason: tcretry.StopRetryAfterTooLong, status: 429,
		},
		{
			name: "a deadline that the next attempt cannot meet ends the call now", answers: []tctest.Reply{internal, internal},
			deadline: 2500 * time.Millisecond,
			attempts: 2, delays: []time.Duration{s}, reason: tcretry.StopDeadlineExceeded, code: "InternalError",
		},
		{
			name: "a gateway's page may hide an execution: reads are repeated", answers: []tctest.Reply{page, ok},
			attempts: 2, delays: nil, reason: tcretry.StopSuccess,
		},
		{
			name: "a gateway's page may hide an execution: writes are not", action: "RunInstances", answers: []tctest.Reply{page, ok},
			attempts: 1, reason: tcretry.StopNotIdempotent, status: 502,
		},
		{
			name: "a lost connection may hide an execution: reads are repeated", answers: []tctest.Reply{tctest.DropAfterExecution(), ok},
			attempts: 2, reason: tcretry.StopSuccess,
		},
		{
			name: "a lost connection may hide an execution: writes are not", action: "RunInstances", answers: []tctest.Reply{tctest.DropAfterExecution(), ok},
			attempts: 1, reason: tcretry.StopNotIdempotent, status: -1,
		},
		{
			name: "a refused connection hides none", action: "RunInstances", answers: []tctest.Reply{tctest.RefuseConnection(), ok},
			attempts: 2, reason: tcretry.StopSuccess,
		},
		{
			name: "a client error without an envelope is terminal", answers: []tctest.Reply{tctest.Status(414, "<html>414</html>")},
			attempts: 1, reason: tcretry.StopTerminal, status: 414,
		},
		{
			name: "a status of 501 is terminal", answers: []tctest.Reply{tctest.Status(501, "")},
			attempts: 1, reason: tcretry.StopTerminal, status: 501,
		},
		{
			name: "an envelope says more than the status", answers: []tctest.Reply{
				tctest.Header("Content-Type", "application/json",
					tctest.Status(503, `{"Response":{"Error":{"Code":"AuthFailure","Message":""},"RequestId":"r"}}`)),
			},
			attempts: 1, reason: tcretry.StopTerminal, status: 503, code: "AuthFailure",
		},
		{
			name: "the 2.0 envelope's quota passes", answers: []tctest.Reply{
				tctest.RawBody("application/json", []byte(`{"code":4400,"message":"quota","codeDesc":"SomeQuota"}`)), ok,
			},
			attempts: 2, reason: tcretry.StopSuccess,
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if row.action == "" {
					row.action = "DescribeInstances"
				}
				policy := probe.Exact()
				if row.policy != nil {
					policy = *row.policy
				}
				api := tctest.NewAPI()
				api.Script(row.action, row.answers...)
				var told probe.Events
				rt := tcretry.New(api, tcretry.WithPolicy(policy), tcretry.WithHooks(told.Hooks()), tcretry.WithoutRateLimiter())
				req := probe.SDKRequest(t, row.action, strings.NewReader(`{}`))
				if row.deadline > 0 {
					ctx, cancel := context.WithTimeout(req.Context(), row.deadline)
					defer cancel()
					req = req.WithContext(ctx)
				}
				start := time.Now()
				resp, err := rt.RoundTrip(req)

				require.Len(t, told.Attempts, row.attempts)
				require.Len(t, told.Done, 1)
				require.Equal(t, row.reason, told.Done[0].Reason)
				require.Equal(t, row.attempts, told.Done[0].Attempts)
				require.Len(t, told.Retries, row.attempts-1)
				var waited time.Duration
				for _, d := range told.Delays() {
					waited += d
				}
				require.Equal(t, waited, time.Since(start), "the call took what the delays say, and no more")
				require.Equal(t, waited, told.Done[0].Waited)
				if row.delays != nil {
					require.Equal(t, row.delays, told.Delays())
				}
				if row.status == -1 {
					require.Error(t, err)
					return
				}
				require.NoError(t, err)
				if row.status == 0 {
					row.status = http.StatusOK
				}
				require.Equal(t, row.status, resp.StatusCode)
				probe.RequireCode(t, row.code, tcretry.CheckResponse(resp))
				require.NoError(t, resp.Body.Close())
			})
		})
	}
}

func TestTheZeroTransportIsReadyToUse(t *testing.T) {
	api := tctest.NewAPI()
	api.Script("DescribeInstances", tctest.Fail("InternalError", ""))
	srv := api.Start(t)
	req := probe.SDKRequest(t, "DescribeInstances", strings.NewReader(`{}`))
	req.URL.Scheme, req.URL.Host = "http", strings.TrimPrefix(srv.URL, "http://")
	resp, err := (&http.Client{Transport: new(tcretry.Transport)}).Do(req)
	require.NoError(t, err)
	require.NoError(t, tcretry.CheckResponse(resp))
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Len(t, api.Recorded(), 2)
}

func TestTheErrorAfterRetriesSaysHowManyThereWere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })
		_, err := tcretry.New(base).RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
		var e *tcretry.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, tcretry.Error{
			Reason: tcretry.StopMaxAttempts, Attempts: 4, Action: "DescribeInstances", OutcomeUnknown: true, Err: io.ErrUnexpectedEOF,
		}, *e)
		require.EqualError(t, err, "tcretry: DescribeInstances: giving up after 4 attempts (max_attempts): unexpected EOF")
	})
}

// The base's error is no time-out, and yet it was time that ended the call.
func TestTheErrorOfACallThatItsDeadlineEndedIsATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		api := tctest.NewAPI()
		api.Script("DescribeInstances", tctest.Fail("InternalError", ""), tctest.Delay(time.Second-1, tctest.DropAfterExecution()))
		b := tcretry.Backoff{Initial: time.Second, Max: time.Second, Jitter: tcretry.NoJitter}
		rt := tcretry.New(api, tcretry.WithPolicy(tcretry.Policy{Codes: map[string]tcretry.Rule{"InternalError": {Backoff: b}}}))
		_, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil).WithContext(ctx))
		var e *tcretry.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, tcretry.StopDeadlineExceeded, e.Reason)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.True(t, e.Timeout())
		require.ErrorIs(t, err, io.EOF)
	})
}

func TestABaseThatReturnsNothingIsAnError(t *testing.T) {
	base := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, nil })
	resp, err := tcretry.New(base).RoundTrip(probe.SDKRequest(t, "RunInstances", nil))
	require.Nil(t, resp)
	require.EqualError(t, err, "tcretry: RunInstances: giving up after 1 attempt (not_idempotent): "+
		"the underlying RoundTripper returned neither a response nor an error; outcome unknown: the request may have been executed")
}
