package tcsdk

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/tcretry/tcretry"
)

// idleTimeout is how long the SDK keeps an idle connection: Init of its
// common/client.go. The API closes one after about 60 seconds.
const idleTimeout = 30 * time.Second

// baseKey is the key under which a context holds the underlying RoundTripper of a
// client, a chosen.
type baseKey struct{}

// chosen holds nil for the router's own.
type chosen struct{ base http.RoundTripper }

// clientTransport is the RoundTripper of one client: the shared Transport over what the
// client used before.
type clientTransport struct {
	t    *Transport
	base http.RoundTripper // nil for the router's own
}

// RoundTrip makes one call of the client.
func (b *clientTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	return with(b.t.Transport, req, chosen{b.base})
}

// CloseIdleConnections closes those of the client.
func (b *clientTransport) CloseIdleConnections() {
	if b.base == nil {
		closeIdle(b.t.router.own)
		return
	}
	closeIdle(b.base)
}

// with sends a copy of req whose context holds the RoundTripper to use.
func with(rt http.RoundTripper, req *http.Request, c chosen) (*http.Response, error) {
	sent := req.WithContext(context.WithValue(req.Context(), baseKey{}, c))
	resp, err := rt.RoundTrip(sent)
	if resp != nil && resp.Request == sent {
		resp.Request = req
	}
	return resp, err
}

// router is the underlying RoundTripper of a Transport: it sends each request over
// that of the client which made it.
type router struct {
	own      http.RoundTripper // of requests that no client of Use made
	original http.RoundTripper // http.DefaultTransport as it was when the router was made
}

func newRouter() *router {
	return &router{
		// The default of tcretry.New(nil): this Transport has no request in scope.
		own:      tcretry.New(nil, tcretry.WithScope(func(*http.Request) bool { return false })),
		original: http.DefaultTransport,
	}
}

// of returns the RoundTripper for a request, and whether a client of Use chose it.
func (r *router) of(req *http.Request) (http.RoundTripper, bool) {
	c, ok := req.Context().Value(baseKey{}).(chosen)
	if c.base == nil {
		return r.own, ok
	}
	return c.base, ok
}

// RoundTrip sends an attempt. The underlying RoundTripper may use the context of the
// attempt for requests of its own, to STS for example. Those must not use the
// RoundTripper of the client: a signer would call itself.
func (r *router) RoundTrip(req *http.Request) (*http.Response, error) {
	base, ok := r.of(req)
	if !ok {
		return base.RoundTrip(req)
	}
	return with(base, req, chosen{})
}

// Signs forwards the method of a tcretry.Signer.
func (r *router) Signs(req *http.Request) bool {
	base, _ := r.of(req)
	s, ok := base.(tcretry.Signer)
	return ok && s.Signs(req)
}

// ServiceOf forwards the method that tcretry.WithService describes.
func (r *router) ServiceOf(req *http.Request) string {
	base, _ := r.of(req)
	if s, ok := base.(interface{ ServiceOf(*http.Request) string }); ok {
		return s.ServiceOf(req)
	}
	return ""
}

// CloseIdleConnections closes those of requests that no client of Use made.
func (r *router) CloseIdleConnections() { closeIdle(r.own) }

func closeIdle(rt http.RoundTripper) {
	if c, ok := rt.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// withProxy returns the transport that the SDK makes for a client with a proxy, nil if it
// could not make one.
func (r *router) withProxy(proxy *url.URL) http.RoundTripper {
	original, ok := r.original.(*http.Transport)
	if !ok {
		return nil
	}
	own := original.Clone()
	own.IdleConnTimeout = idleTimeout
	own.Proxy = http.ProxyURL(proxy)
	return own
}
