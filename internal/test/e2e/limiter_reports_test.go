package e2e_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tctest"
)

// A gateway's response says nothing of the API's rate limit: neither that the request
// was admitted, nor that it was throttled.
func TestAResponseOfAGatewayReportsNothingToTheRateLimiter(t *testing.T) {
	const failed = `{"Response":{"Error":{"Code":"AuthFailure","Message":"m"},"RequestId":"r"}}`
	want := map[int]ratelimit.Verdict{
		200: ratelimit.Accepted, 302: ratelimit.Accepted, 400: ratelimit.Accepted, 403: ratelimit.Accepted, 404: ratelimit.Accepted,
		407: ratelimit.Accepted, 409: ratelimit.Accepted, 424: ratelimit.Accepted, 426: ratelimit.Accepted, 499: ratelimit.Accepted,
		408: ratelimit.Unknown, 425: ratelimit.Unknown, 429: ratelimit.Throttled, 500: ratelimit.Unknown, 501: ratelimit.Unknown,
		502: ratelimit.Unknown, 503: ratelimit.Unknown, 504: ratelimit.Unknown, 511: ratelimit.Unknown, 599: ratelimit.Unknown,
	}
	for status, verdict := range want {
		for body, verdict := range map[string]ratelimit.Verdict{"<html>": verdict, "": verdict, failed: ratelimit.Accepted} {
			if status == http.StatusTooManyRequests {
				verdict = ratelimit.Throttled // whatever it says
			}
			limiter := new(slots)
			rt := tcretry.New(tctest.NewAPI(tctest.Status(status, body)), tcretry.WithRateLimiter(limiter),
				tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 1}))
			resp, err := rt.RoundTrip(postTo(t, "cvm", "DescribeInstances", `{}`))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Len(t, limiter.results, 1)
			require.Equal(t, verdict, limiter.results[0].Verdict, "%d %s", status, body)
		}
	}
}

// A response without a body has nothing to be read for its connection's sake, so it is
// at hand when the slot of the next attempt comes too late.
func TestABadGatewayWithoutABodyIsReturnedWhenTheNextSlotComesTooLate(t *testing.T) {
	for name, body := range map[string]io.ReadCloser{"none": nil, "no body": http.NoBody, "short": io.NopCloser(strings.NewReader("bad"))} {
		synctest.Test(t, func(t *testing.T) {
			var o observed
			limiter := &slots{before: func(_ context.Context, attempt int) error {
				if attempt > 1 {
					return ratelimit.ErrTooLate
				}
				return nil
			}}
			base := baseFunc(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusBadGateway, Header: http.Header{}, Body: body}, nil
			})
			resp, err := tcretry.New(base, tcretry.WithRateLimiter(limiter), o.hooks()).RoundTrip(postTo(t, "cvm", "DescribeInstances", `{}`))
			require.NoError(t, err, name)
			require.Equal(t, http.StatusBadGateway, resp.StatusCode, name)
			if name != "short" {
				require.True(t, resp.Body == body, "%s: it is returned unchanged", name)
			}
			require.Equal(t, 2, limiter.waits, name)
			require.Equal(t, tcretry.StopMaxElapsed, o.done[0].Reason, name)
			require.Equal(t, 1, o.done[0].Attempts, name)
		})
	}
}

// An error of a limiter that nobody canceled is the error of the call.
func TestTheErrorOfALimiterIsReturned(t *testing.T) {
	broken := errors.New("the limiter is broken")
	for first, text := range []string{
		"tcretry: RunInstances: giving up after 0 attempts (canceled): the limiter is broken",
		"tcretry: RunInstances: giving up after 1 attempt (canceled): the limiter is broken",
	} {
		synctest.Test(t, func(t *testing.T) {
			limiter := &slots{before: func(_ context.Context, attempt int) error {
				if attempt > first {
					return broken
				}
				return nil
			}}
			api := tctest.NewAPI(tctest.Fail("ResourceInUse", ""))
			_, err := tcretry.New(api, tcretry.WithRateLimiter(limiter)).RoundTrip(postTo(t, "cvm", "RunInstances", `{}`))
			require.ErrorIs(t, err, broken)
			require.EqualError(t, err, text)
		})
	}
}

