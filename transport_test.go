package tcretry_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tctest"
)

// exact are delays without a random part, one second and doubling, for the codes
// that the rows below use.
func exact() tcretry.Policy {
	b := tcretry.Backoff{Initial: time.Second, Max: time.Minute, Multiplier: 2, Jitter: tcretry.NoJitter}
	return tcretry.Policy{Codes: map[string]tcretry.Rule{
		"RequestLimitExceeded": {Backoff: b}, "InternalError": {Backoff: b}, "ResourceInUse": {Backoff: b},
	}}
}

// with returns the exact policy, changed.
func with(change func(*tcretry.Policy)) *tcretry.Policy {
	p := exact()
	change(&p)
	return &p
}

// told is what the hooks of one call were told.
type told struct {
	attempts []tcretry.AttemptInfo
	retries  []tcretry.RetryInfo
	done     []tcretry.CallInfo
}

func (t *told) hooks() tcretry.Hooks {
	return tcretry.Hooks{
		AttemptDone:    func(_ context.Context, i tcretry.AttemptInfo) { t.attempts = append(t.attempts, i) },
		RetryScheduled: func(_ context.Context, i tcretry.RetryInfo) { t.retries = append(t.retries, i) },
		CallDone:       func(_ context.Context, i tcretry.CallInfo) { t.done = append(t.done, i) },
	}
}

func (t *told) delays() []time.Duration {
	var delays []time.Duration
	for _, r := range t.retries {
		delays = append(delays, r.Delay)
	}
	return delays
}

// retryAfter is a throttled answer that asks for a wait.
func retryAfter(value string) tctest.Answer {
	return tctest.Header("Retry-After", value, tctest.Status(http.StatusTooManyRequests, "slow down"))
}

