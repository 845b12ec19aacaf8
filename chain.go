package tcretry

import (
	"context"
	"net/http"

	"github.com/tcretry/tcretry/internal/request"
	"github.com/tcretry/tcretry/internal/watch"
)

// wishes are what a context says of the calls that are made with it. They have
// one key, because a call has to look through all of its context for each.
type wishes struct {
	rules  *rules        // the call's own policy; nil for that of the Transport
	err    error         // why there is none
	trace  *CallTrace    // nil for most calls
	within *http.Request // the attempt that the context belongs to; nil for most calls
}

type wishesKey struct{}

func wishesOf(ctx context.Context) wishes {
	w, _ := ctx.Value(wishesKey{}).(wishes)
	return w
}

// attemptContext is the context of an attempt: with the request beside it, by which a
// Transport further inside detects that it is one.
type attemptContext struct {
	watch.Tracer
	request *http.Request
}

// Value is part of context.Context.
func (a *attemptContext) Value(key any) any {
	if _, ok := key.(wishesKey); ok {
		own := wishesOf(a.Context)
		own.within = a.request
		return own
	}
	return a.Tracer.Value(key)
}

// isAttempt reports whether req is an attempt that a Transport outside of this
// one is making. That one retries it, so this one must not: of two or three in a
// chain the outermost makes the attempts, as if it were the only one.
//
// The context of an attempt alone is no evidence. What stands between, such as
// a signer, may use it for requests of its own: to get credentials from STS, for
// example, and those are calls like any other. So the request must ask for the
// same as the attempt. What stands between may have copied it, signed it, and
// sent it to another host; it has no reason to change the method or the action.
func (w wishes) isAttempt(req *http.Request) bool {
	if w.within == nil {
		return false
	}
	outer, inner := request.Identify(w.within), request.Identify(req)
	switch {
	case outer.Method != inner.Method, outer.Action != inner.Action:
		return false
	case outer.Service != "" && inner.Service != "" && outer.Service != inner.Service:
		return false
	}
	return inner.Action != "" || outer.Host == inner.Host && path(w.within) == path(req)
}

func path(req *http.Request) string {
	if req.URL == nil {
		return ""
	}
	return req.URL.Path
}
