package tcretry_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/tctest"
)

// logTo returns a logger that writes to out from a level on, without times.
func logTo(out io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(groups) == 0 {
			return slog.Attr{}
		}
		return a
	}}))
}

func TestLogHooksWriteALineACallAndNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		api := tctest.NewAPI()
		api.Script("DescribeInstances", tctest.OK(nil), tctest.Fail("InternalError", "oh\x1b[31m no\n"), tctest.OK(nil))
		api.Script("RunInstances", tctest.Fail("InvalidParameter", "bad"), tctest.DropAfterExecution())
		api.Script("StopInstances", tctest.Throttle(tctest.WithCounts(21, 20)), tctest.OK(nil))
		rt := tcretry.New(api, tcretry.WithPolicy(exact()), tcretry.WithHooks(tcretry.LogHooks(logTo(&out, slog.LevelDebug))))
		for _, action := range []string{"DescribeInstances", "DescribeInstances", "RunInstances", "RunInstances", "StopInstances"} {
			_, _ = rt.RoundTrip(secretRequest(t, action))
		}
		api.Script("RebootInstances", tctest.Fail("ResourceInUse", "busy"))
		_, err := rt.RoundTrip(secretRequest(t, "RebootInstances").WithContext(canceledAfter(300 * time.Millisecond)(t.Context())))
		require.ErrorIs(t, err, context.Canceled)
		for _, secret := range secrets {
			require.NotContains(t, out.String(), secret)
		}
		require.NotContains(t, out.String(), "\x1b")
		requireGolden(t, "log.txt", out.String())
	})
}

func TestLogHooksLeaveOutTheAddressOfAnError(t *testing.T) {
	var out bytes.Buffer
	base := roundTripperFunc(func(req *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Get", URL: "https://cvm.tencentcloudapi.com/?SecretId=AKIDSECRET&Signature=SECRETSIG", Err: io.ErrUnexpectedEOF}
	})
	rt := tcretry.New(base, tcretry.WithHooks(tcretry.LogHooks(logTo(&out, slog.LevelDebug))))
	_, err := rt.RoundTrip(sdkRequest(t, "RunInstances", nil))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Contains(t, out.String(), `response.error="unexpected EOF"`)
	for _, secret := range secrets {
		require.NotContains(t, out.String(), secret)
	}
}

func TestLogHooksTellHowLongTheBudgetHeldARetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		rt := tcretry.New(tctest.NewAPI(tctest.Fail("InternalError", "")), tcretry.WithPolicy(exact()), tcretry.WithBudget(slowBudget{}),
			tcretry.WithHooks(tcretry.LogHooks(logTo(&out, slog.LevelDebug))))
		_, err := rt.RoundTrip(sdkRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		lines := strings.Split(out.String(), "\n")
		require.Contains(t, lines[1], "attempt.budget_wait=400ms")
		require.Contains(t, lines[2], "call.waited=1s call.budget_wait=400ms")
	})
}

// slowBudget holds every retry for a while.
type slowBudget struct{ noBudget }

func (slowBudget) Acquire(context.Context, budget.Request) error {
	time.Sleep(400 * time.Millisecond)
	return nil
}
