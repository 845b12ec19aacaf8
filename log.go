package tcretry

import (
	"context"
	"log/slog"

	"github.com/tcretry/tcretry/internal/request"
	"github.com/tcretry/tcretry/ratelimit"
)

// LogHooks returns hooks that write to logger:
//
//	level  message                       when
//	Debug  attempt failed                every attempt that failed
//	Debug  retry scheduled               every retry
//	Debug  call succeeded                without a retry
//	Debug  terminal error                the first attempt failed with an error that is
//	                                     not retryable: the caller gets it, and a program
//	                                     that polls until something exists gets many
//	Debug  call canceled                 the caller canceled it
//	Info   call succeeded after retries
//	Warn   call canceled                 the same, and the outcome of a request that is
//	                                     not read-only is unknown
//	Warn   call failed                   everything else: after retries, because no retry
//	                                     was allowed or in time, or with an unknown outcome
//
// A program that logs from Info on gets one line per call at most, and none for a call
// that was not retried and whose outcome is known. The attributes are in groups: "api"
// is the operation of the request; "response" the code, message, request id and HTTP
// status of the last response, or the error; "call" and "attempt" are numbers and times;
// "rate_limit" is the state of the rate limiter. Zero values are left out. Headers,
// bodies and the addresses of errors are not written; the texts of the API are limited
// in length and printable. A nil logger means slog.Default(). testdata/log.txt has a
// sample of every line.
func LogHooks(logger *slog.Logger) Hooks {
	l := callLog{logger}
	return Hooks{AttemptDone: l.attemptDone, RetryScheduled: l.retryScheduled, CallDone: l.callDone}
}

// callLog writes the events of calls.
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
		apiAttr(i.Operation),
		slog.GroupAttrs("attempt", known(
			slog.Int("number", i.Attempt),
			slog.Duration("duration", i.Duration),
			slog.Duration("rate_limit_wait", i.RateLimitWait),
		)...),
		limitAttr(i.RateLimit),
		slog.GroupAttrs("response", known(
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
		apiAttr(i.Operation),
		slog.GroupAttrs("attempt", known(
			slog.Int("number", i.Attempt+1),
			slog.Duration("delay", i.Delay),
			slog.Duration("budget_wait", i.BudgetWait),
			slog.Bool("rate_limited", i.RateLimited),
		)...),
		slog.GroupAttrs("response", known(
			slog.String("class", i.Class.String()), slog.String("code", i.Code))...))
}

func (l callLog) callDone(ctx context.Context, i CallInfo) {
	level, text := callLine(i)
	logger := l.enabled(ctx, level)
	if logger == nil {
		return
	}
	logger.LogAttrs(ctx, level, text,
		apiAttr(i.Operation),
		slog.GroupAttrs("call", known(
			slog.Int("attempts", i.Attempts),
			slog.String("stop_reason", i.Reason.String()),
			slog.Bool("outcome_unknown", i.OutcomeUnknown),
			slog.Duration("duration", i.Duration),
			slog.Duration("waited", i.Waited),
			slog.Duration("rate_limit_wait", i.RateLimitWait),
			slog.Duration("budget_wait", i.BudgetWait),
		)...),
		slog.GroupAttrs("response", known(
			slog.String("class", i.Class.String()),
			slog.String("code", i.Code),
			slog.String("message", i.Message),
			slog.String("request_id", i.RequestID),
			slog.Int("status", i.Status),
			errorAttr(i.Err),
		)...))
}

// callLine is the level and the message of the line of a call: the table at
// [LogHooks].
func callLine(i CallInfo) (level slog.Level, text string) {
	// What a read-only request does may be unknown without harm.
	unknown := i.OutcomeUnknown && !request.ReadOnly(i.Service, i.Action)
	switch {
	case i.Reason == StopSuccess && i.Attempts > 1:
		return slog.LevelInfo, "tcretry: call succeeded after retries"
	case i.Reason == StopSuccess:
		return slog.LevelDebug, "tcretry: call succeeded"
	case i.Reason == StopCanceled && unknown:
		return slog.LevelWarn, "tcretry: call canceled"
	case i.Reason == StopCanceled:
		return slog.LevelDebug, "tcretry: call canceled"
	case i.Reason == StopTerminal && i.Attempts == 1 && !unknown:
		return slog.LevelDebug, "tcretry: terminal error"
	}
	return slog.LevelWarn, "tcretry: call failed"
}

// apiAttr is the operation of a request.
func apiAttr(t Operation) slog.Attr {
	return slog.GroupAttrs("api", known(
		slog.String("service", printable(t.Service, maxCode)),
		slog.String("action", printable(t.Action, maxCode)),
		slog.String("region", printable(t.Region, maxCode)),
		slog.String("host", printable(t.Host, maxCode)),
	)...)
}

// limitAttr is the state of the rate limiter, nothing while it delays nothing.
func limitAttr(p ratelimit.State) slog.Attr {
	if p.Mode == ratelimit.Open {
		return slog.Attr{}
	}
	return slog.GroupAttrs("rate_limit", known(
		slog.String("mode", p.Mode.String()),
		slog.Int("limit", p.Limit),
		slog.Int("waiting", p.Waiting),
	)...)
}

// errorAttr is the error's text: a handler that formats values itself would show
// whatever the error holds. Of an *Error it is that of what ended the call: the
// line says the rest by itself.
func errorAttr(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	if own, ok := err.(*Error); ok {
		err = own.Err
	}
	return slog.String("error", errorText(err))
}

// known returns the attributes that are not zero, and the number of attempts, which
// may be.
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