// TestTransport is the specification: what the answers of the API lead to.
func TestTransport(t *testing.T) {
	const s = time.Second
	ok := tctest.OK(nil)
	fail := func(code string) tctest.Answer { return tctest.Fail(code, "for the test") }
	internal, throttled, busy := fail("InternalError"), tctest.Throttle(), fail("ResourceInUse")
	page := tctest.Gateway(http.StatusBadGateway)

	rows := []struct {
		name     string
		action   string // DescribeInstances if empty
		answers  []tctest.Answer
		policy   *tcretry.Policy // exact() if nil
		deadline time.Duration
		attempts int
		delays   []time.Duration
		reason   tcretry.StopReason
		code     string // of the response; "" is a success
		status   int    // of the response; 200 if zero, -1 for an error
	}{
		{name: "a success is handed on", answers: []tctest.Answer{ok}, attempts: 1, reason: tcretry.StopAnswered},
		{
			name: "an InternalError passes", answers: []tctest.Answer{internal, ok},
			attempts: 2, delays: []time.Duration{s}, reason: tcretry.StopAnswered,
		},
		{
			name: "delays double", answers: []tctest.Answer{internal, internal, internal, ok},
			attempts: 4, delays: []time.Duration{s, 2 * s, 4 * s}, reason: tcretry.StopAnswered,
		},
		{
			name: "a write is repeated after an answer that says it failed", action: "RunInstances",
			answers:  []tctest.Answer{throttled, internal, busy, ok},
			attempts: 4, delays: []time.Duration{s, s, s}, reason: tcretry.StopAnswered,
		},
		{
			name: "each class has its own sequence of delays",
			answers: []tctest.Answer{
				internal, busy, internal, busy, throttled, ok,
			},
			policy:   with(func(p *tcretry.Policy) { p.MaxAttempts = 6 }),
			attempts: 6, delays: []time.Duration{s, s, 2 * s, 2 * s, s}, reason: tcretry.StopAnswered,
		},
		{
			name:    "the last answer is returned when attempts run out",
			answers: []tctest.Answer{internal, internal, internal, busy}, attempts: 4,
			delays: []time.Duration{s, 2 * s, 4 * s}, reason: tcretry.StopAttempts, code: "ResourceInUse",
		},
		{
			name: "one attempt is no retry", answers: []tctest.Answer{internal},
			policy:   with(func(p *tcretry.Policy) { p.MaxAttempts = 1 }),
			attempts: 1, reason: tcretry.StopAttempts, code: "InternalError",
		},
		{
			name: "one attempt is none for a throttle either", answers: []tctest.Answer{throttled},
			policy:   with(func(p *tcretry.Policy) { p.MaxAttempts = 1 }),
			attempts: 1, reason: tcretry.StopAttempts, code: "RequestLimitExceeded",
		},
		{
			name: "a terminal code ends the call", answers: []tctest.Answer{internal, fail("InvalidParameter")},
			attempts: 2, delays: []time.Duration{s}, reason: tcretry.StopTerminal, code: "InvalidParameter",
		},
		{
			name: "an unknown code is terminal", answers: []tctest.Answer{fail("NeverHeardOf.It")},
			attempts: 1, reason: tcretry.StopTerminal, code: "NeverHeardOf.It",
		},
		{
			name: "a failed task is not a failed call", answers: []tctest.Answer{tctest.FailTask("InternalError", "no", map[string]any{"Status": 3})},
			attempts: 1, reason: tcretry.StopTerminal, code: "InternalError",
		},
		{
			name: "no attempt starts later than MaxElapsed", answers: []tctest.Answer{internal, internal, internal},
			policy:   with(func(p *tcretry.Policy) { p.MaxElapsed = 6 * s }),
			attempts: 3, delays: []time.Duration{s, 2 * s}, reason: tcretry.StopElapsed, code: "InternalError",
		},
		{
			name: "our delays are cut to MaxDelay", answers: []tctest.Answer{internal, internal, internal, ok},
			policy:   with(func(p *tcretry.Policy) { p.MaxDelay = 1500 * time.Millisecond }),
			attempts: 4, delays: []time.Duration{s, 1500 * time.Millisecond, 1500 * time.Millisecond}, reason: tcretry.StopAnswered,
		},
		{
			name: "a server's delay is kept", answers: []tctest.Answer{retryAfter("7"), ok},
			attempts: 2, delays: []time.Duration{7 * s}, reason: tcretry.StopAnswered,
		},
		{
			name: "above MaxDelay it ends the call", answers: []tctest.Answer{retryAfter("31"), ok},
			attempts: 1, reason: tcretry.StopDelay, status: 429,
		},
		{
			name: "however absurd it is", answers: []tctest.Answer{retryAfter("99999999999999999999999"), ok},
			attempts: 1, reason: tcretry.StopDelay, status: 429,
		},
		{
			name: "a deadline that the next attempt cannot meet ends the call now", answers: []tctest.Answer{internal, internal},
			deadline: 2500 * time.Millisecond,
			attempts: 2, delays: []time.Duration{s}, reason: tcretry.StopDeadline, code: "InternalError",
		},
		{
			name: "a gateway's page may hide an execution: reads are repeated", answers: []tctest.Answer{page, ok},
			attempts: 2, delays: nil, reason: tcretry.StopAnswered,
		},
		{
			name: "a gateway's page may hide an execution: writes are not", action: "RunInstances", answers: []tctest.Answer{page, ok},
			attempts: 1, reason: tcretry.StopNotIdempotent, status: 502,
		},
		{
			name: "a lost connection may hide an execution: reads are repeated", answers: []tctest.Answer{tctest.DropAfter(), ok},
			attempts: 2, reason: tcretry.StopAnswered,
		},
		{
			name: "a lost connection may hide an execution: writes are not", action: "RunInstances", answers: []tctest.Answer{tctest.DropAfter(), ok},
			attempts: 1, reason: tcretry.StopNotIdempotent, status: -1,
		},
		{
			name: "a refused connection hides none", action: "RunInstances", answers: []tctest.Answer{tctest.Refuse(), ok},
			attempts: 2, reason: tcretry.StopAnswered,
		},
		{
			name: "a client error without an envelope is terminal", answers: []tctest.Answer{tctest.Status(414, "<html>414</html>")},
			attempts: 1, reason: tcretry.StopTerminal, status: 414,
		},
		{
			name: "a status of 501 is terminal", answers: []tctest.Answer{tctest.Status(501, "")},
			attempts: 1, reason: tcretry.StopTerminal, status: 501,
		},
		{
			name: "an envelope says more than the status", answers: []tctest.Answer{
				tctest.Header("Content-Type", "application/json",
					tctest.Status(503, `{"Response":{"Error":{"Code":"AuthFailure","Message":""},"RequestId":"r"}}`)),
			},
			attempts: 1, reason: tcretry.StopTerminal, status: 503, code: "AuthFailure",
		},
		{
			name: "the 2.0 envelope's quota passes", answers: []tctest.Answer{
				tctest.RawBody("application/json", []byte(`{"code":4400,"message":"quota","codeDesc":"SomeQuota"}`)), ok,
			},
			attempts: 2, reason: tcretry.StopAnswered,
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if row.action == "" {
					row.action = "DescribeInstances"
				}
				policy := exact()
				if row.policy != nil {
					policy = *row.policy
				}
				api := tctest.NewAPI()
				api.Script(row.action, row.answers...)
				var told told
				rt := tcretry.New(api, tcretry.WithPolicy(policy), tcretry.WithHooks(told.hooks()), tcretry.WithoutPacer())
				req := sdkRequest(t, row.action, strings.NewReader(`{}`))
				if row.deadline > 0 {
					ctx, cancel := context.WithTimeout(req.Context(), row.deadline)
					defer cancel()
					req = req.WithContext(ctx)
				}
				start := time.Now()
				resp, err := rt.RoundTrip(req)

				require.Len(t, told.attempts, row.attempts)
				require.Len(t, told.done, 1)
				require.Equal(t, row.reason, told.done[0].Reason)
				require.Equal(t, row.attempts, told.done[0].Attempts)
				require.Len(t, told.retries, row.attempts-1)
				var waited time.Duration
				for _, d := range told.delays() {
					waited += d
				}
				require.Equal(t, waited, time.Since(start), "the call took what the delays say, and no more")
				require.Equal(t, waited, told.done[0].Waited)
				if row.delays != nil {
					require.Equal(t, row.delays, told.delays())
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
				requireCode(t, row.code, tcretry.CheckResponse(resp))
				require.NoError(t, resp.Body.Close())
			})
		})
	}
}

