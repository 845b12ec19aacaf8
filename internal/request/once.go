package request

import (
	"io"
	"net/http"
)

// ForbidResend keeps net/http from sending a request again by itself, for one that
// is not idempotent and that mayBeResent.
//
// net/http resends a request when a connection that it had used before ends
// without a byte of an answer, and then nobody knows whether the server executed
// it. It does so by method, GET among them, and by Idempotency-Key, if the
// request has no body or a GetBody: Request.isReplayable. The API takes orders
// by GET, so such an order is given a body that is empty and has no GetBody.
// net/http looks whether a body of unknown length holds anything before it sends
// a GET, a HEAD or an OPTIONS: over HTTP/1.1 the bytes on the wire are the same.
// Over HTTP/2 an empty DATA frame ends the request in the place of a flag.
//
// It is tempting to give it a GetBody that fails instead. The caller would get
// that failure, and not what happened to the connection; and over HTTP/2 the call
// would not see that the server refused the stream, and could not retry. So a base
// that calls GetBody without a check for nil, which works with the requests of the
// official SDK, panics on a non-idempotent GET: a base must make that check.
//
// What net/http resends because nothing was sent, or because an HTTP/2 server
// says that it did not process it, is then repeated by the call: Transient.
func ForbidResend(sent *http.Request) {
	if sent.Body == nil {
		sent.TransferEncoding = nil // net/http ignores it without a body
	}
	if isEmpty(sent.Body) {
		sent.Body, sent.ContentLength = nothing{}, 0
	}
	sent.GetBody = nil
}

// MayBeResent is the rule of net/http, less what forbidResend cannot change without
// changing what is sent: a TRACE and a POST that have no body. The API takes
// neither.
func MayBeResent(req *http.Request) bool {
	empty := isEmpty(req.Body)
	switch {
	case !empty && req.GetBody == nil, req.Body == nil && req.ContentLength != 0:
		return false
	case !safeMethod(req.Method):
		return !empty && hasReplayKey(req.Header)
	}
	return !empty || req.Method != http.MethodTrace
}

// hasReplayKey reports whether the header has a key by which net/http resends a
// request, whatever its method. It looks for these spellings and for no value: the
// official SDK's constant, which proves nothing, is enough for it.
func hasReplayKey(h http.Header) bool {
	_, ok := h["Idempotency-Key"]
	if !ok {
		_, ok = h["X-Idempotency-Key"]
	}
	return ok
}

func isEmpty(body io.ReadCloser) bool { return body == nil || body == http.NoBody }

// nothing is an empty body that net/http does not know as one.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }

func (nothing) Close() error { return nil }

// Len tells a base that must know a body before it sends it, as tc3, that there
// is nothing to keep.
func (nothing) Len() int { return 0 }
