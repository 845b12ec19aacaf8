package tcretry

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
)

// A tracer tells whether anything of an attempt's request may have left. It is
// the context of the attempts of one call: the caller's, and an httptrace beside
// it.
type tracer struct {
	context.Context
	trace   httptrace.ClientTrace
	asked   atomic.Bool // the base looks for a connection: it tells what it does
	written atomic.Bool // the header of the request was written
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

// watch returns the context of attempts under ctx. httptrace.WithClientTrace
// would do for every caller, but it costs an allocation that most calls can do
// without: those whose caller traces nothing.
func (t *tracer) watch(ctx context.Context) context.Context {
	t.Context = ctx
	t.trace.GetConn = t.getConn
	t.trace.WroteHeaders = t.wroteHeaders
	if traceKey == nil || httptrace.ContextClientTrace(ctx) != nil {
		return httptrace.WithClientTrace(ctx, &t.trace)
	}
	return t
}

// Value is part of context.Context.
func (t *tracer) Value(key any) any {
	if key == traceKey {
		return &t.trace
	}
	return t.Context.Value(key)
}

func (t *tracer) getConn(string) { t.asked.Store(true) }

func (t *tracer) wroteHeaders() { t.written.Store(true) }

// reset prepares for the next attempt. An event of the last one that comes late
// can only make the next one look written: the safe side.
func (t *tracer) reset() {
	t.asked.Store(false)
	t.written.Store(false)
}

// mayHaveLeft says that the request, or a part of it, may have left. A base that
// tells nothing of what it does may have sent it.
func (t *tracer) mayHaveLeft() bool { return t.written.Load() || !t.asked.Load() }
