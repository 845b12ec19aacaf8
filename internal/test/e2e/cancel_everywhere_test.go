package e2e_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

// stage is where a call that is ended after 300 ms is then.
type stage struct {
	base    http.RoundTripper
	options []tcretry.Option
}

func stages() map[string]stage {
	fails := func() http.RoundTripper { return probe.Always(tctest.Fail("InternalError", "")) }
	stops := func(after int) tcretry.Option { // the rate limiter, after some attempts
		turns := 0
		return tcretry.WithRateLimiter(limiterFunc(func(ctx context.Context) error {
			if turns++; turns <= after {
				return nil
			}
			return hourPacer(ctx)
		}))
	}
	own := tcretry.WithRateLimiter(limiterFunc(func(ctx context.Context) error {
		<-ctx.Done()
		return errors.New("a rate limiter's error of its own")
	}))
	canceled := probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		select {
		case <-req.Context().Done():
		//lint:ignore SA1019 part of the contract as long as http.Request has it
		case <-req.Cancel:
		}
		return nil, io.ErrUnexpectedEOF
	})
	return map[string]stage{
		"the first wait for the rate limiter":  {fails(), []tcretry.Option{stops(0)}},
		"the second wait for the rate limiter": {fails(), []tcretry.Option{stops(1), tcretry.WithPolicy(probe.Quick())}},
		"a rate limiter with its own errors":   {fails(), []tcretry.Option{own}},
		"an attempt":                           {canceled, nil},
		"a backoff":                            {fails(), []tcretry.Option{tcretry.WithPolicy(probe.Exact())}},
		"the second wait after an error":       {probe.Failing(probe.RefusedConn), []tcretry.Option{stops(1)}},
		"a wait for the budget":                {fails(), []tcretry.Option{tcretry.WithBudget(waitingBudget{})}},
		"a wait for the budget after an error": {probe.Failing(probe.RefusedConn), []tcretry.Option{tcretry.WithBudget(waitingBudget{})}},
	}
}

// TestWhereverACallIsCanceledItsErrorIsTheCause: by a context with and without a
// cause, by its deadline, by Request.Cancel and by http.Client.Timeout.
func TestWhereverACallIsCanceledItsErrorIsTheCause(t *testing.T) {
	gone := errors.New("the user went away")
	const at = 300 * time.Millisecond
	type change func(*http.Request) (*http.Request, context.CancelFunc)
	with := func(make func(context.Context) (context.Context, context.CancelFunc)) change {
		return func(req *http.Request) (*http.Request, context.CancelFunc) {
			ctx, cancel := make(req.Context())
			return req.WithContext(ctx), cancel
		}
	}
	for name, row := range map[string]struct {
		change change
		reason tcretry.StopReason
		is     []error
	}{
		"canceled": {with(func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(at, cancel)
			return ctx, cancel
		}), tcretry.StopCanceled, []error{context.Canceled}},
		"canceled with a cause": {with(func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(at, func() { cancel(gone) })
			return ctx, func() { cancel(nil) }
		}), tcretry.StopCanceled, []error{context.Canceled, gone}},
		"a deadline": {with(func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, at)
		}), tcretry.StopDeadlineExceeded, []error{context.DeadlineExceeded}},
		"a deadline with a cause": {with(func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeoutCause(ctx, at, gone)
		}), tcretry.StopDeadlineExceeded, []error{context.DeadlineExceeded, gone}},
		"Request.Cancel": {func(req *http.Request) (*http.Request, context.CancelFunc) {
			canceled := make(chan struct{})
			time.AfterFunc(at, func() { close(canceled) })
			//lint:ignore SA1019 part of the contract as long as http.Request has it
			req.Cancel = canceled
			return req, func() {}
		}, tcretry.StopCanceled, []error{context.Canceled}},
	} {
		for where := range stages() {
			t.Run(name+" in "+where, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					stage := stages()[where]
					var events probe.Events
					rt := tcretry.New(stage.base, append(stage.options, tcretry.WithHooks(events.Hooks()))...)
					req, cancel := row.change(probe.SDKRequest(t, "DescribeInstances", nil))
					defer cancel()
					start := time.Now()
					resp, err := rt.RoundTrip(req)
					if resp != nil { // decided before the wait: it could not have ended in time
						require.Equal(t, tcretry.StopDeadlineExceeded, events.Done[0].Reason)
						return
					}
					require.LessOrEqual(t, time.Since(start), at)
					require.Equal(t, row.reason, events.Done[0].Reason)
					for _, target := range row.is {
						require.ErrorIs(t, err, target)
					}
					require.Equal(t, row.reason == tcretry.StopDeadlineExceeded, err.(interface{ Timeout() bool }).Timeout())
				})
			})
		}
	}
}

// http.Client ends a call by its context's deadline and by Request.Cancel at once.
func TestTheClientsTimeoutIsATimeoutWhereverItFindsTheCall(t *testing.T) {
	for where := range stages() {
		t.Run(where, func(t *testing.T) {
			for range 20 { // whichever of the two is seen first
				synctest.Test(t, func(t *testing.T) {
					stage := stages()[where]
					var events probe.Events
					rt := tcretry.New(stage.base, append(stage.options, tcretry.WithHooks(events.Hooks()))...)
					resp, err := (&http.Client{Transport: rt, Timeout: 300 * time.Millisecond}).Do(probe.SDKRequest(t, "DescribeInstances", nil))
					require.Equal(t, tcretry.StopDeadlineExceeded, events.Done[0].Reason)
					if err == nil {
						require.NoError(t, resp.Body.Close())
						return
					}
					require.True(t, err.(interface{ Timeout() bool }).Timeout())
					require.ErrorIs(t, err, context.DeadlineExceeded)
				})
			}
		})
	}
}
