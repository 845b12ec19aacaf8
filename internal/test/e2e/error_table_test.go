package e2e_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tctest"
)

// ending is a row of the table "How a call ends" of the package's documentation:
// how the call ends, and what it returns.
type ending struct {
	how      string
	returns  string // "response", "*Error", or what stands in its place
	reason   tcretry.StopReason
	found    string // by errors.Is, as the table has it
	attempts int

	action string // DescribeInstances if empty
	base   http.RoundTripper
	opts   []tcretry.Option
	change func(*http.Request) *http.Request
	is     []error // found by errors.Is; of the sentinels no other one is
	quiet  bool    // the outcome is unknown, and the caller gets a response that does not say so
}

var errGone = errors.New("the user went away")

// failingThen fails an attempt, then every other one with another error.
func failingThen(first, then error) http.RoundTripper {
	failed := false
	return probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
		if failed {
			return nil, then
		}
		failed = true
		return nil, first
	})
}

// scripted is an API that gives a response to every attempt.
func scripted(a tctest.Reply) http.RoundTripper { return probe.Always(a) }

// unreplayable returns the request with a body that can be read once.
func unreplayable(req *http.Request) *http.Request {
	req.Body, req.GetBody = io.NopCloser(strings.NewReader("{}")), nil
	return req
}

// inContext changes the context of a request.
func inContext(change func(context.Context) context.Context) func(*http.Request) *http.Request {
	return func(req *http.Request) *http.Request { return req.WithContext(change(req.Context())) }
}

