package conformance

import (
	"context"
	"errors"
	"net/http"
)

// errorRequirements are those on errors and on idle connections.
var errorRequirements = []roundTripRequirement{{
	name: "the base's error is returned",
	why:  "callers look for causes (net.OpError, x509 errors, io.EOF) by errors.Is and errors.As: wrap with %w, or not at all",
	check: func(p *probe) {
		resp, err := p.call(wellBehaved(func(*http.Request) (*http.Response, error) {
			return nil, &baseError{errDetail}
		}), newRequest(context.Background(), nil, 0))
		p.discard(resp)
		var typed *baseError
		if !errors.Is(err, errDetail) || !errors.As(err, &typed) {
			p.errorf("RoundTrip returned the error %v, want one that errors.Is and errors.As find the base's in", err)
		}
	},
}, {
	name: "a timeout stays a timeout",
	why:  "http.Client calls Timeout() of the error itself to detect that its time has expired: a wrapped error must forward it",
	check: func(p *probe) {
		resp, err := p.call(wellBehaved(func(*http.Request) (*http.Response, error) {
			return nil, timeoutError{}
		}), newRequest(context.Background(), nil, 0))
		p.discard(resp)
		if timeout, ok := err.(interface{ Timeout() bool }); !ok || !timeout.Timeout() {
			p.errorf("RoundTrip returned the error %v of type %T, whose Timeout() is not true as the base's is", err, err)
		}
	},
}, {
	name: "CloseIdleConnections passes through",
	why:  "http.Client.CloseIdleConnections calls the method of its Transport only: the wrapper must have it and call that of the base",
	check: func(p *probe) {
		base := &idler{RoundTripper: fixed(http.StatusOK, "application/json", success)}
		client := &http.Client{Transport: p.wrap(base)}
		client.CloseIdleConnections()
		if base.closed != 1 {
			p.errorf("CloseIdleConnections of the base was called %d times, want once", base.closed)
		}
	},
}}

// timeoutError is a timeout other than that of a context.
type timeoutError struct{}

func (timeoutError) Error() string   { return "base: too slow" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

// idler counts the calls of CloseIdleConnections.
type idler struct {
	http.RoundTripper
	closed int
}

func (b *idler) CloseIdleConnections() { b.closed++ }
