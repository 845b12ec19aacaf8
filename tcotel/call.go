package tcotel

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/tcretry/tcretry"
)

// A call is what the spans of one call share: the wrapper outside of tcretry
// starts and ends it, the RoundTripper inside starts the attempts, and the hooks between
// end them with their outcome. All three run in the goroutine of the call.
type call struct {
	by       *attempts // whose call it is
	url      *url.URL  // of the request, and so of its attempts
	tracer   trace.Tracer
	span     trace.Span
	server   []attribute.KeyValue // the attributes that attempts share; full
	attempt  trace.Span           // that is going on; nil between attempts
	done     int                  // attempts that ended
	returned bool                 // no panic came
}

// callKey is the key of a *call in a context.
type callKey struct{}

// callOf returns the call that a context belongs to. The underlying RoundTripper may make
// calls of its own with the context of an attempt, over other Transports, to refresh
// credentials for example: these are none of ours.
func callOf(ctx context.Context, by *attempts) *call {
	if c, _ := ctx.Value(callKey{}).(*call); c != nil && c.by == by {
		return c
	}
	return nil
}

// kind is that of the span of a call.
var kind = trace.WithSpanKind(trace.SpanKindClient)

// start starts the span of a call and returns the context to make it with, nil
// if the underlying RoundTripper needs no context of the span. The call is nil if the span is not
// recorded.
func (t *Transport) start(req *http.Request) (context.Context, *call) {
	target := tcretry.OperationOf(req)
	method, original := t.names.method(target)
	attrs := appendServer(make([]attribute.KeyValue, 0, 8), req.URL, target)
	server := attrs[:len(attrs):len(attrs)]
	attrs = append(attrs, systemName)
	if method != "" {
		attrs = append(attrs, semconv.RPCMethod(method))
	}
	if original != "" {
		attrs = append(attrs, semconv.RPCMethodOriginal(original))
	}
	if target.Region != "" {
		attrs = append(attrs, semconv.CloudRegion(target.Region))
	}
	ctx, span := t.tracer.Start(req.Context(), spanName(method),
		kind, trace.WithAttributes(attrs...))
	if span.IsRecording() {
		c := &call{by: t.attempts, url: req.URL, tracer: t.tracer, span: span, server: server}
		return context.WithValue(ctx, callKey{}, c), c
	}
	if span.SpanContext().Equal(trace.SpanContextFromContext(req.Context())) {
		return nil, nil
	}
	// Not sampled: the context must not belong to the call around this one.
	return context.WithValue(ctx, callKey{}, (*call)(nil)), nil
}

// appendServer adds the attributes of the host that a request goes to.
func appendServer(attrs []attribute.KeyValue, u *url.URL, target tcretry.Operation) []attribute.KeyValue {
	attrs = append(attrs, semconv.HTTPRequestMethodKey.String(knownMethod(target.Method)))
	if u == nil {
		return attrs
	}
	if host := u.Hostname(); host != "" {
		attrs = append(attrs, semconv.ServerAddress(host))
	}
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	case u.Scheme == "http":
		port = "80"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		attrs = append(attrs, semconv.ServerPort(int(n)))
	}
	return attrs
}

// knownMethod is the HTTP method as the conventions want it: the API takes two.
func knownMethod(method string) string {
	if method == http.MethodGet || method == http.MethodPost {
		return method
	}
	return other
}

// startAttempt starts the span of the next attempt and returns its context.
func (c *call) startAttempt(ctx context.Context) context.Context {
	attrs := c.server
	if c.done > 0 {
		attrs = append(attrs, semconv.HTTPRequestResendCount(c.done))
	}
	ctx, c.attempt = c.tracer.Start(ctx, "attempt", trace.WithAttributes(attrs...))
	return ctx
}

// hooks returns the hooks that add the events of a call to its spans.
func (t *Transport) hooks() tcretry.Hooks {
	return tcretry.Hooks{
		AttemptDone: func(ctx context.Context, i tcretry.AttemptInfo) {
			if c := callOf(ctx, t.attempts); c != nil {
				c.attemptDone(i)
			}
		},
		RetryScheduled: func(ctx context.Context, i tcretry.RetryInfo) {
			if c := callOf(ctx, t.attempts); c != nil {
				c.span.AddEvent("tcretry.retry", trace.WithAttributes(retryAttributes(i)...))
			}
		},
		CallDone: func(ctx context.Context, i tcretry.CallInfo) {
			if c := callOf(ctx, t.attempts); c != nil {
				c.callDone(i)
			}
		},
	}
}

// attemptDone ends the span of an attempt with its outcome.
func (c *call) attemptDone(i tcretry.AttemptInfo) {
	if c.attempt == nil {
		return // the request could not be made: nothing was sent
	}
	c.done = i.Attempt
	c.attempt.SetAttributes(attemptAttributes(i)...)
	if failure := failureOf(i.Class, i.Code, i.Status, i.Err); failure != "" {
		fail(c.attempt, failure, description(i.Message, i.Err))
	}
	c.endAttempt()
}

func (c *call) endAttempt() {
	c.attempt.End()
	c.attempt = nil
}

// callDone adds the outcome to the span of the call; end ends it.
func (c *call) callDone(i tcretry.CallInfo) {
	c.span.SetAttributes(callAttributes(i)...)
	if failure := callFailure(i); failure != "" {
		fail(c.span, failure, description(i.Message, i.Err))
	}
}

// end ends the spans that are open: after a panic that of an attempt, too.
func (c *call) end() {
	if !c.returned {
		fail(c.span, "panic", "")
	}
	if c.attempt != nil {
		fail(c.attempt, "panic", "")
		c.endAttempt()
	}
	c.span.End()
}

// fail sets the status of a span to Error.
func fail(span trace.Span, errorType, text string) {
	span.SetAttributes(semconv.ErrorTypeKey.String(errorType))
	span.SetStatus(codes.Error, text)
}
