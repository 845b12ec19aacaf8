package tcretry

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// A tracer tells whether anything of an attempt's request may have left. It is
// the context of the attempt: the caller's, with an httptrace and the attempt's
// request beside it, by which a Transport further inside detects that it is one.
type tracer struct {
	context.Context
	request *http.Request                         // of the attempt
	traced  bool                                  // another context adds the trace
	trace   atomic.Pointer[httptrace.ClientTrace] // nil until the base asks for it
	asked   atomic.Bool                           // the base looks for a connection: it tells what it does
	written atomic.Bool                           // the header of the request was written
}

// traceKey is the key under which a context holds its httptrace, which net/http
// keeps to itself: it shows when one is asked for.
var traceKey = func() any {
	var key keyCatcher
	httptrace.ContextClientTrace(&key)
	return key.key
}()

// keyCatcher is a context that remembers the key it was asked for.
type keyCatcher struct {
	context.Context
	key any
}

func (c *keyCatcher) Value(key any) any {
	c.key = key
	return nil
}

// watch returns the context of an attempt under ctx. httptrace.WithClientTrace
// would do for every caller, but it costs an allocation that most calls can do
// without: those whose caller traces nothing.
func (t *tracer) watch(ctx context.Context) context.Context {
	t.Context = ctx
	if traceKey == nil || httptrace.ContextClientTrace(ctx) != nil {
		t.traced = true
		return httptrace.WithClientTrace(t, t.clientTrace())
	}
	return t
}

// Value is part of context.Context.
func (t *tracer) Value(key any) any {
	if key == traceKey && !t.traced {
		return t.clientTrace()
	}
	if _, ok := key.(wishesKey); ok {
		own := wishesOf(t.Context)
		own.within = t.request
		return own
	}
	return t.Context.Value(key)
}

// clientTrace returns the trace, made when it is first asked for: by net/http,
// from whichever of its goroutines.
func (t *tracer) clientTrace() *httptrace.ClientTrace {
	if trace := t.trace.Load(); trace != nil {
		return trace
	}
	t.trace.CompareAndSwap(nil, &httptrace.ClientTrace{GetConn: t.getConn, WroteHeaders: t.wroteHeaders})
	return t.trace.Load()
}

func (t *tracer) getConn(string) { t.asked.Store(true) }

func (t *tracer) wroteHeaders() { t.written.Store(true) }

// mayHaveLeft says that the request, or a part of it, may have left. A base that
// tells nothing of what it does may have sent it.
func (t *tracer) mayHaveLeft() bool { return t.written.Load() || !t.asked.Load() }
