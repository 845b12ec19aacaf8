package conformance

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing/synctest"
	"time"
)

const closeRule = `http.RoundTripper: "RoundTrip must always close the body, including on errors, but depending on the ` +
	`implementation may do so in a separate goroutine even after RoundTrip returns"; once, whoever does it`

// bodyRequirements are those on the request's body.
var bodyRequirements = []roundTripRequirement{{
	name: "request body arrives whole",
	why:  "the base reads every byte of the body, of any length, whether or not the request has GetBody",
	check: func(p *probe) {
		for _, text := range []string{"{}", strings.Repeat("0123456789abcdef", 4096), strings.Repeat("x", 256<<10+1)} {
			for _, known := range []bool{true, false} {
				p.wantBody(text, known)
			}
		}
	},
}, {
	name: "request length arrives",
	why: "Request.ContentLength determines how the base sends the body: the number of bytes if that is known, and not a number " +
		"if it is not (http.Request: 0 with a body, and -1, mean unknown)",
	check: func(p *probe) {
		for _, size := range []int64{2, -1} {
			base := baseFunc(func(sent *http.Request) (*http.Response, error) {
				if unknown := sent.ContentLength <= 0 && sent.Body != nil && sent.Body != http.NoBody; sent.ContentLength != size && (size > 0 || !unknown) {
					p.errorf("the base got ContentLength %d, want %d", sent.ContentLength, size)
				}
				return fixed(http.StatusOK, "application/json", success)(sent)
			})
			p.discard(p.mustRespond("a call with a body", base, newRequest(context.Background(), newRequestBody("{}"), size)))
		}
	},
}, {
	name: "no request body",
	why:  "a request without a body (nil or http.NoBody) is sent without one: with a body of unknown length it would be chunked",
	check: func(p *probe) {
		for _, body := range []io.ReadCloser{nil, http.NoBody} {
			base := wellBehaved(func(sent *http.Request) (*http.Response, error) {
				if sent.Body != nil && sent.Body != http.NoBody || sent.ContentLength != 0 {
					p.errorf("the base got a body of length %d, want none", sent.ContentLength)
				}
				return fixed(http.StatusOK, "application/json", success)(sent)
			})
			p.discard(p.mustRespond("a call without a body", base, newRequest(context.Background(), body, 0)))
		}
	},
}, {
	name: "request body is closed once, after a response",
	why:  closeRule,
	check: func(p *probe) {
		body := newRequestBody("{}")
		p.discard(p.mustRespond("a call", fixed(http.StatusOK, "application/json", success), newRequest(context.Background(), body, 2)))
		p.wantClosedOnce(body)
	},
}, {
	name: "request body is closed once, after an error",
	why:  closeRule,
	check: func(p *probe) {
		body := newRequestBody("{}")
		resp, _ := p.call(wellBehaved(func(*http.Request) (*http.Response, error) {
			return nil, &baseError{errDetail}
		}), newRequest(context.Background(), body, 2))
		p.discard(resp)
		p.wantClosedOnce(body)
	},
}, {
	name: "request body is closed once, after an early response",
	why:  closeRule + "; a base may respond before it has read the body, and close it later",
	check: func(p *probe) {
		body := newRequestBody(strings.Repeat("x", 1<<20))
		base := baseFunc(func(sent *http.Request) (*http.Response, error) {
			if sent.Body != nil {
				time.AfterFunc(time.Second, func() { _ = sent.Body.Close() })
			}
			return newResponse(sent, http.StatusRequestEntityTooLarge, "text/html", &responseBody{data: "<html>"}, 6), nil
		})
		p.discard(p.mustRespond("a base that responds early", base, newRequest(context.Background(), body, 1<<20)))
		time.Sleep(time.Minute)
		p.wantClosedOnce(body)
	},
}, {
	name: "request body is closed once, after a cancelled context",
	why:  closeRule + "; also when the context has ended before the call",
	check: func(p *probe) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		body := newRequestBody("{}")
		resp, err := p.call(fixed(http.StatusOK, "application/json", success), newRequest(ctx, body, 2))
		p.wantCanceled(resp, err)
		p.wantClosedOnce(body)
	},
}, {
	name: "an error of the request body ends the call",
	why:  "an error of the caller's body while it is read is the error of the call",
	check: func(p *probe) {
		body := &requestBody{Reader: io.MultiReader(strings.NewReader("{"), failingReader{})}
		resp, err := p.call(fixed(http.StatusOK, "application/json", success), newRequest(context.Background(), body, 2))
		p.discard(resp)
		if !errors.Is(err, errDetail) {
			p.errorf("RoundTrip returned the error %v, want one that is the body's", err)
		}
	},
}}

// failingReader fails.
type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errDetail }

// wantBody makes a call whose body must arrive as text.
func (p *probe) wantBody(text string, known bool) {
	req := newRequest(context.Background(), newRequestBody(text), -1)
	if known {
		req.ContentLength = int64(len(text))
		req.GetBody = func() (io.ReadCloser, error) { return newRequestBody(text), nil }
	}
	base := baseFunc(func(sent *http.Request) (*http.Response, error) {
		if sent.Body == nil {
			p.errorf("the base got no body, want %d bytes", len(text))
		} else {
			got, err := io.ReadAll(sent.Body)
			if err != nil || string(got) != text {
				p.errorf("the base read a body of %d bytes (error %v), want the caller's %d", len(got), err, len(text))
			}
		}
		return fixed(http.StatusOK, "application/json", success)(sent)
	})
	p.discard(p.mustRespond("a call with a body", base, req))
}

// wantClosedOnce checks a body after all goroutines have finished or wait.
func (p *probe) wantClosedOnce(body *requestBody) {
	synctest.Wait()
	if n := body.closed(); n != 1 {
		p.errorf("the request's body was closed %d times, want once", n)
	}
}

func isCanceled(err error) bool { return errors.Is(err, context.Canceled) }
