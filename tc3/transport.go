package tc3

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// skip is the Authorization of a request that wants no signature.
const skip = "SKIP"

// The codes that a new signature may mend. Both mean that nothing was executed.
const (
	codeSignatureExpire = "AuthFailure.SignatureExpire"
	codeTokenFailure    = "AuthFailure.TokenFailure"
)

// Transport is an http.RoundTripper that signs each request with
// TC3-HMAC-SHA256. The zero Transport is ready to use. It is for use by many
// goroutines at once and must not be copied after first use.
//
// A request needs X-TC-Action, X-TC-Version and, unless it is a GET, a
// Content-Type; X-TC-Region and the rest are the caller's too. The signature's
// own headers are Transport's: Authorization, X-TC-Timestamp and X-TC-Token are
// replaced. A request with "Authorization: SKIP" is handed on as it is.
type Transport struct {
	// Source gives the credentials; nil means Default: the environment, then the
	// profile file.
	Source Source
	// Base sends the signed requests. nil means what http.DefaultTransport is at
	// the first use, and never this Transport; if that is an *http.Transport, a
	// copy that gives up idle connections after 30 seconds, because the API closes
	// them after about 60.
	Base http.RoundTripper
	// Service is the product, such as "cvm". "" means the one in the credential
	// scope of the Authorization that the request carries, or else the first
	// label of its host.
	Service string

	clock clock
	found atomic.Pointer[http.RoundTripper] // in place of a nil Base; nil before the first use
}

// RoundTrip signs a copy of the request and sends it. It is signed and sent
// again when the answer says that the signature was at fault and the fault could
// be mended, at most once for each of two reasons: the clock
// (AuthFailure.SignatureExpire) and the token (AuthFailure.TokenFailure). In all
// other cases the answer is returned as it came, its body whole.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !t.Signs(req) {
		return t.base().RoundTrip(req)
	}
	f, err := factsOf(req, t.Service)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	creds, err := ask(req.Context(), t.Source)
	if err != nil {
		closeBody(req)
		return nil, named(err)
	}
	p, err := newPayload(req, f.unsigned)
	if err != nil {
		return nil, err
	}
	return (&call{t: t, req: req, facts: f, payload: p, creds: creds}).run()
}

// Signs reports whether the request would be signed: all are but those with
// "Authorization: SKIP". A Transport of package tcretry above asks, and does not
// stop repeating when a signature that was made above it grows old.
func (t *Transport) Signs(req *http.Request) bool {
	return valueOf(req.Header, headerAuthorization) != skip
}

// ServiceOf returns the service that the request is signed for if the field
// Service or the credential scope of the request's Authorization tells, "" if it
// is left to the host. A Transport of package tcretry outside reads it for its
// rules: the host may be a gateway's. It may be called from many goroutines.
func (t *Transport) ServiceOf(req *http.Request) string {
	if t.Service != "" {
		return t.Service
	}
	return scopeService(req)
}

// CloseIdleConnections closes those of the base, if it can.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// closeBody keeps a clause of http.RoundTripper: the body is closed on error too.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // the error that counts is being returned
	}
}

// call is the state of one RoundTrip. One goroutine uses it.
type call struct {
	t       *Transport
	req     *http.Request
	facts   facts
	payload *payload
	creds   Credentials

	clockMended, tokenMended bool
}

// run makes one attempt, and another for each fault that it can mend.
func (c *call) run() (*http.Response, error) {
	for body := c.payload.first; ; {
		at := c.t.clock.now()
		out := c.facts.signed(c.req, c.creds, c.payload, at)
		out.Body = body
		resp, err := c.t.base().RoundTrip(out)
		if resp == nil || err != nil {
			return resp, err
		}
		// The caller's own, as if nobody stood between: the signature stays here.
		resp.Request = c.req
		if !c.mend(resp, at) || c.payload.again == nil || c.req.Context().Err() != nil {
			return resp, nil
		}
		if body, err = c.payload.again(); err != nil {
			return resp, nil //nolint:nilerr // an answer never becomes an error
		}
		discard(resp)
	}
}

// mend reports whether the answer refuses the signature for a fault that is
// mended now. What it learns stays learnt even if this call cannot be repeated.
func (c *call) mend(resp *http.Response, signed time.Time) bool {
	refused := look(resp)
	switch {
	case refused.Code == codeSignatureExpire && !c.clockMended:
		c.clockMended = true
		return c.t.clock.learn(signed, told(resp, refused.Message))
	case refused.Code == codeTokenFailure && !c.tokenMended:
		c.tokenMended = true
		creds, err := renew(c.req.Context(), c.t.Source, c.creds)
		if err != nil || creds.same(c.creds) {
			return false // the answer says more than our error would
		}
		c.creds = creds
		return true
	}
	return false
}

// discard gives the connection of an answer back. The look has read all of it.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, lookLimit)
	_ = resp.Body.Close() // of an answer that nobody will read
}

// named says of a source's error that it is one of the credentials; ours do.
func named(err error) error {
	if strings.HasPrefix(err.Error(), "tcretry: tc3: ") {
		return err
	}
	return fmt.Errorf("tcretry: tc3: credentials: %w", err)
}
