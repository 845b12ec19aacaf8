package tcretry

import (
	"context"
	"errors"
	"log/slog"
)

// LogHooks returns hooks that write to logger, one line a call that matters:
//
//   - Debug: every attempt that failed, every retry, and calls that were answered
//     at once
//   - Info: calls that were answered after retries, that the caller ended, or
//     that were refused for good, which is between the caller and the API
//   - Warn: calls that failed though another attempt might have helped: one of
//     the bounds or a deadline ended them, or that it might have been executed
//     twice
//
// So a program that logs from Info on gets one line a call at most. The
// attributes stand in groups: "api" is what the request asks for, "answer" what
// the last answer said, "call" and "attempt" what was done and waited for, "pace"
// what the pacer has learnt. What says nothing is left out. Nothing of a header
// or a body is written, and what the API said is bounded and printable. A nil
// logger means slog.Default(). testdata/log.txt holds a sample of every line.
func LogHooks(logger *slog.Logger) Hooks {
	l := callLog{logger}
	return Hooks{AttemptDone: l.attemptDone, RetryScheduled: l.retryScheduled, CallDone: l.callDone}
}

// callLog writes what hooks are told.
type callLog struct{ logger *slog.Logger }

// enabled returns the logger, or nil if it would not write.
func (l callLog) enabled(ctx context.Context, level slog.Level) *slog.Logger {
	logger := l.logger
	if logger == nil {
		logger = slog.Default()
	}
	if !logger.Enabled(ctx, level) {
		return nil
	}
	return logger
}

func (l callLog) attemptDone(ctx context.Context, i AttemptInfo) {
	logger := l.enabled(ctx, slog.LevelDebug)
	if i.Class == Success || logger == nil {
		return
	}
	logger.LogAttrs(ctx, slog.LevelDebug, "tcretry: attempt failed",
		apiAttr(i.Target),
		slog.GroupAttrs("attempt", known(
			slog.Int("number", i.Attempt),
			slog.Duration("duration", i.Duration),
			slog.Duration("pace_wait", i.PaceWait),
		)...),
		paceAttr(i.Pace),
		slog.GroupAttrs("answer", known(
			slog.String("class", i.Class.String()),
			slog.String("code", i.Code),
			slog.String("message", i.Message),
			slog.String("request_id", i.RequestID),
			slog.Int("status", i.Status),
			errorAttr(i.Err),
		)...))
}

func (l callLog) retryScheduled(ctx context.Context, i RetryInfo) {
	logger := l.enabled(ctx, slog.LevelDebug)
	if logger == nil {
		return
	}
	logger.LogAttrs(ctx, slog.LevelDebug, "tcretry: retry scheduled",
		apiAttr(i.Target),
		slog.GroupAttrs("attempt", known(
			slog.Int("number", i.Attempt+1),
			slog.Duration("delay", i.Delay),
			slog.Duration("budget_wait", i.BudgetWait),
			slog.Bool("paced", i.Paced),
		)...),
		slog.GroupAttrs("answer", known(
			slog.String("class", i.Class.String()), slog.String("code", i.Code))...))
}

func (l callLog) callDone(ctx context.Context, i CallInfo) {
	level, text := slog.LevelWarn, "tcretry: call failed"
	switch {
	case i.Reason == StopAnswered && i.Attempts == 1:
		level, text = slog.LevelDebug, "tcretry: call answered"
	case i.Reason == StopAnswered:
		level, text = slog.LevelInfo, "tcretry: call answered after retries"
	case i.Reason == StopCanceled && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		level, text = slog.LevelInfo, "tcretry: call canceled"
	case i.Reason == StopTerminal:
		level, text = slog.LevelInfo, "tcretry: call refused"
	}
	logger := l.enabled(ctx, level)
	if logger == nil {
		return
	}
	logger.LogAttrs(ctx, level, text,
		apiAttr(i.Target),
		slog.GroupAttrs("call", known(
			slog.Int("attempts", i.Attempts),
			slog.String("reason", i.Reason.String()),
			slog.Duration("duration", i.Duration),
			slog.Duration("waited", i.Waited),
			slog.Duration("pace_wait", i.PaceWait),
			slog.Duration("budget_wait", i.BudgetWait),
		)...),
		slog.GroupAttrs("answer", known(
			slog.String("class", i.Class.String()),
			slog.String("code", i.Code),
			slog.String("message", i.Message),
			slog.String("request_id", i.RequestID),
			slog.Int("status", i.Status),
			errorAttr(i.Err),
		)...))
}

// apiAttr is what a request asks for.
func apiAttr(t Target) slog.Attr {
	return slog.GroupAttrs("api", known(
		slog.String("service", printable(t.Service, maxCode)),
		slog.String("action", printable(t.Action, maxCode)),
		slog.String("region", printable(t.Region, maxCode)),
		slog.String("host", printable(t.Host, maxCode)),
	)...)
}

// paceAttr is what the pacer has learnt, nothing while it delays nothing.
func paceAttr(p Pace) slog.Attr {
	if p.Mode == PaceOpen {
		return slog.Attr{}
	}
	return slog.GroupAttrs("pace", known(
		slog.String("mode", p.Mode.String()),
		slog.Int("quota", p.Quota),
		slog.Int("waiting", p.Waiting),
	)...)
}

// errorAttr is the error's text: a handler that formats values itself would show
// whatever the error holds.
func errorAttr(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	return slog.String("error", errorText(err))
}

// known returns the attributes that say something: those that are not zero, and
// the number of attempts, which may be.
func known(attrs ...slog.Attr) []slog.Attr {
	some := attrs[:0]
	for _, a := range attrs {
		if a.Key == "attempts" || a.Key != "" && !isZero(a.Value) {
			some = append(some, a)
		}
	}
	return some
}

func isZero(v slog.Value) bool {
	switch v.Kind() {
	case slog.KindString:
		return v.String() == ""
	case slog.KindBool:
		return !v.Bool()
	case slog.KindInt64:
		return v.Int64() == 0
	case slog.KindDuration:
		return v.Duration() == 0
	}
	return false
}
