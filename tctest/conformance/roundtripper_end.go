package conformance

import (
	"context"
	"errors"
	"net/http"
)

// endClauses say how errors, and connections, end.
var endClauses = []clause{{
	name: "the base's error is passed on",
	why:  "callers look for causes (net.OpError, x509 errors, io.EOF) by errors.Is and errors.As: wrap with %w, or not at all",
	check: func(p *probe) {
		resp, err := p.call(polite(func(*http.Request) (*http.Response, error) {
			return nil, &baseError{errDetail}
		}), kitRequest(context.Background(), nil, 0))
		p.discard(resp)
		var typed *baseError
		if !errors.Is(err, errDetail) || !errors.As(err, &typed) {
			p.errorf("RoundTrip returned the error %v, want one that errors.Is and errors.As find the base's in", err)
		}
	},
}, {
	name: "a time-out stays a time-out",
	why:  "http.Client asks the error itself for Timeout() to say that its time is over: a wrapped error must forward it",
	check: func(p *probe) {
		resp, err := p.call(polite(func(*http.Request) (*http.Response, error) {
			return nil, timeoutError{}
		}), kitRequest(context.Background(), nil, 0))
		p.discard(resp)
		if timeout, ok := err.(interface{ Timeout() bool }); !ok || !timeout.Timeout() {
			p.errorf("RoundTrip returned the error %v of type %T, whose Timeout() is not true as the base's is", err, err)
		}
	},
}, {
	name: "CloseIdleConnections passes through",
	why:  "http.Client.CloseIdleConnections asks its Transport, and nobody else: the wrapper must have the method and pass it on",
	check: func(p *probe) {
		base := &idler{RoundTripper: fixed(http.StatusOK, "application/json", success)}
		client := &http.Client{Transport: p.wrap(base)}
		client.CloseIdleConnections()
		if base.closed != 1 {
			p.errorf("the base was told %d times to close its idle connections, want once", base.closed)
		}
	},
}}

// timeoutError is a time-out that is no context's.
type timeoutError struct{}

func (timeoutError) Error() string   { return "base: too slow" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

// idler counts how often it is told to close its idle connections.
type idler struct {
	http.RoundTripper
	closed int
}

func (b *idler) CloseIdleConnections() { b.closed++ }