func endings() []ending {
	untrusted := &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	gone := func(d time.Duration) func(*http.Request) *http.Request {
		return inContext(func(ctx context.Context) context.Context {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(d, func() { cancel(errGone) })
			return ctx
		})
	}
	late := func(d time.Duration) func(*http.Request) *http.Request { return inContext(probe.Within(d)) }
	lost, refused, internal := scripted(tctest.DropAfterExecution()), probe.Failing(probe.RefusedConn), scripted(tctest.Fail("InternalError", ""))
	old := func(req *http.Request) *http.Request {
		req.Header.Set("X-TC-Timestamp", probe.Timestamp(time.Now().Add(-289*time.Second)))
		return req
	}
	return []ending{
		{how: "success", returns: "response", reason: tcretry.StopSuccess, attempts: 1, base: scripted(tctest.OK(nil))},
		{how: "terminal API error or HTTP status", returns: "response", reason: tcretry.StopTerminal, attempts: 1, base: scripted(tctest.Fail("AuthFailure", ""))},
		{how: "no more retries, and the last attempt had a response", returns: "response", reason: tcretry.StopMaxAttempts, attempts: 4, base: internal},
		{how: "5xx, 408 or 425 of a gateway, not idempotent", returns: "response", reason: tcretry.StopNotIdempotent, attempts: 1, action: "RunInstances", base: scripted(tctest.GatewayError(502)), quiet: true},
		{how: "body of the response cut short", returns: "response, cut short", reason: tcretry.StopNotIdempotent, attempts: 1, action: "RunInstances", base: scripted(tctest.Truncate(20, tctest.OK(nil))), quiet: true},
		{how: "connection lost after it was sent, not idempotent", returns: "*Error", reason: tcretry.StopNotIdempotent, found: "ErrOutcomeUnknown", attempts: 1, action: "RunInstances", base: lost, is: []error{io.EOF, tcretry.ErrOutcomeUnknown}},
		{how: "connection lost after it was sent, no more retries", returns: "*Error", reason: tcretry.StopMaxAttempts, found: "ErrOutcomeUnknown", attempts: 4, base: lost, is: []error{io.EOF, tcretry.ErrOutcomeUnknown}},
		{how: "WithAttemptTimeout, not idempotent", returns: "*Error", reason: tcretry.StopNotIdempotent, found: "ErrOutcomeUnknown, context.DeadlineExceeded", attempts: 1, action: "RunInstances", base: probe.Hanging(), opts: []tcretry.Option{tcretry.WithAttemptTimeout(time.Second)}, is: []error{tcretry.ErrOutcomeUnknown, context.DeadlineExceeded}},
		{how: "never sent (DNS, connect, TLS), no more retries", returns: "*Error", reason: tcretry.StopMaxAttempts, attempts: 4, action: "RunInstances", base: refused, is: []error{probe.RefusedConn}},
		{how: "not sent and no retry can help, at the first attempt", returns: "the error unchanged", reason: tcretry.StopTerminal, attempts: 1, base: probe.Failing(untrusted), is: []error{untrusted}},
		{how: "not sent and no retry can help, later", returns: "*Error", reason: tcretry.StopTerminal, attempts: 2, base: failingThen(probe.RefusedConn, untrusted), is: []error{untrusted}},
		{how: "body of the request not replayable", returns: "*Error", reason: tcretry.StopNotReplayable, attempts: 1, base: refused, opts: []tcretry.Option{tcretry.WithMaxReplayBytes(0)}, change: unreplayable, is: []error{probe.RefusedConn}},
		{how: "Policy.MaxElapsed", returns: "*Error", reason: tcretry.StopMaxElapsed, attempts: 1, base: refused, opts: []tcretry.Option{tcretry.WithPolicy(tcretry.Policy{MaxElapsed: 1})}, is: []error{probe.RefusedConn}},
		{how: "signature too old for a retry", returns: "*Error", reason: tcretry.StopSignatureExpired, attempts: 1, base: waitingThen(2*time.Second, probe.RefusedConn), change: old, is: []error{probe.RefusedConn}},
		{how: "retry budget exhausted", returns: "*Error", reason: tcretry.StopBudgetExhausted, attempts: 1, base: refused, opts: []tcretry.Option{tcretry.WithBudget(probe.NoBudget{})}, is: []error{probe.RefusedConn}},
		{how: "rate-limiter wait would exceed the deadline", returns: "*Error", reason: tcretry.StopDeadlineExceeded, found: "ratelimit.ErrTooLate, context.DeadlineExceeded", base: internal, opts: []tcretry.Option{tcretry.WithRateLimiter(limiterFunc(func(context.Context) error { return ratelimit.ErrTooLate }))}, change: late(time.Second), is: []error{ratelimit.ErrTooLate, context.DeadlineExceeded}},
		{how: "retry would start after the deadline", returns: "*Error", reason: tcretry.StopDeadlineExceeded, found: "context.DeadlineExceeded", attempts: 1, base: refused, change: late(time.Microsecond), is: []error{probe.RefusedConn, context.DeadlineExceeded}},
		{how: "deadline passes in an attempt", returns: "*Error", reason: tcretry.StopDeadlineExceeded, found: "context.DeadlineExceeded, ErrOutcomeUnknown", attempts: 1, base: probe.Hanging(), change: late(time.Second), is: []error{context.DeadlineExceeded, tcretry.ErrOutcomeUnknown}},
		{how: "http.Client.Timeout", returns: "*url.Error", reason: tcretry.StopDeadlineExceeded, found: "context.DeadlineExceeded", attempts: 1, base: probe.Hanging(), is: []error{context.DeadlineExceeded}},
		{how: "canceled in an attempt", returns: "*Error", reason: tcretry.StopCanceled, found: "context.Canceled, the cause, ErrOutcomeUnknown", attempts: 1, base: probe.Hanging(), change: gone(time.Second), is: []error{context.Canceled, errGone, tcretry.ErrOutcomeUnknown}},
		{how: "canceled in a wait", returns: "*Error", reason: tcretry.StopCanceled, found: "context.Canceled, the cause", attempts: 1, base: internal, opts: []tcretry.Option{tcretry.WithPolicy(probe.Exact())}, change: gone(300 * time.Millisecond), is: []error{context.Canceled, errGone}},
		{how: "Request.Cancel", returns: "*Error", reason: tcretry.StopCanceled, found: "context.Canceled", attempts: 1, base: internal, opts: []tcretry.Option{tcretry.WithPolicy(probe.Exact())}, change: func(req *http.Request) *http.Request {
			canceled := make(chan struct{})
			time.AfterFunc(300*time.Millisecond, func() { close(canceled) })
			//lint:ignore SA1019 part of the contract as long as http.Request has it
			req.Cancel = canceled
			return req
		}, is: []error{context.Canceled}},
		{how: "ContextWithPolicy with an invalid policy", returns: "*Error", reason: tcretry.StopTerminal, base: internal, change: inContext(probe.WithInvalidPolicy)},
	}
}