func requireCode(t *testing.T, code string, err error) {
	t.Helper()
	var envelope *tcretry.Envelope
	if code == "" {
		require.NoError(t, err)
		return
	}
	require.ErrorAs(t, err, &envelope)
	require.Equal(t, code, envelope.Code)
}

func TestTheZeroTransportIsReadyToUse(t *testing.T) {
	api := tctest.NewAPI()
	api.Script("DescribeInstances", tctest.Fail("InternalError", ""))
	srv := api.Start(t)
	req := sdkRequest(t, "DescribeInstances", strings.NewReader(`{}`))
	req.URL.Scheme, req.URL.Host = "http", strings.TrimPrefix(srv.URL, "http://")
	resp, err := (&http.Client{Transport: new(tcretry.Transport)}).Do(req)
	require.NoError(t, err)
	require.NoError(t, tcretry.CheckResponse(resp))
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Len(t, api.Calls(), 2)
}

func TestOptionsReportEveryMistakeAtOnce(t *testing.T) {
	_, err := tcretry.NewTransport(nil,
		nil, tcretry.WithPeekLimit(0), tcretry.WithReplayLimit(-1), tcretry.WithAttemptTimeout(-time.Second),
		tcretry.WithClassifier(nil), tcretry.WithIdempotent(nil), tcretry.WithBudget(nil), tcretry.WithPacer(nil),
		tcretry.WithBudget(&tcretry.TokenBudget{Capacity: -1}),
		tcretry.WithPolicy(tcretry.Policy{MaxAttempts: -1, MaxDelay: -1}))
	var all interface{ Unwrap() []error }
	require.ErrorAs(t, err, &all)
	var options []string
	for _, mistake := range all.Unwrap() {
		var o *tcretry.OptionError
		require.ErrorAs(t, mistake, &o)
		require.Contains(t, o.Error(), "tcretry: ")
		options = append(options, o.Option)
	}
	require.Equal(t, []string{
		"Option", "WithPeekLimit", "WithReplayLimit", "WithAttemptTimeout", "WithClassifier",
		"WithIdempotent", "WithBudget", "WithPacer", "WithBudget", "WithPolicy",
	}, options)
	require.EqualError(t, all.Unwrap()[1], "tcretry: WithPeekLimit(0): it must be at least 1")
	require.EqualError(t, all.Unwrap()[9], "tcretry: WithPolicy: policy: MaxAttempts: -1: want 0, which means the default, or more\n"+
		"tcretry: WithPolicy: policy: MaxDelay: -1ns: want 0, which means the default, or more")
}

