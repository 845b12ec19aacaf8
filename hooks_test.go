package tcretry_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tctest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// requireGolden compares text with a file in testdata.
func requireGolden(t *testing.T, file, text string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), text, "if this is meant: go test -run %s -update", t.Name())
}

func TestHooksTellOfEveryEventInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Script("RunInstances", tctest.Delay(50*time.Millisecond, tctest.Fail("InternalError.Db", "again,\nplease")), tctest.OK(nil))
		var order []string
		var told probe.Events
		note := tcretry.Hooks{
			AttemptDone:    func(context.Context, tcretry.AttemptInfo) { order = append(order, "attempt") },
			RetryScheduled: func(context.Context, tcretry.RetryInfo) { order = append(order, "retry") },
			CallDone:       func(context.Context, tcretry.CallInfo) { order = append(order, "done") },
		}
		rt := tcretry.New(api, tcretry.WithPolicy(probe.Exact()), tcretry.WithHooks(note), tcretry.WithHooks(told.Hooks()))
		start := time.Now()
		resp, err := rt.RoundTrip(probe.SDKRequest(t, "RunInstances", strings.NewReader(`{}`)))
		require.NoError(t, err)
		require.Equal(t, []string{"attempt", "retry", "attempt", "done"}, order)

		target := tcretry.Operation{
			Service: "cvm", Action: "RunInstances", Region: "ap-guangzhou", Host: "cvm.tencentcloudapi.com", Method: "POST",
		}
		failed := told.Attempts[0]
		require.NotEmpty(t, failed.RequestID)
		require.Positive(t, failed.Peeked)
		require.Equal(t, tcretry.AttemptInfo{
			Operation: target, Attempt: 1, Class: tcretry.Transient, Code: "InternalError.Db", Family: "InternalError",
			Message: `again, please`, RequestID: failed.RequestID, Status: 200,
			Start: start, Duration: 50 * time.Millisecond, Peeked: failed.Peeked,
			RateLimit: ratelimit.State{Host: "cvm.tencentcloudapi.com", Action: "RunInstances"},
		}, failed)
		require.Equal(t, tcretry.Success, told.Attempts[1].Class)
		require.Equal(t, start.Add(1050*time.Millisecond), told.Attempts[1].Start)
		require.Equal(t, []tcretry.RetryInfo{{
			Operation: target, Attempt: 1, Class: tcretry.Transient, Code: "InternalError.Db", Family: "InternalError",
			RequestID: failed.RequestID, Status: 200, Delay: time.Second,
		}}, told.Retries)
		require.Equal(t, []tcretry.CallInfo{{
			Operation: target, Attempts: 2, Class: tcretry.Success, Status: 200, Reason: tcretry.StopSuccess,
			Start: start, Duration: 1050 * time.Millisecond, Waited: time.Second,
		}}, told.Done)
		require.NoError(t, resp.Body.Close())
	})
}

func TestHooksRunInTheOrderOfTheirOptions(t *testing.T) {
	var order []string
	var opts []tcretry.Option
	for _, name := range []string{"first", "second", "third"} {
		opts = append(opts, tcretry.WithHooks(tcretry.Hooks{
			CallDone: func(context.Context, tcretry.CallInfo) { order = append(order, name) },
		}))
	}
	_, err := tcretry.New(tctest.NewAPI(), opts...).RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
	require.NoError(t, err)
	require.Equal(t, []string{"first", "second", "third"}, order)
}

func TestARetryTellsTheErrorThatItIsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told probe.Events
		rt := tcretry.New(tctest.NewAPI(tctest.DropAfterExecution()), tcretry.WithHooks(told.Hooks()))
		_, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		require.Len(t, told.Retries, 1)
		require.ErrorIs(t, told.Retries[0].Err, io.EOF)
		require.Zero(t, told.Retries[0].Status)
		require.Empty(t, told.Retries[0].Family)
	})
}

