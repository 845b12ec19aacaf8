package e2e_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

func TestCancellationDuringABackoffReturnsImmediatelyWithTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Script("DescribeInstances", tctest.Fail("InternalError", ""))
		var events probe.Events
		rt := tcretry.New(api, tcretry.WithPolicy(probe.Exact()), tcretry.WithHooks(events.Hooks()))
		cause := errors.New("the user went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		start := time.Now()
		time.AfterFunc(300*time.Millisecond, func() { cancel(cause) })
		resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil).WithContext(ctx))
		require.Nil(t, resp)
		require.ErrorIs(t, err, cause)
		require.EqualError(t, err, "tcretry: DescribeInstances: giving up after 1 attempt (canceled): the user went away")
		require.Equal(t, 300*time.Millisecond, time.Since(start))
		require.Equal(t, tcretry.StopCanceled, events.Done[0].Reason)
		require.Equal(t, err, events.Done[0].Err)
	})
}

func TestCancellationDuringABackoffAfterAnErrorReportsBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("the user went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		rt := tcretry.New(probe.Always(tctest.RefuseConnection()), tcretry.WithHooks(tcretry.Hooks{
			RetryScheduled: func(context.Context, tcretry.RetryInfo) { cancel(cause) },
		}))
		_, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil).WithContext(ctx))
		var e *tcretry.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, &tcretry.Error{
			Reason: tcretry.StopCanceled, Attempts: 1, Action: "DescribeInstances", Err: cause, LastErr: e.LastErr,
		}, e)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.Regexp(t, `^tcretry: DescribeInstances: giving up after 1 attempt \(canceled\): the user went away; last error: .*connection refused$`, err.Error())
	})
}

func TestTheRequestsCancelChannelEndsADelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cancel := make(chan struct{})
		time.AfterFunc(300*time.Millisecond, func() { close(cancel) })
		req := probe.SDKRequest(t, "DescribeInstances", nil)
		//lint:ignore SA1019 part of the contract as long as http.Request has it
		req.Cancel = cancel
		start := time.Now()
		resp, err := tcretry.New(probe.Always(tctest.Fail("InternalError", "")), tcretry.WithPolicy(probe.Exact())).RoundTrip(req)
		require.Nil(t, resp)
		require.ErrorContains(t, err, "Cancel channel was closed")
		require.Equal(t, 300*time.Millisecond, time.Since(start))
	})
}

// waitingBudget holds every retry for an hour.
type waitingBudget struct{}

func (waitingBudget) Record(budget.Report) {}

func (waitingBudget) Acquire(ctx context.Context, _ budget.Request) error {
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
		"for the pace":   tcretry.WithRateLimiter(limiterFunc(hourPacer)),
		"for the budget": tcretry.WithBudget(waitingBudget{}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cancel := make(chan struct{})
				time.AfterFunc(300*time.Millisecond, func() { close(cancel) })
				req := probe.SDKRequest(t, "DescribeInstances", nil)
				//lint:ignore SA1019 part of the contract as long as http.Request has it
				req.Cancel = cancel
				var events probe.Events
				start := time.Now()
				resp, err := tcretry.New(probe.Always(tctest.Fail("InternalError", "")), option, tcretry.WithHooks(events.Hooks())).RoundTrip(req)
				require.Nil(t, resp)
				require.ErrorContains(t, err, "Cancel channel was closed")
				require.Equal(t, 300*time.Millisecond, time.Since(start))
				require.Equal(t, tcretry.StopCanceled, events.Done[0].Reason)
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
			req, cancel := cancels(probe.SDKRequest(t, "DescribeInstances", nil))
			base := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
				cancel()
				return nil, io.ErrUnexpectedEOF
			})
			var events probe.Events
			_, err := tcretry.New(base, tcretry.WithHooks(events.Hooks())).RoundTrip(req)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.ErrorIs(t, err, context.Canceled)
			require.Empty(t, events.Retries)
			require.Equal(t, tcretry.StopCanceled, events.Done[0].Reason)
		})
	}
}