func TestAVariableThatWasNeverSetIsAMistake(t *testing.T) {
	var budget *tcretry.TokenBudget
	var pacer *tcretry.AdaptivePacer
	var classify tcretry.ClassifierFunc
	for want, option := range map[string]tcretry.Option{
		"tcretry: WithBudget(<nil>): it is nil: WithoutBudget turns it off": tcretry.WithBudget(budget),
		"tcretry: WithPacer(<nil>): it is nil: WithoutPacer turns it off":   tcretry.WithPacer(pacer),
		"tcretry: WithClassifier(<nil>): it is nil":                         tcretry.WithClassifier(classify),
	} {
		_, err := tcretry.NewTransport(nil, option)
		require.EqualError(t, err, want)
	}
}

func TestNewPanicsWithWhatNewTransportReturns(t *testing.T) {
	_, err := tcretry.NewTransport(nil, tcretry.WithPeekLimit(-1))
	require.PanicsWithError(t, err.Error(), func() { tcretry.New(nil, tcretry.WithPeekLimit(-1)) })
}

func TestCancellationDuringADelayReturnsAtOnceWithTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Script("DescribeInstances", tctest.Fail("InternalError", ""))
		var told told
		rt := tcretry.New(api, tcretry.WithPolicy(exact()), tcretry.WithHooks(told.hooks()))
		cause := errors.New("the user went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		start := time.Now()
		time.AfterFunc(300*time.Millisecond, func() { cancel(cause) })
		resp, err := rt.RoundTrip(sdkRequest(t, "DescribeInstances", nil).WithContext(ctx))
		require.Nil(t, resp)
		require.ErrorIs(t, err, cause)
		require.EqualError(t, err, "tcretry: DescribeInstances ended (canceled) after 1 attempt: the user went away")
		require.Equal(t, 300*time.Millisecond, time.Since(start))
		require.Equal(t, tcretry.StopCanceled, told.done[0].Reason)
		require.Equal(t, err, told.done[0].Err)
	})
}

func TestCancellationDuringADelayAfterAnErrorTellsTheCauseToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("the user went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		rt := tcretry.New(always(tctest.Refuse()), tcretry.WithHooks(tcretry.Hooks{
			RetryScheduled: func(context.Context, tcretry.RetryInfo) { cancel(cause) },
		}))
		_, err := rt.RoundTrip(sdkRequest(t, "DescribeInstances", nil).WithContext(ctx))
		require.Equal(t, &tcretry.Error{Reason: tcretry.StopCanceled, Attempts: 1, Action: "DescribeInstances", Err: cause}, err)
	})
}

func TestTheRequestsCancelChannelEndsADelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cancel := make(chan struct{})
		time.AfterFunc(300*time.Millisecond, func() { close(cancel) })
		req := sdkRequest(t, "DescribeInstances", nil)
		//lint:ignore SA1019 part of the contract as long as http.Request has it
		req.Cancel = cancel
		start := time.Now()
		resp, err := tcretry.New(always(tctest.Fail("InternalError", "")), tcretry.WithPolicy(exact())).RoundTrip(req)
		require.Nil(t, resp)
		require.ErrorContains(t, err, "Cancel channel was closed")
		require.Equal(t, 300*time.Millisecond, time.Since(start))
	})
}

// waitingBudget holds every retry for an hour.
type waitingBudget struct{}

func (waitingBudget) Record(string, bool) {}

func (waitingBudget) Withdraw(ctx context.Context, _ tcretry.Withdrawal) error {
	return hourPacer(ctx)
}

func hourPacer(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(time.Hour):
		return nil
	}
}

func TestTheRequestsCancelChannelEndsEveryWait(t *testing.T) {
	for name, option := range map[string]tcretry.Option{
		"for the pace":   tcretry.WithPacer(pacerFunc(hourPacer)),
		"for the budget": tcretry.WithBudget(waitingBudget{}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cancel := make(chan struct{})
				time.AfterFunc(300*time.Millisecond, func() { close(cancel) })
				req := sdkRequest(t, "DescribeInstances", nil)
				//lint:ignore SA1019 part of the contract as long as http.Request has it
				req.Cancel = cancel
				var told told
				start := time.Now()
				resp, err := tcretry.New(always(tctest.Fail("InternalError", "")), option, tcretry.WithHooks(told.hooks())).RoundTrip(req)
				require.Nil(t, resp)
				require.ErrorContains(t, err, "Cancel channel was closed")
				require.Equal(t, 300*time.Millisecond, time.Since(start))
				require.Equal(t, tcretry.StopCanceled, told.done[0].Reason)
			})
		})
	}
}

func TestACallThatIsCanceledDuringItsAttemptSchedulesNoRetry(t *testing.T) {
	for name, cancels := range map[string]func(*http.Request) (*http.Request, func()){
		"by its context": func(req *http.Request) (*http.Request, func()) {
			ctx, cancel := context.WithCancel(req.Context())
			return req.WithContext(ctx), cancel
		},
		"by its channel": func(req *http.Request) (*http.Request, func()) {
			canceled := make(chan struct{})
			//lint:ignore SA1019 part of the contract as long as http.Request has it
			req.Cancel = canceled
			return req, func() { close(canceled) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			req, cancel := cancels(sdkRequest(t, "DescribeInstances", nil))
			base := roundTripperFunc(func(*http.Request) (*http.Response, error) {
				cancel()
				return nil, io.ErrUnexpectedEOF
			})
			var told told
			_, err := tcretry.New(base, tcretry.WithHooks(told.hooks())).RoundTrip(req)
			require.Equal(t, io.ErrUnexpectedEOF, err)
			require.Empty(t, told.retries)
			require.Equal(t, tcretry.StopCanceled, told.done[0].Reason)
		})
	}
}

func TestTheErrorOfTheOnlyAttemptIsReturnedAsItCame(t *testing.T) {
	failure := errors.New("no such luck")
	base := roundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, failure })
	_, err := tcretry.New(base).RoundTrip(sdkRequest(t, "RunInstances", nil))
	require.Same(t, failure, err)
}

func TestTheErrorAfterRetriesSaysHowManyThereWere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := roundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })
		_, err := tcretry.New(base).RoundTrip(sdkRequest(t, "DescribeInstances", nil))
		var e *tcretry.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, tcretry.Error{
			Reason: tcretry.StopAttempts, Attempts: 4, Action: "DescribeInstances", Err: io.ErrUnexpectedEOF,
		}, *e)
		require.EqualError(t, err, "tcretry: DescribeInstances ended (attempts) after 4 attempts: unexpected EOF")
	})
}