// However a wait for a slot ends, its time is reported.
func TestTheWaitOfACallThatGotNoSlotIsReported(t *testing.T) {
	const wait = 3 * time.Second
	gone := errors.New("the user went away")
	for name, row := range map[string]struct {
		attempt int // whose slot does not come
		end     func(cancel context.CancelCauseFunc) error
		reason  tcretry.StopReason
	}{
		"canceled at first": {1, func(cancel context.CancelCauseFunc) error { cancel(gone); return gone }, tcretry.StopCanceled},
		"canceled later":    {2, func(cancel context.CancelCauseFunc) error { cancel(gone); return gone }, tcretry.StopCanceled},
		"late at first":     {1, func(context.CancelCauseFunc) error { return ratelimit.ErrTooLate }, tcretry.StopMaxElapsed},
		"late later":        {2, func(context.CancelCauseFunc) error { return ratelimit.ErrTooLate }, tcretry.StopMaxElapsed},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			var o observed
			limiter := &slots{before: func(_ context.Context, attempt int) error {
				time.Sleep(wait)
				if attempt == row.attempt {
					return row.end(cancel)
				}
				return nil
			}}
			api := tctest.NewAPI(tctest.Fail("ResourceInUse", ""))
			resp, err := tcretry.New(api, tcretry.WithRateLimiter(limiter), o.hooks()).RoundTrip(postTo(t, "cvm", "RunInstances", `{}`).WithContext(ctx))
			if err == nil {
				require.NoError(t, resp.Body.Close())
			}
			require.Equal(t, row.reason, o.done[0].Reason, name)
			require.Equal(t, row.attempt-1, o.done[0].Attempts, name)
			all := time.Duration(row.attempt) * wait
			require.Equal(t, all, o.done[0].RateLimitWait, name)
			require.Equal(t, o.done[0].Duration, o.done[0].Waited, "%s: it did nothing but wait", name)
			require.GreaterOrEqual(t, o.done[0].Waited, all, name)
			if row.attempt > 1 {
				require.Equal(t, wait, o.attempts[0].RateLimitWait, name)
			}
		})
	}
}

// The adaptive rate limiter reports a wait in vain, too.
func TestTheWaitAtALearnedLimitIsReportedToo(t *testing.T) {
	const wait = 200 * time.Millisecond
	why := map[string]string{"by its context": "context canceled", "by its Cancel channel": "the request's Cancel channel was closed"}
	for name, end := range map[string]func(*http.Request) *http.Request{
		"by its context": func(req *http.Request) *http.Request {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(wait, cancel)
			return req.WithContext(ctx)
		},
		"by its Cancel channel": func(req *http.Request) *http.Request {
			stop := make(chan struct{})
			time.AfterFunc(wait, func() { close(stop) })
			//lint:ignore SA1019 http.Client.Timeout sets it
			req.Cancel = stop
			return req
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			limiter := new(ratelimit.Adaptive)
			key := limiter.ForKey(ratelimit.Key{Host: "cvm.tencentcloudapi.com", Action: "DescribeInstances"})
			for range 2 {
				require.NoError(t, key.Wait(t.Context(), ratelimit.WaitOptions{}))
			}
			key.Done(ratelimit.Result{Verdict: ratelimit.Accepted})
			key.Done(ratelimit.Result{Verdict: ratelimit.Throttled, Code: "RequestLimitExceeded", Count: 2, Limit: 1})
			var o observed
			rt := tcretry.New(tctest.NewAPI(), o.hooks(), tcretry.WithRateLimiter(limiter))
			_, err := rt.RoundTrip(end(postTo(t, "cvm", "DescribeInstances", `{}`)))
			require.EqualError(t, err, "tcretry: DescribeInstances: giving up after 0 attempts (canceled): "+why[name], "and no last error")
			require.Equal(t, tcretry.StopCanceled, o.done[0].Reason, name)
			require.Equal(t, wait, o.done[0].RateLimitWait, name)
			require.Equal(t, wait, o.done[0].Waited, name)
		})
	}
}
