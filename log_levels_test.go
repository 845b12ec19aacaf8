package tcretry_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tctest"
)

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

func canceledAfter(d time.Duration) func(context.Context) context.Context {
	return func(ctx context.Context) context.Context {
		ctx, cancel := context.WithCancelCause(ctx)
		time.AfterFunc(d, func() { cancel(errors.New("the user went away")) })
		return ctx
	}
}

func withInvalidPolicy(ctx context.Context) context.Context {
	return tcretry.ContextWithPolicy(ctx, tcretry.Policy{MaxAttempts: -1})
}

func logRows() []logRow {
	again := slices.Repeat([]tctest.Reply{tctest.Fail("InternalError", "")}, 4)
	const read, write = "DescribeInstances", "RunInstances"
	untrusted := failing(&tls.CertificateVerificationError{Err: errors.New("x509: unknown authority")})
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
		{name: "canceled, read-only", action: read, base: hanging(), ctx: canceledAfter(time.Second), level: slog.LevelDebug, line: "call canceled", unknown: true},
		{name: "canceled in a backoff", action: write, answers: again, ctx: canceledAfter(300 * time.Millisecond), level: slog.LevelDebug, line: "call canceled"},
		{name: "canceled after it was sent", action: write, base: hanging(), ctx: canceledAfter(time.Second), level: slog.LevelWarn, line: "call canceled", unknown: true},
		{name: "out of time", action: read, base: hanging(), ctx: within(time.Second), level: slog.LevelWarn, line: "call failed", unknown: true},
		{name: "a context with an invalid policy", action: read, ctx: withInvalidPolicy, level: slog.LevelWarn, line: "call failed"},
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
	rt := tcretry.New(base, tcretry.WithPolicy(exact()), tcretry.WithHooks(tcretry.LogHooks(logTo(&out, from))))
	_, _ = rt.RoundTrip(sdkRequest(t, row.action, nil).WithContext(ctx))

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
	_, err := rt.RoundTrip(sdkRequest(t, "RunInstances", nil))
	require.ErrorIs(t, err, io.EOF)
	require.True(t, strings.HasSuffix(out.String(), " response.error=EOF\n"), out.String())
}
