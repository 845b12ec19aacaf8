package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
)

// earlyTaskFailure is a body whose error stands in front of much data.
func earlyTaskFailure() string {
	return fmt.Sprintf(`{"Response":{"Status":"FAILED","Error":{"Code":"InternalError","Message":"m"},"Text":%q}}`, strings.Repeat("x", 5000))
}

// attemptsOf returns how many attempts a call makes whose responses have this status and
// whose bodies end with err.
func attemptsOf(t *testing.T, status int, err error, opts ...tcretry.Option) (n int) {
	synctest.Test(t, func(t *testing.T) {
		base := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
			n++
			// The last bytes come together with the error, as io.Reader permits.
			body := iotest.DataErrReader(io.MultiReader(strings.NewReader(earlyTaskFailure()), iotest.ErrReader(err)))
			return &http.Response{StatusCode: status, Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(body)}, nil
		})
		resp, err := tcretry.New(base, opts...).RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	})
	return n
}

// The status and the end of the body decide about a response without an API error: that
// of a task must be found there, whether somebody observes or not.
func TestHooksDoNotDecideWhetherTheFailureOfATaskIsRetried(t *testing.T) {
	for _, status := range []int{http.StatusOK, http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError} {
		for _, end := range []error{io.EOF, io.ErrUnexpectedEOF} {
			require.Equal(t, 1, attemptsOf(t, status, end, tcretry.WithHooks(new(probe.Events).Hooks())), "%d, %v", status, end)
			require.Equal(t, 1, attemptsOf(t, status, end), "%d, %v", status, end)
		}
	}
}

// observedTask makes a call whose response has the failure of a task at its beginning.
func observedTask(t *testing.T, opt tcretry.Option) {
	base := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
		body := io.NopCloser(strings.NewReader(earlyTaskFailure()))
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: -1, Body: body}, nil
	})
	probe.RoundTrip(t, tcretry.New(base, opt), probe.SDKRequest(t, "DescribeInstances", nil))
}

func TestAHookReportsTheFailureOfATaskWhicheverOthersAreSet(t *testing.T) {
	for set := range 8 {
		var attempts, calls []tcretry.Class
		var hooks tcretry.Hooks
		if set&1 != 0 {
			hooks.AttemptDone = func(_ context.Context, i tcretry.AttemptInfo) { attempts = append(attempts, i.Class) }
		}
		if set&2 != 0 {
			hooks.RetryScheduled = func(context.Context, tcretry.RetryInfo) {}
		}
		if set&4 != 0 {
			hooks.CallDone = func(_ context.Context, i tcretry.CallInfo) { calls = append(calls, i.Class) }
		}
		observedTask(t, tcretry.WithHooks(hooks))
		require.Equal(t, set&1 != 0, slices.Equal(attempts, []tcretry.Class{tcretry.Terminal}), set)
		require.Equal(t, set&4 != 0, slices.Equal(calls, []tcretry.Class{tcretry.Terminal}), set)
	}
}

func TestAClassifierReceivesTheFailureOfATaskWithoutAnyHook(t *testing.T) {
	var seen tcretry.Outcome
	observedTask(t, tcretry.WithClassifier(tcretry.ClassifierFunc(func(o tcretry.Outcome) tcretry.Class {
		seen = o
		return tcretry.Undecided
	})))
	require.True(t, seen.TaskFailure)
	probe.RequireCode(t, "InternalError", seen.APIError)
}