func TestAHookThatPanicsIsContained(t *testing.T) {
	api := tctest.NewAPI(tctest.Fail("InternalError", ""))
	var told probe.Events
	rt := tcretry.New(api, tcretry.WithHooks(tcretry.Hooks{
		AttemptDone:    func(context.Context, tcretry.AttemptInfo) { panic("in a hook") },
		RetryScheduled: func(context.Context, tcretry.RetryInfo) { panic("in a hook") },
		CallDone:       func(context.Context, tcretry.CallInfo) { panic("in a hook") },
	}), tcretry.WithHooks(told.Hooks()))
	_, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
	require.NoError(t, err)
	require.Len(t, told.Attempts, 2, "the other hooks run")
	require.Len(t, told.Retries, 1)
	require.Len(t, told.Done, 1)
}

func TestHooksGetTheContextOfTheCall(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "mine")
	var got []any
	rt := tcretry.New(tctest.NewAPI(), tcretry.WithHooks(tcretry.Hooks{
		AttemptDone: func(ctx context.Context, _ tcretry.AttemptInfo) { got = append(got, ctx.Value(key{})) },
		CallDone:    func(ctx context.Context, _ tcretry.CallInfo) { got = append(got, ctx.Value(key{})) },
	}))
	_, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil).WithContext(ctx))
	require.NoError(t, err)
	require.Equal(t, []any{"mine", "mine"}, got)
}

func TestCallDoneComesExactlyOnceForEveryReason(t *testing.T) {
	internal := tctest.Fail("InternalError", "")
	rows := map[tcretry.StopReason]struct {
		answer  tctest.Reply
		action  string
		policy  tcretry.Policy
		options []tcretry.Option
		change  func(*http.Request) *http.Request
	}{
		tcretry.StopSuccess:       {answer: tctest.OK(nil)},
		tcretry.StopTerminal:      {answer: tctest.Fail("AuthFailure", "")},
		tcretry.StopNotIdempotent: {answer: tctest.DropAfterExecution(), action: "RunInstances"},
		tcretry.StopNotReplayable: {answer: internal, options: []tcretry.Option{tcretry.WithMaxReplayBytes(0)}, change: func(r *http.Request) *http.Request {
			r.Body, r.GetBody = io.NopCloser(strings.NewReader("{}")), nil
			return r
		}},
		tcretry.StopMaxAttempts:       {answer: internal},
		tcretry.StopMaxElapsed:        {answer: internal, policy: tcretry.Policy{MaxElapsed: 1}},
		tcretry.StopRetryAfterTooLong: {answer: retryAfter("3600")},
		tcretry.StopDeadlineExceeded: {answer: retryAfter("20"), change: func(r *http.Request) *http.Request {
			ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
			context.AfterFunc(ctx, cancel)
			return r.WithContext(ctx)
		}},
		tcretry.StopSignatureExpired: {answer: retryAfter("20"), change: func(r *http.Request) *http.Request {
			r.Header.Set("X-TC-Timestamp", probe.Timestamp(time.Now().Add(-280*time.Second)))
			return r
		}},
		tcretry.StopBudgetExhausted: {answer: internal, options: []tcretry.Option{tcretry.WithBudget(probe.NoBudget{})}},
		tcretry.StopCanceled: {answer: internal, change: func(r *http.Request) *http.Request {
			ctx, cancel := context.WithCancel(r.Context())
			cancel()
			return r.WithContext(ctx)
		}},
	}
	require.Len(t, rows, 11)
	for reason, row := range rows {
		t.Run(reason.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told probe.Events
				opts := append(row.options, tcretry.WithHooks(told.Hooks()), tcretry.WithPolicy(row.policy))
				if row.action == "" {
					row.action = "DescribeInstances"
				}
				req := probe.SDKRequest(t, row.action, strings.NewReader("{}"))
				if row.change != nil {
					req = row.change(req)
				}
				resp, err := tcretry.New(probe.Always(row.answer), opts...).RoundTrip(req)
				require.True(t, (resp == nil) != (err == nil))
				require.Len(t, told.Done, 1)
				require.Equal(t, reason, told.Done[0].Reason)
				require.Equal(t, err, told.Done[0].Err)
				require.Len(t, told.Attempts, told.Done[0].Attempts)
				time.Sleep(time.Minute)
			})
		})
	}
}

