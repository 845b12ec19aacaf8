package tcretry_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
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
	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/internal/test/probe"
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
		rt := tcretry.New(api, tcretry.WithPolicy(probe.Exact()), tcretry.WithHooks(tcretry.LogHooks(logTo(&out, slog.LevelDebug))))
		for _, action := range []string{"DescribeInstances", "DescribeInstances", "RunInstances", "RunInstances", "StopInstances"} {
			_, _ = rt.RoundTrip(secretRequest(t, action))
		}
		api.Script("RebootInstances", tctest.Fail("ResourceInUse", "busy"))
		_, err := rt.RoundTrip(secretRequest(t, "RebootInstances").WithContext(probe.CanceledAfter(300 * time.Millisecond)(t.Context())))
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
	base := probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Get", URL: "https://cvm.tencentcloudapi.com/?SecretId=AKIDSECRET&Signature=SECRETSIG", Err: io.ErrUnexpectedEOF}
	})
	rt := tcretry.New(base, tcretry.WithHooks(tcretry.LogHooks(logTo(&out, slog.LevelDebug))))
	_, err := rt.RoundTrip(probe.SDKRequest(t, "RunInstances", nil))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Contains(t, out.String(), `response.error="unexpected EOF"`)
	for _, secret := range secrets {
		require.NotContains(t, out.String(), secret)
	}
}

func TestLogHooksTellHowLongTheBudgetHeldARetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		rt := tcretry.New(tctest.NewAPI(tctest.Fail("InternalError", "")), tcretry.WithPolicy(probe.Exact()), tcretry.WithBudget(slowBudget{}),
			tcretry.WithHooks(tcretry.LogHooks(logTo(&out, slog.LevelDebug))))
		_, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		lines := strings.Split(out.String(), "\n")
		require.Contains(t, lines[1], "attempt.budget_wait=400ms")
		require.Contains(t, lines[2], "call.waited=1s call.budget_wait=400ms")
	})
}

// slowBudget holds every retry for a while.
type slowBudget struct{ probe.NoBudget }

func (slowBudget) Acquire(context.Context, budget.Request) error {
	time.Sleep(400 * time.Millisecond)
	return nil
}

// logRow is a call, and the line that LogHooks writes about it.
type logRow struct {
	name    string
	action  string
	answers []tctest.Reply
	base    http.RoundTripper // in the place of answers
	ctx     func(context.Context) context.Context
	level   slog.Level
	line    string
	unknown bool // the line says that the outcome is unknown
}

func logRows() []logRow {
	again := slices.Repeat([]tctest.Reply{tctest.Fail("InternalError", "")}, 4)
	const read, write = "DescribeInstances", "RunInstances"
	untrusted := probe.Failing(&tls.CertificateVerificationError{Err: errors.New("x509: unknown authority")})
	return []logRow{
		{name: "succeeds", action: write, level: slog.LevelDebug, line: "call succeeded"},
		{name: "succeeds after a retry", action: write, answers: again[:1], level: slog.LevelInfo, line: "call succeeded after retries"},
		{name: "a terminal code", action: read, answers: []tctest.Reply{tctest.Fail("ResourceNotFound", "")}, level: slog.LevelDebug, line: "terminal error"},
		{name: "a terminal status", action: read, answers: []tctest.Reply{tctest.GatewayError(http.StatusNotFound)}, level: slog.LevelDebug, line: "terminal error"},
		{name: "a failed task", action: read, answers: []tctest.Reply{tctest.FailTask("FailedOperation", "", map[string]any{"Status": "FAILED"})}, level: slog.LevelDebug, line: "terminal error"},
		{name: "an untrusted certificate", action: write, base: untrusted, level: slog.LevelDebug, line: "terminal error"},
		{name: "a terminal code after a retry", action: write, answers: append(again[:1:1], tctest.Fail("InvalidParameter", "")), level: slog.LevelWarn, line: "call failed"},
		{name: "retries run out", action: write, answers: again, level: slog.LevelWarn, line: "call failed"},
		{name: "lost", action: write, answers: []tctest.Reply{tctest.DropAfterExecution()}, level: slog.LevelWarn, line: "call failed", unknown: true},
		{name: "a gateway's page", action: write, answers: []tctest.Reply{tctest.GatewayError(http.StatusBadGateway)}, level: slog.LevelWarn, line: "call failed", unknown: true},
		{name: "canceled, read-only", action: read, base: probe.Hanging(), ctx: probe.CanceledAfter(time.Second), level: slog.LevelDebug, line: "call canceled", unknown: true},
		{name: "canceled in a backoff", action: write, answers: again, ctx: probe.CanceledAfter(300 * time.Millisecond), level: slog.LevelDebug, line: "call canceled"},
		{name: "canceled after it was sent", action: write, base: probe.Hanging(), ctx: probe.CanceledAfter(time.Second), level: slog.LevelWarn, line: "call canceled", unknown: true},
		{name: "out of time", action: read, base: probe.Hanging(), ctx: probe.Within(time.Second), level: slog.LevelWarn, line: "call failed", unknown: true},
		{name: "a context with an invalid policy", action: read, ctx: probe.WithInvalidPolicy, level: slog.LevelWarn, line: "call failed"},
	}
}

// TestLogHooksDoNotFlood: from Info on there is one line per call at most, and the
// level is that of the table at LogHooks.
func TestLogHooksDoNotFlood(t *testing.T) {
	for _, row := range logRows() {
		t.Run(row.name, func(t *testing.T) {
			for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn} {
				synctest.Test(t, func(t *testing.T) { row.play(t, level) })
			}
		})
	}
}

// play makes the call, logs from a level on, and checks what was written.
func (row logRow) play(t *testing.T, from slog.Level) {
	ctx, base := t.Context(), row.base
	if row.ctx != nil {
		ctx = row.ctx(ctx)
	}
	if base == nil {
		base = tctest.NewAPI(row.answers...)
	}
	var out bytes.Buffer
	rt := tcretry.New(base, tcretry.WithPolicy(probe.Exact()), tcretry.WithHooks(tcretry.LogHooks(logTo(&out, from))))
	_, _ = rt.RoundTrip(probe.SDKRequest(t, row.action, nil).WithContext(ctx))

	lines := slices.Collect(strings.Lines(out.String()))
	switch {
	case row.level < from:
		require.Empty(t, lines)
		return
	case from > slog.LevelDebug:
		require.Len(t, lines, 1)
	}
	last := lines[len(lines)-1]
	require.Contains(t, last, "level="+row.level.String()+` msg="tcretry: `+row.line+`" `)
	require.Equal(t, row.unknown, strings.Contains(last, "call.outcome_unknown=true"), last)
	for _, line := range lines[:len(lines)-1] {
		require.Contains(t, line, "level=DEBUG")
	}
}

// The line says the attempts and the reason by itself, and not once more in the
// text of the error.
func TestLogHooksWriteWhatEndedTheCallAsItsError(t *testing.T) {
	var out bytes.Buffer
	rt := tcretry.New(tctest.NewAPI(tctest.DropAfterExecution()), tcretry.WithHooks(tcretry.LogHooks(logTo(&out, slog.LevelInfo))))
	_, err := rt.RoundTrip(probe.SDKRequest(t, "RunInstances", nil))
	require.ErrorIs(t, err, io.EOF)
	require.True(t, strings.HasSuffix(out.String(), " response.error=EOF\n"), out.String())
}
