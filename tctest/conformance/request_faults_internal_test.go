package conformance

import (
	"context"
	"io"
	"net/http"
	"strings"
)

// requestFaults are wrappers with one fault each, as people make them, in how they treat
// the request.
var requestFaults = []fault{
	{"request is not modified", "sets a header on the caller's request", func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		req.Header.Set("X-Attempt", "1")
		return base.RoundTrip(req)
	}},
	{"request is not modified", "sets a header through a shallow copy", func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		sent := *req
		sent.Header.Set("X-Attempt", "1")
		return base.RoundTrip(&sent)
	}},
	{"request is not modified", "sets a header and takes it back", func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		req.Header.Set("X-Attempt", "1")
		defer req.Header.Del("X-Attempt")
		return base.RoundTrip(req)
	}},
	{"request is not modified", "swaps the body", func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		if req.Body != nil && req.Body != http.NoBody {
			req.Body = &struct{ io.ReadCloser }{req.Body}
		}
		return base.RoundTrip(req)
	}},
	{"request arrives unchanged", "makes the header's keys canonical", sending(func(sent *http.Request) {
		for key, values := range sent.Header {
			delete(sent.Header, key)
			sent.Header[http.CanonicalHeaderKey(key)] = values
		}
	})},
	{"request arrives unchanged", "joins the values of a header", sending(func(sent *http.Request) {
		for key, values := range sent.Header {
			sent.Header[key] = []string{strings.Join(values, ", ")}
		}
	})},
	{"request arrives unchanged", "sorts the query", sending(func(sent *http.Request) { sent.URL.RawQuery = sent.URL.Query().Encode() })},
	{"request arrives unchanged", "takes the host from the URL", sending(func(sent *http.Request) { sent.Host = sent.URL.Host })},
	{"context values arrive", "starts a context of its own", func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		ctx, cancel := context.WithCancelCause(context.Background())
		if req.Context().Err() != nil {
			cancel(context.Cause(req.Context()))
		}
		context.AfterFunc(req.Context(), func() { cancel(context.Cause(req.Context())) })
		return base.RoundTrip(req.WithContext(ctx))
	}},
	{"cancellation arrives", "keeps the values of the context only", func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		if err := req.Context().Err(); err != nil {
			_ = req.Body.Close()
			return nil, err
		}
		return base.RoundTrip(req.WithContext(context.WithoutCancel(req.Context())))
	}},
	{"context lasts as long as the body", "defers the cancel", func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		// Of a context that http.Transport would bind the body to; the
		// streams of the suite go on, so that only one requirement sees it.
		if req.Body != nil {
			return base.RoundTrip(req)
		}
		ctx, cancel := context.WithCancel(req.Context())
		resp, err := base.RoundTrip(req.WithContext(ctx))
		if resp == nil || !strings.HasPrefix(strings.ToLower(resp.Header.Get("Content-Type")), "text/event-stream") {
			defer cancel()
		}
		_ = cancel
		return resp, err
	}},
	{"concurrent calls", "returns the last response", lastResponse()},
	{"request body arrives whole", "does not read beyond 64 KiB", sending(func(sent *http.Request) {
		if sent.ContentLength > 64<<10 {
			limited := io.LimitReader(sent.Body, 64<<10)
			sent.Body = &struct {
				io.Reader
				io.Closer
			}{limited, sent.Body}
		}
	})},
	{"request body arrives whole", "drops a body with GetBody", sending(func(sent *http.Request) {
		if sent.GetBody != nil {
			_ = sent.Body.Close()
			sent.Body, sent.ContentLength = nil, 0
		}
	})},
	{"request length arrives", "loses the length", sending(func(sent *http.Request) {
		if sent.Body != nil && sent.Body != http.NoBody {
			sent.ContentLength = -1
		}
	})},
	{"request length arrives", "invents a length", sending(func(sent *http.Request) {
		if sent.ContentLength < 0 {
			sent.ContentLength = 2
		}
	})},
	{"no request body", "wraps a body that is not there", sending(func(sent *http.Request) {
		if sent.Body == nil {
			sent.Body = io.NopCloser(strings.NewReader(""))
		}
	})},
	{"request body is closed once, after a response", "closes again", closing(2, func(req *http.Request, resp *http.Response) bool {
		return resp != nil && resp.StatusCode == http.StatusOK
	})},
	{"request body is closed once, after a response", "never closes", closing(0, func(req *http.Request, resp *http.Response) bool {
		return resp != nil && resp.StatusCode == http.StatusOK
	})},
	{"request body is closed once, after an error", "never closes", closing(0, func(req *http.Request, resp *http.Response) bool {
		return resp == nil && req.Context().Err() == nil
	})},
	{"request body is closed once, after an error", "closes again", closing(2, func(req *http.Request, resp *http.Response) bool {
		return resp == nil && req.Context().Err() == nil
	})},
	{"request body is closed once, after an early response", "closes what the base closes later", func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if resp != nil && resp.StatusCode == http.StatusRequestEntityTooLarge {
			_ = req.Body.Close()
		}
		return resp, err
	}},
	{"request body is closed once, after a cancelled context", "returns early", func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		if err := req.Context().Err(); err != nil {
			return nil, err
		}
		return base.RoundTrip(req)
	}},
	{"request body is closed once, after a cancelled context", "returns an error of its own", func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		if req.Context().Err() != nil && req.Body != nil {
			_ = req.Body.Close()
			return nil, io.ErrUnexpectedEOF
		}
		return base.RoundTrip(req)
	}},
	{"an error of the request body ends the call", "ends the body instead", sending(func(sent *http.Request) {
		if body := sent.Body; body != nil && body != http.NoBody {
			sent.Body = &struct {
				io.Reader
				io.Closer
			}{swallow{body}, body}
		}
	})},
}
