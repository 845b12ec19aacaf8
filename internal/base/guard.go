package base

import (
	"context"
	"net/http"
)

// guard keeps a request from going in circles. At the first use of a zero
// Transport, http.DefaultTransport can be what the Transport itself was put into,
// however deep: http.DefaultTransport = otelhttp.NewTransport(new(tcretry.Transport)),
// or = tcretry.New(new(tc3.Transport)). That cannot be seen from outside. So each
// request is marked, and one that comes back with the mark goes to the transport that the
// program started with; from then on all do.
//
// The mark is in the context, which whatever stands between passes on. It makes
// this the one case in which a request to another service is copied.
type guard struct {
	d        *Default
	original http.RoundTripper
	api      bool
}

// guardKey is the key of the mark of a Default.
type guardKey struct{ d *Default }

// RoundTrip sends req to the original, unless it came from there.
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

// Signs forwards the method of a tcretry.Signer.
func (g guard) Signs(req *http.Request) bool {
	s, ok := g.original.(interface{ Signs(*http.Request) bool })
	return ok && s.Signs(req)
}