// waitingThen is an underlying RoundTripper that takes its time to fail.
func waitingThen(d time.Duration, err error) http.RoundTripper {
	return probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
		time.Sleep(d)
		return nil, err
	})
}

// TestHowACallEnds: the table of the package's documentation is what calls return,
// row by row.
func TestHowACallEnds(t *testing.T) {
	doc, err := os.ReadFile("../../../doc.go")
	require.NoError(t, err)
	var table strings.Builder
	for _, row := range append([]ending{{how: "ending", returns: "returns", found: "errors.Is"}}, endings()...) {
		reason := "StopReason"
		if row.reason != 0 {
			reason = row.reason.String()
		}
		table.WriteString(strings.TrimRight(fmt.Sprintf("//\t%-53s %-20s %-17s %s", row.how, row.returns, reason, row.found), " ") + "\n")
	}
	require.Contains(t, string(doc), table.String(), "it should be:\n%s", &table)
	for _, row := range endings() {
		t.Run(row.how, func(t *testing.T) { synctest.Test(t, row.play) })
	}
}

// play makes the call of a row.
func (row ending) play(t *testing.T) {
	var events probe.Events
	req := probe.SDKRequest(t, cmp.Or(row.action, "DescribeInstances"), nil)
	if row.change != nil {
		req = row.change(req)
	}
	rt := http.RoundTripper(tcretry.New(row.base, append(row.opts, tcretry.WithHooks(events.Hooks()))...))
	send := rt.RoundTrip
	if strings.HasPrefix(row.returns, "*url.Error") {
		send = (&http.Client{Transport: rt, Timeout: time.Second}).Do
	}
	resp, err := send(req)

	done := events.Done[0]
	require.Equal(t, row.reason, done.Reason)
	require.Equal(t, row.attempts, done.Attempts)
	require.Equal(t, row.quiet || errors.Is(done.Err, tcretry.ErrOutcomeUnknown), done.OutcomeUnknown)
	if strings.HasPrefix(row.returns, "response") {
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return
	}
	require.Nil(t, resp)
	row.requireError(t, err, done)
}

// requireError checks the error of a call.
func (row ending) requireError(t *testing.T, err error, done tcretry.CallInfo) {
	for _, target := range row.is {
		require.ErrorIs(t, err, target)
	}
	if located := (*url.Error)(nil); errors.As(err, &located) {
		// http.Client keeps the text only, unless the context's timer was faster than
		// its own.
		require.True(t, located.Timeout())
		require.ErrorContains(t, err, done.Err.Error())
		return
	}
	for _, sentinel := range []error{tcretry.ErrOutcomeUnknown, context.Canceled, context.DeadlineExceeded, ratelimit.ErrTooLate} {
		require.Equal(t, errors.Is(errors.Join(row.is...), sentinel), errors.Is(err, sentinel), sentinel)
	}
	if row.returns == "the error unchanged" {
		require.Same(t, row.is[0], err)
		return
	}
	e, _ := err.(*tcretry.Error)
	require.NotNil(t, e)
	require.Equal(t, row.reason, e.Reason)
	require.Equal(t, row.attempts, e.Attempts)
	require.Contains(t, err.Error(), ": giving up after "+fmt.Sprint(row.attempts)+" attempt")
}