// The base's error is no time-out, and yet it was time that ended the call.
func TestTheErrorOfACallThatItsDeadlineEndedIsATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		api := tctest.NewAPI()
		api.Script("DescribeInstances", tctest.Fail("InternalError", ""), tctest.Delay(time.Second-1, tctest.DropAfter()))
		b := tcretry.Backoff{Initial: time.Second, Max: time.Second, Jitter: tcretry.NoJitter}
		rt := tcretry.New(api, tcretry.WithPolicy(tcretry.Policy{Codes: map[string]tcretry.Rule{"InternalError": {Backoff: b}}}))
		_, err := rt.RoundTrip(sdkRequest(t, "DescribeInstances", nil).WithContext(ctx))
		var e *tcretry.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, tcretry.StopDeadline, e.Reason)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.True(t, e.Timeout())
		require.ErrorIs(t, err, io.EOF)
	})
}

func TestABaseThatReturnsNothingIsAnError(t *testing.T) {
	base := roundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, nil })
	resp, err := tcretry.New(base).RoundTrip(sdkRequest(t, "RunInstances", nil))
	require.Nil(t, resp)
	require.EqualError(t, err, "tcretry: the base returned neither a response nor an error")
}

func TestASignatureIsNotSentOnceItIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := always(tctest.Fail("InternalError", ""))
		var told told
		minute := tcretry.Backoff{Initial: time.Minute, Max: time.Minute, Jitter: tcretry.NoJitter}
		rt := tcretry.New(api, tcretry.WithHooks(told.hooks()), tcretry.WithPolicy(tcretry.Policy{
			MaxAttempts: 100, MaxElapsed: time.Hour, MaxDelay: time.Hour,
			Codes: map[string]tcretry.Rule{"InternalError": {Backoff: minute}},
		}))
		req := sdkRequest(t, "DescribeInstances", nil)
		req.Header.Set("X-TC-Timestamp", timestamp(time.Now()))
		resp, err := rt.RoundTrip(req)
		require.NoError(t, err)
		requireCode(t, "InternalError", tcretry.CheckResponse(resp))
		require.Equal(t, tcretry.StopSignature, told.done[0].Reason)
		require.Equal(t, 5, told.done[0].Attempts, "the last one after 240 s; the next would be at 300 s")
	})
}

func TestASignatureIsSentUntilTenSecondsBeforeItsEnd(t *testing.T) {
	for age, reason := range map[time.Duration]tcretry.StopReason{
		290 * time.Second: tcretry.StopAnswered,
		291 * time.Second: tcretry.StopSignature,
	} {
		synctest.Test(t, func(t *testing.T) {
			api := tctest.NewAPI()
			api.Script("DescribeInstances", tctest.Fail("InternalError", ""), tctest.OK(nil))
			var told told
			rt := tcretry.New(api, tcretry.WithHooks(told.hooks()), tcretry.WithPolicy(exact()))
			req := sdkRequest(t, "DescribeInstances", nil)
			req.Header.Set("X-TC-Timestamp", timestamp(time.Now().Add(time.Second-age)))
			resp, err := rt.RoundTrip(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, reason, told.done[0].Reason, "the retry would be sent at %v", age)
		})
	}
}