func TestTheBudgetIsAskedForAmbiguousAndTransientRetriesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Script("DescribeInstances", tctest.Throttle(), tctest.Fail("ResourceInUse", ""), tctest.OK(nil))
		resp, err := tcretry.New(api, tcretry.WithBudget(probe.NoBudget{})).RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		require.NoError(t, tcretry.CheckResponse(resp))
		require.Len(t, api.Recorded(), 3)
	})
}

// countingBudget counts what it is told.
type countingBudget struct {
	probe.NoBudget
	records int
}

func (b *countingBudget) Record(budget.Report) { b.records++ }

func TestTheBudgetIsNotToldOfTheCallersMistakes(t *testing.T) {
	for name, row := range map[string]struct {
		err      error
		canceled bool
	}{
		"a terminal error": {err: errors.New(`unsupported protocol scheme "ftp"`)},
		"a canceled call":  {err: io.ErrUnexpectedEOF, canceled: true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			base := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
				if row.canceled {
					cancel()
				}
				return nil, row.err
			})
			budget := new(countingBudget)
			_, err := tcretry.New(base, tcretry.WithBudget(budget)).RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil).WithContext(ctx))
			require.ErrorIs(t, err, row.err)
			require.Zero(t, budget.records)
		})
	}
}

func TestWithoutBudgetRetriesGoOnInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := probe.Always(tctest.Fail("InternalError", ""))
		rt := tcretry.New(api, tcretry.WithoutBudget())
		for range 40 {
			_, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
			require.NoError(t, err)
		}
		require.Len(t, api.Recorded(), 160)
	})
}

// secrets are what must not be told.
var secrets = []string{"SECRETSIG", "SECRETTOKEN", "SECRETBODY", "AKIDSECRET"}

func secretRequest(t *testing.T, action string) *http.Request {
	req := probe.SDKRequest(t, action, strings.NewReader(`{"Password":"SECRETBODY"}`))
	req.Header.Set("Authorization", "TC3-HMAC-SHA256 Credential=AKIDSECRET/2026-11-23/cvm/tc3_request, SignedHeaders=host, Signature=SECRETSIG")
	req.Header.Set("X-TC-Token", "SECRETTOKEN")
	return req
}

func TestErrorsHoldNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New("lost") })
		_, err := tcretry.New(base).RoundTrip(secretRequest(t, "DescribeInstances"))
		for _, secret := range secrets {
			require.NotContains(t, err.Error(), secret)
		}
	})
}

// Whatever a hook prints of what it is told.
func TestHooksAreToldNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Script("DescribeInstances", tctest.Throttle(), tctest.Fail("InternalError", ""), tctest.DropAfterExecution(), tctest.OK(nil))
		var told probe.Events
		rt := tcretry.New(api, tcretry.WithPolicy(probe.Exact()), tcretry.WithHooks(told.Hooks()), tcretry.WithClientTokens())
		resp, err := rt.RoundTrip(secretRequest(t, "DescribeInstances"))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		v1, err := http.NewRequest(http.MethodGet, "https://cvm.tencentcloudapi.com/?Action=StopInstances&SecretId=AKIDSECRET&Token=SECRETTOKEN&Signature=SECRETSIG", nil)
		require.NoError(t, err)
		api.Script("StopInstances", tctest.RefuseConnection(), tctest.DropAfterExecution())
		_, err = rt.RoundTrip(v1)
		require.Error(t, err)

		text := fmt.Sprintf("%+v %+v %+v %#v", told.Attempts, told.Retries, told.Done, told)
		text += fmt.Sprintf("%v %+v %#v", err, err, errors.Unwrap(err))
		for _, secret := range secrets {
			require.NotContains(t, text, secret)
		}
	})
}
