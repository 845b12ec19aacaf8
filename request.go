package tcretry

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/internal/contain"
	"github.com/tcretry/tcretry/internal/request"
)

// A Signer is an underlying RoundTripper that signs each attempt, such as a
// tc3.Transport. A signature that the request already has, as those of the official SDK
// have, is then replaced: it does not expire, and does not prevent [WithClientTokens].
// A RoundTripper that wraps a Signer forwards the method.
type Signer interface {
	http.RoundTripper
	// Signs reports whether an attempt with this request would be signed again.
	// It is called from many goroutines at once and must not read or change the
	// request.
	Signs(*http.Request) bool
}

// Idempotent reports whether a retry of the request is safe even if an attempt was
// executed. It is the default of [WithIdempotency]; a function of your own can start
// from it. Any one of these is enough:
//
//   - an Idempotency-Key or X-Idempotency-Key header, which is how net/http
//     detects that a POST may be sent again; but not "X-Idempotency-Key: x", which the
//     official SDK sends with every request under UnsafeRetryOnConnectionFailure;
//   - an action that is read-only by its name: Describe, Get, List, Query, Inquire,
//     Inquiry, Check or Search and then an upper case letter or nothing, unless
//     the action is known to have effects;
//   - a non-empty ClientToken among the parameters, unless the action is known
//     not to honor it;
//   - for a request that is not one to the API, a method that net/http retries
//     too: GET, HEAD, OPTIONS or TRACE.
//
// The HTTP method of a request to the API is no evidence: the API accepts RunInstances
// over GET. DryRun is none either: an action that does not support it may ignore it and
// execute. The body is read through GetBody only, up to 10 MiB; a body without GetBody
// counts as one without a ClientToken.
func Idempotent(req *http.Request) bool { return request.Idempotent(req, "") }

// OperationOf returns the operation of req, as the hooks of its call report it: for a
// span or a log line that begins before the call. It reads the headers and the query,
// and a form through GetBody only. req may be any request.
func OperationOf(req *http.Request) Operation { return Operation(request.Identify(req).Operation) }

// signsAgain reports whether the underlying RoundTripper signs each attempt of the call.
func (c *call) signsAgain() bool {
	s, ok := c.t.wrapped().(Signer)
	return ok && s.Signs(c.req)
}

// addClientToken adds a ClientToken, if [WithClientTokens] concerns the request and its
// body has at most limit bytes: from then on the request of the call is a copy of the
// caller's, with a body of its own.
func (c *call) addClientToken(limit int64) {
	if !c.takesToken() || c.req.ContentLength > min(limit, request.MaxTokenBody) {
		return
	}
	source := c.req.Body
	if c.req.GetBody != nil {
		var err error
		if source, err = bodies.Fresh(c.req); err != nil {
			return // the attempts will report it, if they need the body
		}
	}
	read, text := bodies.Whole(c.ctx, source, min(limit, request.MaxTokenBody))
	token := request.NewClientToken()
	body, ok := request.WithClientToken(text, token)
	// A body whose length is not the request's is an error of the underlying RoundTripper.
	if ok && (c.req.ContentLength <= 0 || c.req.ContentLength == int64(len(text))) {
		c.token = token
		c.replaceBody(body)
	} else if c.req.GetBody == nil {
		// The request continues with what was read, then the rest.
		r := *c.req
		r.Body = read
		c.req = &r
		return
	}
	_ = read.Close() // read to its end, or a copy: nothing to report
}

// takesToken reports whether a ClientToken may be added to the request.
func (c *call) takesToken() bool {
	req := c.req
	if req.Method != http.MethodPost || req.URL == nil || req.Body == nil || req.Body == http.NoBody {
		return false
	}
	id := c.identify()
	return request.HonoursToken(id.Service, id.Action) && request.MediaType(req) == "application/json" && c.signedInside()
}

// signedInside reports whether no signature covers the request yet, or only one that is
// replaced. "Authorization: SKIP" and other schemes are not touched: what they require of
// the body is not known.
func (c *call) signedInside() bool {
	if c.signsAgain() {
		return true
	}
	return !request.HasHeader(c.req.Header, request.HeaderAuthorization) && !c.req.URL.Query().Has("Signature")
}

// replaceBody makes the request of the call a copy of the caller's with another
// body. The caller's is closed: it will not be read.
func (c *call) replaceBody(body []byte) {
	r := *c.req
	if r.GetBody != nil {
		_ = r.Body.Close() // not read: nothing to report
	}
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	r.ContentLength = int64(len(body))
	c.req = &r
}

// The action and the signing time of a v1 request in a form are in its body. Without
// GetBody they are known only when the body is read, by the underlying RoundTripper or,
// before a retry, ahead of it.

// signedAt is when the request's signature was made at the latest; zero if there
// is none that is sent.
func (c *call) signedAt() time.Time {
	if c.hidesForm() && c.attempts > c.formRead {
		c.formRead = c.attempts
		c.body.ReadAhead(request.MaxForm, c.ctx.Done())
		c.known = false
	}
	at := c.identify().SignedAt
	if at.IsZero() && c.hidesForm() {
		// The form was not read whole: it was signed before the call began, at the latest.
		at = c.start()
	}
	if at.IsZero() || c.signsAgain() {
		return time.Time{}
	}
	return at
}