func TestTheDefaultLimitsAreTheOnesThatAreStated(t *testing.T) {
	// An answer of 64 KiB is looked at, one byte more is an answer.
	for size, reason := range map[int]tcretry.StopReason{64 << 10: tcretry.StopTerminal, 64<<10 + 1: tcretry.StopAnswered} {
		var told told
		answer := failure("AuthFailure", strings.Repeat("m", size-len(failure("AuthFailure", "", ""))), "")
		api := always(tctest.RawBody("application/json", []byte(answer)))
		resp, err := tcretry.New(api, tcretry.WithHooks(told.hooks())).RoundTrip(sdkRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		require.EqualValues(t, size, resp.ContentLength)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, reason, told.done[0].Reason)
	}
	// A body of 10 MiB is kept for the next attempt, one byte more is not.
	for size, reason := range map[int]tcretry.StopReason{10 << 20: tcretry.StopAttempts, 10<<20 + 1: tcretry.StopNotReplayable} {
		for _, known := range []bool{true, false} {
			var told told
			base := roundTripperFunc(func(req *http.Request) (*http.Response, error) {
				_, err := io.Copy(io.Discard, req.Body)
				require.NoError(t, err)
				require.NoError(t, req.Body.Close())
				return &http.Response{StatusCode: http.StatusOK, ContentLength: -1, Body: io.NopCloser(strings.NewReader(failure("InternalError", "", "")))}, nil
			})
			req := sdkRequest(t, "DescribeInstances", io.NopCloser(bytes.NewReader(make([]byte, size))))
			if known {
				req.ContentLength = int64(size)
			}
			resp, err := tcretry.New(base, tcretry.WithHooks(told.hooks()), tcretry.WithPolicy(hasty(2))).RoundTrip(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, reason, told.done[0].Reason)
		}
	}
}

func TestThePolicyOfOneCallReplacesTheTransports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := always(tctest.Fail("InternalError", ""))
		rt := tcretry.New(api, tcretry.WithPolicy(exact()))
		ctx := tcretry.ContextWithPolicy(t.Context(), tcretry.Policy{MaxAttempts: 2})
		_, err := rt.RoundTrip(sdkRequest(t, "DescribeInstances", nil).WithContext(ctx))
		require.NoError(t, err)
		require.Len(t, api.Calls(), 2)
	})
}

func TestACallWithAnInvalidPolicyMakesNoAttempt(t *testing.T) {
	api := tctest.NewAPI()
	var told told
	rt := tcretry.New(api, tcretry.WithHooks(told.hooks()))
	bad := tcretry.Policy{MaxAttempts: -3}
	body := &closeCounter{Reader: strings.NewReader("{}")}
	req := sdkRequest(t, "DescribeInstances", body).WithContext(tcretry.ContextWithPolicy(t.Context(), bad))
	_, err := rt.RoundTrip(req)
	require.EqualError(t, err, "tcretry: DescribeInstances ended (terminal) after 0 attempts: policy: MaxAttempts: -3: want 0, which means the default, or more")
	require.Empty(t, api.Calls())
	require.Equal(t, 1, body.closed)
	require.Equal(t, tcretry.StopTerminal, told.done[0].Reason)
	require.Error(t, rt.SetPolicy(bad))
}

func TestAttemptTimeoutEndsOneAttemptOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Script("DescribeInstances", tctest.Delay(time.Hour, tctest.OK(nil)), tctest.OK(nil))
		var told told
		rt := tcretry.New(api, tcretry.WithAttemptTimeout(3*time.Second), tcretry.WithHooks(told.hooks()))
		resp, err := rt.RoundTrip(sdkRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		require.ErrorIs(t, told.attempts[0].Err, context.DeadlineExceeded)
		require.Equal(t, tcretry.Ambiguous, told.attempts[0].Class)
		require.Equal(t, 3*time.Second, told.attempts[0].Duration)
		time.Sleep(time.Hour)
		require.NoError(t, tcretry.CheckResponse(resp), "the body is still readable")
	})
}

func TestAnAttemptThatTimesOutIsNotRepeatedForAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Script("RunInstances", tctest.Delay(time.Hour, tctest.OK(nil)))
		rt := tcretry.New(api, tcretry.WithAttemptTimeout(3*time.Second))
		_, err := rt.RoundTrip(sdkRequest(t, "RunInstances", nil))
		require.EqualError(t, err, "tcretry: the attempt's time is over (WithAttemptTimeout)")
		var timeout interface{ Timeout() bool }
		require.ErrorAs(t, err, &timeout)
		require.True(t, timeout.Timeout())
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

// closeCounter is a body that counts how often it is closed.
type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error {
	c.closed++
	return nil
}

func timestamp(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
