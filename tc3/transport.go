package tc3

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// skip is the Authorization of a request that must not be signed.
const skip = "SKIP"

// The codes after which a new signature can succeed. Both mean that nothing was executed.
const (
	codeSignatureExpire = "AuthFailure.SignatureExpire"
	codeTokenFailure    = "AuthFailure.TokenFailure"
)

// A Transport is an http.RoundTripper that signs each request with TC3-HMAC-SHA256. The
// zero Transport is ready to use. It may be used from many goroutines and must not be
// copied after first use.
//
// A request needs X-TC-Action, X-TC-Version and, unless it is a GET, a Content-Type; the
// caller sets these, X-TC-Region and all other headers. The Transport replaces the headers
// of the signature: Authorization, X-TC-Timestamp and X-TC-Token. A request with
// "Authorization: SKIP" passes through unchanged. A request that cannot be signed fails
// with a [RequestError] and is not sent.
type Transport struct {
	// Source returns the credentials; nil means DefaultCredentials(): the
	// environment, then the profile file.
	Source Source
	// Base sends the signed requests. nil means http.DefaultTransport as it is at
	// the first use, and never this Transport; if that is an *http.Transport, a
	// copy of it that closes idle connections after 30 seconds, because the API
	// closes them after about 60.
	Base http.RoundTripper
	// Service is the product, such as "cvm". "" means the service in the credential
	// scope of the request's Authorization header, or else the first label of its
	// host.
	Service string

	clock clock
	found atomic.Pointer[http.RoundTripper] // in place of a nil Base; nil before the first use
}

// RoundTrip signs a copy of the request and sends it. After AuthFailure.SignatureExpire
// it corrects the clock, and after AuthFailure.TokenFailure it refreshes the credentials;
// then it signs and sends the request again, at most once for each. It returns every
// other response unchanged, with its whole body.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !t.Signs(req) {
		return t.base().RoundTrip(req)
	}
	f, err := partsOf(req, t.Service)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	creds, err := credentialsOf(req.Context(), t.Source)
	if err != nil {
		closeBody(req)
		return nil, wrapSourceError(err)
	}
	p, err := newPayload(req, f.unsigned)
	if err != nil {
		return nil, err
	}
	return (&call{t: t, req: req, parts: f, payload: p, creds: creds}).run()
}

// Signs reports whether RoundTrip would sign the request: any one without
// "Authorization: SKIP". A Transport of package tcretry outside calls it, and then also
// retries after a signature made outside has expired. It may be called from many
// goroutines.
func (t *Transport) Signs(req *http.Request) bool {
	return valueOf(req.Header, headerAuthorization) != skip
}

// ServiceOf returns the service that the request is signed for, by the field Service or
// by the credential scope of the request's Authorization header, and "" if only the host
// determines it. A Transport of package tcretry outside uses it in its rules: the host
// may be that of a gateway. It may be called from many goroutines.
func (t *Transport) ServiceOf(req *http.Request) string {
	if t.Service != "" {
		return t.Service
	}
	return scopeService(req)
}

// CloseIdleConnections calls the method of that name of the base, if there is one.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// closeBody meets a requirement of http.RoundTripper: the body is closed on errors too.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // the error that counts is being returned
	}
}

// call is the state of one RoundTrip. One goroutine uses it.
type call struct {
	t       *Transport
	req     *http.Request
	parts   signedParts
	payload *payload
	creds   Credentials

	clockCorrected, tokenRefreshed bool
}

// run makes one attempt, and another one after each error that it corrects.
func (c *call) run() (*http.Response, error) {
	for body := c.payload.first; ; {
		at := c.t.clock.now()
		out := c.parts.signed(c.req, c.creds, c.payload, at)
		out.Body = body
		resp, err := c.t.base().RoundTrip(out)
		if resp == nil || err != nil {
			return resp, err
		}
		// The caller's request, without the signature.
		resp.Request = c.req
		if !c.correct(resp, at) || c.payload.again == nil || c.req.Context().Err() != nil {
			return resp, nil
		}
		if body, err = c.payload.again(); err != nil {
			return resp, nil //nolint:nilerr // a response never becomes an error
		}
		discard(resp)
	}
}

// correct reports whether the response rejects the signature for a cause that is corrected
// now. The correction applies to later calls also if this one cannot be sent again.
func (c *call) correct(resp *http.Response, signed time.Time) bool {
	rejection := peek(resp)
	switch {
	case rejection.Code == codeSignatureExpire && !c.clockCorrected:
		c.clockCorrected = true
		return c.t.clock.correct(signed, serverTimes(resp, rejection.Message))
	case rejection.Code == codeTokenFailure && !c.tokenRefreshed:
		c.tokenRefreshed = true
		creds, err := refreshedCredentials(c.req.Context(), c.t.Source, c.creds)
		if err != nil || creds.same(c.creds) {
			return false // the response is more helpful than this error
		}
		c.creds = creds
		return true
	}
	return false
}

// discard frees the connection of a response, which peek has read completely.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, peekLimit)
	_ = resp.Body.Close() // of a response that is not returned
}

// wrapSourceError adds to the error of a source that it concerns the credentials. Errors
// of this package need no addition.
func wrapSourceError(err error) error {
	if strings.HasPrefix(err.Error(), "tcretry: tc3: ") {
		return err
	}
	return fmt.Errorf("tcretry: tc3: credentials: %w", err)
}
