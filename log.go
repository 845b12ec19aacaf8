package tcretry

import (
	"context"
	"log/slog"
)

// LogHooks returns hooks that write to logger, one line a call that matters:
//
//   - Debug: every attempt that failed, every retry, and calls that were answered
//     at once
//   - Info: calls that were answered after retries, or that the caller ended
//   - Warn: calls that ended with a failure
//
// The attributes stand in groups: "api" is what the request asks for, "answer"
// what the last answer said, "call" and "attempt" what was done. Nothing of a
// header or a body is written, and what the API said is bounded and printable. A
// nil logger means slog.Default().
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
		api(i.Target),
		slog.GroupAttrs("attempt", known(
			slog.Int("number", i.Attempt),
			slog.Duration("duration", i.Duration),
			slog.Duration("pace_wait", i.PaceWait),
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

func (l callLog) retryScheduled(ctx context.Context, i RetryInfo) {
	logger := l.enabled(ctx, slog.LevelDebug)
	if logger == nil {
		return
	}
	logger.LogAttrs(ctx, slog.LevelDebug, "tcretry: retry scheduled",
		api(i.Target),
		slog.GroupAttrs("attempt", slog.Int("number", i.Attempt+1),
			slog.Duration("delay", i.Delay), slog.Bool("paced", i.Paced)),
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
	case i.Reason == StopCanceled:
		level, text = slog.LevelInfo, "tcretry: call canceled"
	}
	logger := l.enabled(ctx, level)
	if logger == nil {
		return
	}
	logger.LogAttrs(ctx, level, text,
		api(i.Target),
		slog.GroupAttrs("call", known(
			slog.Int("attempts", i.Attempts),
			slog.String("reason", i.Reason.String()),
			slog.Duration("duration", i.Duration),
			slog.Duration("waited", i.Waited),
		)...),
		slog.GroupAttrs("answer", known(
			slog.String("class", i.Class.String()),
			slog.String("code", i.Code),
			slog.String("request_id", i.RequestID),
			slog.Int("status", i.Status),
			errorAttr(i.Err),
		)...))
}

func api(t Target) slog.Attr {
	return slog.GroupAttrs("api", known(
		slog.String("service", printable(t.Service, maxCode)),
		slog.String("action", printable(t.Action, maxCode)),
		slog.String("region", printable(t.Region, maxCode)),
	)...)
}

// errorAttr is the error's text: a handler that formats values itself would show
// whatever the error holds.
func errorAttr(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	return slog.String("error", printable(err.Error(), maxMessage))
}

// known returns the attributes that say something.
func known(attrs ...slog.Attr) []slog.Attr {
	some := attrs[:0]
	for _, a := range attrs {
		if a.Key != "" && !a.Value.Equal(slog.StringValue("")) && !a.Value.Equal(slog.DurationValue(0)) &&
			!(a.Key == "status" && a.Value.Int64() == 0) {
			some = append(some, a)
		}
	}
	return some
}
