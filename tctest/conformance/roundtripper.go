package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// TestRoundTripper checks any wrapper of an [http.RoundTripper], such as one that
// retries, signs, limits, logs or traces. The RoundTripper that wrap returns must keep
// the contract of that interface and must otherwise be transparent: the underlying
// RoundTripper gets the caller's request, and the caller gets its response. It may add
// headers to the request, retry the request and wait.
//
//	func TestContract(t *testing.T) {
//		conformance.TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper {
//			return mytransport.New(base)
//		})
//	}
//
// Each requirement is a subtest, whose failure explains it. It runs in a
// testing/synctest bubble, so that waiting takes no time. The function wrap is called
// in the bubble, once or more for each requirement, and must leave no goroutine behind.
func TestRoundTripper(t *testing.T, wrap func(base http.RoundTripper) http.RoundTripper) {
	t.Helper()
	for _, c := range roundTripRequirements() {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, problem := range c.run(wrap) {
					t.Errorf("%s\n\tthe contract: %s", problem, c.why)
				}
			})
		})
	}
}

// A roundTripRequirement is one requirement of a RoundTripper.
type roundTripRequirement struct {
	name  string
	why   string
	check func(*probe)
}

// roundTripRequirements returns all of them, in the order of a call.
func roundTripRequirements() []roundTripRequirement {
	return slices.Concat(requestRequirements, bodyRequirements, responseRequirements, streamRequirements, errorRequirements)
}

// run returns how a wrapper violates the requirement. It must be called in a bubble.
func (c roundTripRequirement) run(wrap func(http.RoundTripper) http.RoundTripper) []string {
	p := &probe{wrap: wrap}
	func() {
		defer func() {
			if v := recover(); v != nil {
				p.errorf("it panicked: %v", v)
			}
		}()
		c.check(p)
	}()
	return p.problems
}

// probe calls a wrapper and records what is wrong.
type probe struct {
	wrap func(http.RoundTripper) http.RoundTripper

	mu       sync.Mutex
	problems []string // guarded by mu
}

func (p *probe) errorf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	problem := fmt.Sprintf(format, args...)
	// A wrapper that retries does the same thing wrong in each attempt.
	if !slices.Contains(p.problems, problem) {
		p.problems = append(p.problems, problem)
	}
}

// call makes one call through a new wrapper.
func (p *probe) call(base http.RoundTripper, req *http.Request) (*http.Response, error) {
	return p.wrap(base).RoundTrip(req)
}

// mustRespond makes one call and returns its response, or nil if it did not end with one.
func (p *probe) mustRespond(situation string, base http.RoundTripper, req *http.Request) *http.Response {
	resp, err := p.call(base, req)
	switch {
	case err != nil:
		p.errorf("%s: RoundTrip returned the error %q, want the base's response", situation, err)
		if resp != nil && resp.Body != nil {
			_ = resp.Body.Close()
		}
		return nil
	case resp == nil:
		p.errorf("%s: RoundTrip returned neither a response nor an error", situation)
		return nil
	case resp.Body == nil:
		p.errorf("%s: the response's body is nil", situation)
		return nil
	}
	return resp
}

// baseFunc is an underlying RoundTripper.
type baseFunc func(*http.Request) (*http.Response, error)

func (f baseFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// wellBehaved returns a base that treats the request as http.Transport does: it reads
// the body and closes it, and returns an error if the context has ended.
func wellBehaved(respond baseFunc) baseFunc {
	return func(req *http.Request) (*http.Response, error) {
		if req.Body != nil {
			_, err := io.Copy(io.Discard, req.Body)
			_ = req.Body.Close()
			if err != nil {
				return nil, err
			}
		}
		if req.Context().Err() != nil {
			return nil, context.Cause(req.Context())
		}
		return respond(req)
	}
}

// fixed returns a base whose responses are all the same.
func fixed(status int, contentType, body string) baseFunc {
	return wellBehaved(func(req *http.Request) (*http.Response, error) {
		return newResponse(req, status, contentType, &responseBody{data: body}, int64(len(body))), nil
	})
}

func newResponse(req *http.Request, status int, contentType string, body io.ReadCloser, size int64) *http.Response {
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {contentType}}, Body: body, ContentLength: size, Request: req,
	}
}

const success = `{"Response":{"TotalCount":0,"RequestId":"b5b41468-520d-4192-b42f-595cc34b6c1c"}}`

// newRequest returns a request like those to the API. A nil body means none.
func newRequest(ctx context.Context, body io.ReadCloser, size int64) *http.Request {
	req := (&http.Request{
		Method: http.MethodPost, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		URL: &url.URL{Scheme: "https", Host: "cvm.tencentcloudapi.com", Path: "/"}, Host: "cvm.tencentcloudapi.com",
	}).WithContext(ctx)
	req.Header.Set("Content-Type", "application/json")
	// As clients write it that do not use http.Header.Set.
	req.Header["X-TC-Action"] = []string{"RunInstances"}
	req.Header.Set("X-TC-Version", "2017-03-12")
	if body != nil {
		req.Body, req.ContentLength = body, size
	}
	return req
}

// requestBody is the body of a request; it counts how often it is closed.
type requestBody struct {
	io.Reader
	mu     sync.Mutex
	closes int
}

func newRequestBody(text string) *requestBody { return &requestBody{Reader: strings.NewReader(text)} }

func (b *requestBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closes++
	return nil
}

func (b *requestBody) closed() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closes
}

// responseBody is the body of a response: its data, then its error or io.EOF.
type responseBody struct {
	data string
	err  error
	// ctx, if set, ends the reading when it ends.
	ctx context.Context
	// atEnd, if set, is called before io.EOF.
	atEnd func()

	mu     sync.Mutex
	off    int // guarded by mu
	closes int // guarded by mu
}

func (b *responseBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closes > 0:
		return 0, http.ErrBodyReadAfterClose
	case b.ctx != nil && b.ctx.Err() != nil:
		return 0, context.Cause(b.ctx)
	case b.off == len(b.data):
		if b.err != nil {
			return 0, b.err
		}
		if b.atEnd != nil {
			b.atEnd()
		}
		return 0, io.EOF
	}
	n := copy(p, b.data[b.off:])
	b.off += n
	return n, nil
}

func (b *responseBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closes++
	return nil
}

func (b *responseBody) closed() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closes
}

// baseError is the error of a base.
type baseError struct{ cause error }

func (e *baseError) Error() string { return "base: " + e.cause.Error() }
func (e *baseError) Unwrap() error { return e.cause }

var (
	errDetail = errors.New("the cable is cut")
	errPair   = errors.New("the base could not")
)
