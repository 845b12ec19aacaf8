package request

import (
	"io"
	"net/http"
)

// ForbidResend changes sent, a copy that is about to be sent, so that net/http does not
// resend it by itself. It is for a request that is not idempotent and that MayBeResent.
//
// net/http resends a request when a connection that it has used before ends without a
// byte of a response. Whether the server executed the request is unknown then. net/http
// decides that by the method, GET among them, and by Idempotency-Key, if the request has
// no body or has a GetBody: Request.isReplayable. The API accepts non-idempotent actions
// over GET, so such a request receives an empty body without GetBody. Before net/http
// sends a GET, a HEAD or an OPTIONS with a body of unknown length, it reads whether the
// body is empty: over HTTP/1.1 the bytes on the wire are the same. Over HTTP/2 an empty
// DATA frame ends the request in place of a flag.
//
// It is tempting to set a GetBody that fails instead. But the caller would receive that
// error, and not that of the connection; and over HTTP/2 the call could not detect that
// the server refused the stream, and could not retry. So an underlying RoundTripper that
// calls GetBody without a check for nil panics on a non-idempotent GET, although it
// works with the requests of the official SDK. It must make that check.
//
// If nothing was sent, or an HTTP/2 server did not process the request, net/http would
// have resent it. The call retries it instead: Transient.
func ForbidResend(sent *http.Request) {
	if sent.Body == nil {
		sent.TransferEncoding = nil // net/http ignores it without a body
	}
	if isEmpty(sent.Body) {
		sent.Body, sent.ContentLength = emptyBody{}, 0
	}
	sent.GetBody = nil
}

// MayBeResent reports whether net/http may resend req by itself, and ForbidResend can
// prevent that. It cannot, without changing the bytes that are sent, for a TRACE or a
// POST without a body; the API accepts neither.
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

// hasReplayKey reports whether the header has a key for which net/http resends a
// request, whatever its method. As in net/http, these spellings count, with any value:
// also with the constant of the official SDK, which identifies no request.
func hasReplayKey(h http.Header) bool {
	_, ok := h["Idempotency-Key"]
	if !ok {
		_, ok = h["X-Idempotency-Key"]
	}
	return ok
}

func isEmpty(body io.ReadCloser) bool { return body == nil || body == http.NoBody }

// emptyBody is an empty body that net/http does not recognise as one.
type emptyBody struct{}

func (emptyBody) Read([]byte) (int, error) { return 0, io.EOF }

func (emptyBody) Close() error { return nil }

// Len returns 0: an underlying RoundTripper that reads a body before it sends it, such as
// tc3, need not do so.
func (emptyBody) Len() int { return 0 }
