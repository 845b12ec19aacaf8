package tcretry_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
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
		api.Script("RunInstances", tctest.Fail("InvalidParameter", "bad"), tctest.DropAfter())
		api.Script("StopInstances", tctest.Throttle(tctest.Numbers(21, 20)), tctest.OK(nil))
		rt := tcretry.New(api, tcretry.WithPolicy(exact()), tcretry.WithHooks(tcretry.LogHooks(logTo(&out, slog.LevelDebug))))
		for _, action := range []string{"DescribeInstances", "DescribeInstances", "RunInstances", "RunInstances", "StopInstances"} {
			_, _ = rt.RoundTrip(secretRequest(t, action))
		}
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
	require.Contains(t, out.String(), `answer.error="unexpected EOF"`)
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

func (slowBudget) Withdraw(context.Context, tcretry.Withdrawal) error {
	time.Sleep(400 * time.Millisecond)
	return nil
}

func TestLogHooksWarnOfACallThatRanOutOfTimeAndNotOfOneThatWasCanceled(t *testing.T) {
	hangs := roundTripperFunc(func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	})
	for line, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		`level=WARN msg="tcretry: call failed"`: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		},
		`level=INFO msg="tcretry: call canceled"`: func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			ctx, cancel := end(t.Context())
			defer cancel()
			rt := tcretry.New(hangs, tcretry.WithHooks(tcretry.LogHooks(logTo(&out, slog.LevelInfo))))
			_, err := rt.RoundTrip(sdkRequest(t, "DescribeInstances", nil).WithContext(ctx))
			require.Error(t, err)
			require.Contains(t, out.String(), line)
		})
	}
}

func TestLogHooksDoNotFlood(t *testing.T) {
	rows := []struct {
		name    string
		answers []tctest.Answer
		level   slog.Level
		line    string
	}{
		{"answered at once", []tctest.Answer{tctest.OK(nil)}, slog.LevelDebug, "call answered\""},
		{"answered after retries", []tctest.Answer{tctest.Fail("InternalError", ""), tctest.OK(nil)}, slog.LevelInfo, "call answered after retries"},
		{"refused for good", []tctest.Answer{tctest.Fail("InvalidParameter", "")}, slog.LevelInfo, "call refused"},
		{"out of attempts", slices.Repeat([]tctest.Answer{tctest.Fail("InternalError", "")}, 4), slog.LevelWarn, "call failed"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			for _, level := range []slog.Level{slog.LevelInfo, slog.LevelWarn} {
				synctest.Test(t, func(t *testing.T) {
					var out bytes.Buffer
					rt := tcretry.New(tctest.NewAPI(row.answers...), tcretry.WithHooks(tcretry.LogHooks(logTo(&out, level))))
					_, err := rt.RoundTrip(sdkRequest(t, "DescribeInstances", nil))
					require.NoError(t, err)
					if row.level < level {
						require.Empty(t, out.String())
						return
					}
					require.Equal(t, 1, strings.Count(out.String(), "\n"), out.String())
					require.Contains(t, out.String(), "level="+row.level.String())
					require.Contains(t, out.String(), row.line)
				})
			}
		})
	}
}

// hanging is a base that waits for the end of the call.
func hanging() http.RoundTripper {
	return roundTripperFunc(func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, context.Cause(req.Context())
	})
}

func within(d time.Duration) func(context.Context) context.Context {
	return func(ctx context.Context) context.Context {
		ctx, cancel := context.WithTimeout(ctx, d)
		context.AfterFunc(ctx, cancel)
		return ctx
	}
}

func withInvalidPolicy(ctx context.Context) context.Context {
	return tcretry.ContextWithPolicy(ctx, tcretry.Policy{MaxAttempts: -1})
}
