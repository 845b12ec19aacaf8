package tcretry

import "net/http"

// A Signer is a base that signs each attempt itself, such as a tc3.Transport,
// and so makes a signature that the request has already, as those of the
// official SDK have, one that is not sent: it does not grow old, and does not
// stand in the way of [WithClientTokens]. A transport that wraps one forwards
// the method.
type Signer interface {
	http.RoundTripper
	// Signs reports whether an attempt with this request would be signed anew.
	// It is called from many goroutines at once and must not read or change the
	// request.
	Signs(*http.Request) bool
}

// signsAnew says that the base signs each attempt of the call.
func (c *call) signsAnew() bool {
	s, ok := c.t.wrapped().(Signer)
	return ok && s.Signs(c.req)
}
