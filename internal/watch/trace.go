package watch

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
)

// A Tracer detects whether anything of an attempt's request may have been sent. It is
// the context of the attempt: the caller's, with an httptrace. A Tracer serves one
// attempt, must not be copied after Watch, and is safe for use from many goroutines
// then.
type Tracer struct {
	context.Context
	trace  atomic.Pointer[httptrace.ClientTrace] // nil until it is requested
	events atomic.Uint32                         // of the request, connecting and written
	traced bool                                  // Watch has returned a context that has the trace
}

// The events of a request.
const (
	connecting = 1 << iota // GetConn was called: the underlying RoundTripper reports to httptrace
	written                // the header of the request was written
)

// traceKey is the context key of an httptrace. net/http does not export it, but looks it
// up in a context.
var traceKey = func() any {
	var key keyCatcher
	httptrace.ContextClientTrace(&key)
	return key.key
}()

// keyCatcher is a context that keeps the last key that was looked up.
type keyCatcher struct {
	context.Context
	key any
}

func (c *keyCatcher) Value(key any) any {
	c.key = key
	return nil
}

// Watch makes t the context of an attempt under ctx, and returns the context to make the
// attempt with. self is a context whose Value method ends in that of t, such as t itself
// or a struct that embeds t.
//
// httptrace.WithClientTrace would do for every caller. But it costs an allocation, which
// only callers that trace themselves need.
func (t *Tracer) Watch(ctx, self context.Context) context.Context {
	t.Context = ctx
	if traceKey == nil || httptrace.ContextClientTrace(ctx) != nil {
		t.traced = true
		return httptrace.WithClientTrace(self, t.clientTrace())
	}
	return self
}

// Value implements context.Context.
func (t *Tracer) Value(key any) any {
	if key == traceKey && !t.traced {
		return t.clientTrace()
	}
	return t.Context.Value(key)
}

// clientTrace returns the trace, made at the first call. net/http may call it from any
// of its goroutines.
func (t *Tracer) clientTrace() *httptrace.ClientTrace {
	if trace := t.trace.Load(); trace != nil {
		return trace
	}
	t.trace.CompareAndSwap(nil, &httptrace.ClientTrace{GetConn: t.getConn, WroteHeaders: t.wroteHeaders})
	return t.trace.Load()
}

func (t *Tracer) getConn(string) { t.events.Or(connecting) }

func (t *Tracer) wroteHeaders() { t.events.Or(written) }

// MayHaveSent reports whether the request, or a part of it, may have been sent. An
// underlying RoundTripper that does not report to httptrace may have sent it.
func (t *Tracer) MayHaveSent() bool { return t.events.Load() != connecting }