// hidesForm reports whether the parameters of the request are in a form that has
// not been read whole.
func (c *call) hidesForm() bool {
	return c.req.Method == http.MethodPost && c.req.GetBody == nil && c.identify().Action == "" &&
		!c.body.Empty() && request.MediaType(c.req) == "application/x-www-form-urlencoded" && c.withGetBody().GetBody == nil
}

// maxWrappers limits how many RoundTrippers are unwrapped: one may wrap itself.
const maxWrappers = 16

// serviceOf returns the service of a request that does not name it: the one that the
// underlying RoundTripper signs for, or that of [WithService].
func (t *Transport) serviceOf(req *http.Request) string {
	base := t.wrapped()
	for range maxWrappers {
		if s, ok := base.(interface {
			ServiceOf(*http.Request) string
		}); ok {
			if service := contain.Result(func() string { return s.ServiceOf(req) }); service != "" {
				return strings.ToLower(request.Name(service))
			}
		}
		if base = inside(base); base == nil {
			break
		}
	}
	return t.service
}

// inside returns the RoundTripper that another wraps, nil if it has no such method. The
// second one is that of Kubernetes' client libraries, k8s.io/apimachinery.
func inside(rt http.RoundTripper) http.RoundTripper {
	switch w := rt.(type) {
	case interface{ Unwrap() http.RoundTripper }:
		return contain.Result(w.Unwrap)
	case interface{ WrappedRoundTripper() http.RoundTripper }:
		return contain.Result(w.WrappedRoundTripper)
	}
	return nil
}

// IsAPIRequest reports whether req is a request to the API, which is the default
// scope of a Transport; a function of your own, see [WithScope], can start from it.
// Any one of these is enough:
//
//   - an API host, of the URL or of the Host header: a subdomain of
//     tencentcloudapi.com, tencentcloudapi.cn, tencentcloudapi.com.cn or, for API
//     2.0, api.qcloud.com;
//   - an X-TC-Action header, whatever the case of its key;
//   - an Authorization header with a TC3 credential scope;
//   - signed v1 parameters, in the query of a GET or the form of a POST: Action
//     with SecretId, or Action with Signature and without the key id of another
//     vendor. An Action alone is no evidence: other services have one too.
//
// It does not read or change the request. A form is read through GetBody only,
// and only if it is no longer than 64 KiB by its Content-Length; without GetBody,
// or beyond that, only the other criteria count.
func IsAPIRequest(req *http.Request) bool { return request.IsAPI(req) }

// InScope reports whether RoundTrip would handle req: whether it is in the
// Transport's scope, and not an attempt of a Transport outside of this one,
// which already handles it. Any other request is passed through unchanged. It may be
// called from any goroutine.
func (t *Transport) InScope(req *http.Request) bool {
	return t.covers(req) && !callSettingsOf(req.Context()).isAttempt(req)
}

// covers reports whether req is in the Transport's scope. A Signer signs requests to
// the API only, so what it signs is in the default scope.
func (t *Transport) covers(req *http.Request) bool {
	if t.scope != nil {
		return contain.Result(func() bool { return t.scope(req) })
	}
	if IsAPIRequest(req) {
		return true
	}
	s, ok := t.plain().(Signer)
	return ok && s.Signs(req)
}

// passThrough sends a request that is out of scope: the caller's own, unchanged.
func (t *Transport) passThrough(req *http.Request) (*http.Response, error) {
	for _, hook := range t.hooks.outOfScope {
		info := OutOfScopeInfo{Method: req.Method}
		if req.URL != nil {
			info.Host = req.URL.Host
		}
		contain.Result(func() struct{} { hook(req.Context(), info); return struct{}{} })
	}
	if t.scope != nil && IsAPIRequest(req) {
		return t.wrapped().RoundTrip(req) // excluded, but one to the API
	}
	return t.plain().RoundTrip(req)
}

// callSettings are the settings of a context for the calls that are made with it. They
// have one key, because a call has to search its whole context for each.
type callSettings struct {
	rules  *rules        // the call's own policy; nil for that of the Transport
	err    error         // why rules is not valid
	trace  *CallTrace    // nil for most calls
	within *http.Request // the attempt that the context belongs to; nil for most calls
}

type callSettingsKey struct{}

func callSettingsOf(ctx context.Context) callSettings {
	w, _ := ctx.Value(callSettingsKey{}).(callSettings)
	return w
}

// isAttempt reports whether req is an attempt of a Transport outside of this one. That
// one retries it, so this one must not: of several in a chain the outermost retries, as
// if it were the only one.
//
// The context of an attempt alone is no evidence. A RoundTripper between the two, such
// as a signer, may use it for requests of its own, to STS for example, and those are
// calls like any other. So the request must have the operation of the attempt. A
// RoundTripper between may have copied it, signed it, and sent it to another host; it
// has no reason to change the method or the action.
func (w callSettings) isAttempt(req *http.Request) bool {
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
