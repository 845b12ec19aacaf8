package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/tcretry/tcretry/tctest/internal/stream"
)

// responseFaults are wrappers with one fault each in how they treat the response.
var responseFaults = []fault{
	{"a response is no error", "makes an error of a 503", func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if resp != nil && resp.StatusCode == http.StatusServiceUnavailable {
			_ = resp.Body.Close()
			return nil, errors.New("503")
		}
		return resp, err
	}},
	{"a response is no error", "makes an error of an error in the envelope", func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if resp == nil || resp.ContentLength < 10 || resp.ContentLength > 200 || resp.Uncompressed {
			return resp, err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte(`"Error"`)) {
			return nil, errors.New("the API failed")
		}
		resp.Body = &responseBody{data: string(body), err: err}
		return resp, nil
	}},
	{"a response or an error", "swallows the error", onPair(func(error) (*http.Response, error) { return nil, nil })},
	{"a response or an error", "returns a response beside it", onPair(func(err error) (*http.Response, error) {
		return &http.Response{Body: http.NoBody}, err
	})},
	{"a response or an error", "invents a response", onPair(func(error) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusBadGateway, Body: http.NoBody}, nil
	})},
	{"response body is never nil", "drops an empty body", func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if resp != nil && resp.StatusCode == http.StatusNoContent {
			resp.Body = nil
		}
		return resp, err
	}},
	{"redirects are not followed", "follows", func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if resp != nil && resp.StatusCode == http.StatusFound {
			sent := req.Clone(req.Context())
			sent.URL.Path = resp.Header.Get("Location")
			return base.RoundTrip(sent)
		}
		return resp, err
	}},
	{"redirects are not followed", "follows, and returns the redirect", func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if resp != nil && resp.StatusCode == http.StatusFound {
			sent := req.Clone(req.Context())
			sent.URL.Path = resp.Header.Get("Location")
			if followed, err := base.RoundTrip(sent); err == nil {
				_ = followed.Body.Close()
			}
		}
		return resp, err
	}},
	{"redirects are not followed", "changes their status", receiving(func(resp *http.Response) {
		if resp.StatusCode == http.StatusFound {
			resp.StatusCode = http.StatusOK
		}
	})},
	{"an upgraded connection can be written", "hides the writer", receiving(func(resp *http.Response) {
		resp.Body = &struct{ io.ReadCloser }{resp.Body}
	})},
	{"response head is intact", "has the length of the body that HEAD has not", receiving(func(resp *http.Response) {
		if resp.Request.Method == http.MethodHead {
			resp.ContentLength = 0
		}
	})},
	{"response head is intact", "says -1 for the length", receiving(func(resp *http.Response) { resp.ContentLength = -1 })},
	{"response head is intact", "finds a length in the body of a HEAD", receiving(func(resp *http.Response) {
		if resp.Body == http.NoBody {
			resp.ContentLength = 0
		}
	})},
	{"response head is intact", "forgets Uncompressed", receiving(func(resp *http.Response) { resp.Uncompressed = false })},
	{"response head is intact", "forgets TransferEncoding", receiving(func(resp *http.Response) { resp.TransferEncoding = nil })},
	{"response head is intact", "forgets TLS", receiving(func(resp *http.Response) { resp.TLS = nil })},
	{"response head is intact", "forgets the second of two headers", receiving(func(resp *http.Response) {
		for key := range resp.Header {
			resp.Header.Set(key, resp.Header.Get(key))
		}
	})},
	{"response body is intact", "adds a line feed", receiving(func(resp *http.Response) {
		if resp.StatusCode == http.StatusOK && resp.ContentLength > 64<<10 && resp.ContentLength < 1<<20 {
			resp.Body = &struct {
				io.Reader
				io.Closer
			}{io.MultiReader(resp.Body, strings.NewReader("\n")), resp.Body}
		}
	})},
	{"response body is intact", "cuts at 64 KiB", receiving(func(resp *http.Response) {
		if resp.ContentLength > 64<<10 && resp.ContentLength < 1<<20 {
			resp.Body = &struct {
				io.Reader
				io.Closer
			}{io.LimitReader(resp.Body, 64<<10), resp.Body}
		}
	})},
	{"response body is intact", "loses what does not fit in a small buffer", receiving(func(resp *http.Response) {
		if resp.ContentLength == int64(len(success)) {
			resp.Body = &struct {
				io.Reader
				io.Closer
			}{lossy{resp.Body}, resp.Body}
		}
	})},
	{"trailers are intact", "copies the response too early", func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if resp == nil {
			return nil, err
		}
		early := *resp
		early.Trailer = resp.Trailer.Clone()
		return &early, err
	}},
	{"trailers are intact", "forgets them", receiving(func(resp *http.Response) { resp.Trailer = nil })},
	{"a read error keeps its place", "ends the body instead", receiving(func(resp *http.Response) {
		if body, ok := resp.Body.(*responseBody); ok && body.ctx == nil {
			body.err = nil
		}
	})},
	{"a read error keeps its place", "loses what came before", receiving(func(resp *http.Response) {
		if body, ok := resp.Body.(*responseBody); ok && body.err != nil {
			body.data = ""
		}
	})},
	{"event streams come event by event", "changes the events", receiving(func(resp *http.Response) {
		if body, ok := resp.Body.(*stream.Body); ok {
			resp.Body = &upper{body}
		}
	})},
	{"event streams come event by event", "reads a stream whole", receiving(func(resp *http.Response) {
		if resp.ContentLength < 0 && resp.Trailer == nil && resp.TransferEncoding == nil && resp.StatusCode == http.StatusOK && !resp.Uncompressed {
			data, _ := io.ReadAll(resp.Body)
			resp.Body = &responseBody{data: string(data)}
		}
	})},
	{"event streams come event by event", "waits for a buffer of events", receiving(func(resp *http.Response) {
		if _, ok := resp.Body.(*stream.Body); ok {
			resp.Body = &struct {
				io.Reader
				io.Closer
			}{&hoarder{r: resp.Body}, resp.Body}
		}
	})},
	{"event streams come event by event", "knows a stream without parameters only", receiving(func(resp *http.Response) {
		if _, ok := resp.Body.(*stream.Body); ok && resp.Header.Get("Content-Type") != "text/event-stream" {
			data, _ := io.ReadAll(resp.Body)
			resp.Body = &responseBody{data: string(data)}
		}
	})},
	{"closing the response reaches the base", "closes with an error of its own", receiving(func(resp *http.Response) {
		if resp.StatusCode == http.StatusOK {
			resp.Body = &failingClose{ReadCloser: resp.Body}
		}
	})},
	{"closing the response reaches the base", "loses Close", receiving(func(resp *http.Response) {
		if body, ok := resp.Body.(*responseBody); ok && len(body.data) == 1 {
			resp.Body = io.NopCloser(body)
		}
	})},
	{"the response may be closed twice", "fails the second time", receiving(func(resp *http.Response) {
		if resp.StatusCode != http.StatusSwitchingProtocols {
			resp.Body = &closeOnce{ReadCloser: resp.Body}
		}
	})},
	{"reading a closed response fails", "has more for whoever has read some", receiving(func(resp *http.Response) {
		if resp.StatusCode == http.StatusOK {
			resp.Body = &leftover{ReadCloser: resp.Body}
		}
	})},
	{"reading a closed response fails", "goes on from its buffer", receiving(func(resp *http.Response) {
		if resp.ContentLength == int64(len(success)) {
			data, _ := io.ReadAll(resp.Body)
			resp.Body = &struct {
				io.Reader
				io.Closer
			}{bytes.NewReader(data), resp.Body}
		}
	})},
	{"the base's error is returned", "wraps with %v", func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if typed := (*baseError)(nil); errors.As(err, &typed) {
			err = fmt.Errorf("call: %v", err) //nolint:errorlint // the fault
		}
		return resp, err
	}},
	{"a timeout stays a timeout", "wraps without forwarding", func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if err != nil {
			err = fmt.Errorf("call: %w", err)
		}
		return resp, err
	}},
}
