package watch

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
)

// A Tracer detects whether anything of an attempt's request may have left. It is
// the context of the attempt: the caller's, with an httptrace.
type Tracer struct {
	context.Context
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

// Watch makes t the context of an attempt under ctx and returns what to attempt
// with: self, the context that has t in it. httptrace.WithClientTrace would do for
// every caller, but it costs an allocation that most calls can do without: those
// whose caller traces nothing.
func (t *Tracer) Watch(ctx, self context.Context) context.Context {
	t.Context = ctx
	if traceKey == nil || httptrace.ContextClientTrace(ctx) != nil {
		t.traced = true
		return httptrace.WithClientTrace(self, t.clientTrace())
	}
	return self
}

// Value is part of context.Context.
func (t *Tracer) Value(key any) any {
	if key == traceKey && !t.traced {
		return t.clientTrace()
	}
	return t.Context.Value(key)
}

// clientTrace returns the trace, made when it is first asked for: by net/http,
// from whichever of its goroutines.
func (t *Tracer) clientTrace() *httptrace.ClientTrace {
	if trace := t.trace.Load(); trace != nil {
		return trace
	}
	t.trace.CompareAndSwap(nil, &httptrace.ClientTrace{GetConn: t.getConn, WroteHeaders: t.wroteHeaders})
	return t.trace.Load()
}

func (t *Tracer) getConn(string) { t.asked.Store(true) }

func (t *Tracer) wroteHeaders() { t.written.Store(true) }

// MayHaveSent says that the request, or a part of it, may have left. A base that
// tells nothing of what it does may have sent it.
func (t *Tracer) MayHaveSent() bool { return t.written.Load() || !t.asked.Load() }
