package base

import (
	"context"
	"net/http"
)

// guard prevents endless recursion. At the first use of a zero Transport,
// http.DefaultTransport may wrap that Transport itself, however deep:
// http.DefaultTransport = otelhttp.NewTransport(new(tcretry.Transport)), or
// = tcretry.New(new(tc3.Transport)). That cannot be detected from outside. So each
// request is marked. One that returns with the mark is sent by the transport that the
// program started with, and so are all later ones.
//
// The mark is in the context, which every RoundTripper in between keeps. This is the
// only case in which a request to another service is copied.
type guard struct {
	d        *Default
	original http.RoundTripper
	api      bool
}

// guardKey is the key of the mark of a Default.
type guardKey struct{ d *Default }

// RoundTrip sends req by the original, unless req came from there.
func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Context().Value(guardKey{g.d}) != nil {
		g.d.found.Store(&found{original: initial})
		if g.api {
			return g.d.API(nil).RoundTrip(req)
		}
		return initial.RoundTrip(req)
	}
	sent := req.WithContext(context.WithValue(req.Context(), guardKey{g.d}, true))
	resp, err := g.original.RoundTrip(sent)
	if resp != nil && resp.Request == sent {
		resp.Request = req
	}
	return resp, err
}

// Signs forwards the method of a tcretry.Signer. It is false if the original has none.
func (g guard) Signs(req *http.Request) bool {
	s, ok := g.original.(interface{ Signs(*http.Request) bool })
	return ok && s.Signs(req)
}
