package conformance

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"
)

// requestRequirements are those on the request.
var requestRequirements = []roundTripRequirement{{
	name: "request is not modified",
	why: `http.RoundTripper: "RoundTrip should not modify the request, except for consuming and closing the ` +
		`Request's Body"; change a copy (Request.Clone), not even for a moment`,
	check: func(p *probe) {
		body := newRequestBody("{}")
		req := newRequest(context.Background(), body, 2)
		req.Trailer = http.Header{"X-Sum": {"1"}}
		before := takeSnapshot(req)
		base := baseFunc(func(sent *http.Request) (*http.Response, error) {
			if diff := before.diff(req); diff != "" {
				p.errorf("while the base runs, the caller's request has another %s", diff)
			}
			return fixed(http.StatusOK, "application/json", success)(sent)
		})
		if resp := p.mustRespond("a call", base, req); resp != nil {
			_ = resp.Body.Close()
		}
		if diff := before.diff(req); diff != "" {
			p.errorf("after RoundTrip the caller's request has another %s", diff)
		}
	},
}, {
	name: "request arrives unchanged",
	why:  "the base gets the caller's method, URL, host and headers, those with keys that are not canonical too; headers may be added",
	check: func(p *probe) {
		req := newRequest(context.Background(), nil, 0)
		req.Method = http.MethodGet
		req.URL.RawQuery = "Limit=1&b=%2F&a=1"
		req.Host = "proxy.example"
		req.Header["X-Two"] = []string{"1", "2"}
		base := wellBehaved(func(sent *http.Request) (*http.Response, error) {
			if sent.Method != req.Method || sent.URL.String() != req.URL.String() || sent.Host != req.Host {
				p.errorf("the base got %s %s for host %q, want %s %s for %q",
					sent.Method, sent.URL, sent.Host, req.Method, req.URL, req.Host)
			}
			for key, want := range req.Header {
				if got := sent.Header[key]; !reflect.DeepEqual(got, want) {
					p.errorf("the base got the header %q as %q, want %q", key, got, want)
				}
			}
			return fixed(http.StatusOK, "application/json", success)(sent)
		})
		p.discard(p.mustRespond("a call", base, req))
	},
}, {
	name: "context values arrive",
	why:  "values of the request's context (traces, credentials) must reach the base",
	check: func(p *probe) {
		type key struct{}
		req := newRequest(context.WithValue(context.Background(), key{}, "value"), nil, 0)
		base := wellBehaved(func(sent *http.Request) (*http.Response, error) {
			if sent.Context().Value(key{}) != "value" {
				p.errorf("the base's context does not have the value of the caller's")
			}
			return fixed(http.StatusOK, "application/json", success)(sent)
		})
		p.discard(p.mustRespond("a call", base, req))
	},
}, {
	name: "cancellation arrives",
	why:  "when the caller's context ends, so does the call: the base must see it, and the caller gets an error that is context.Canceled",
	check: func(p *probe) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		base := wellBehaved(func(sent *http.Request) (*http.Response, error) {
			cancel()
			select {
			case <-sent.Context().Done():
				return nil, context.Cause(sent.Context())
			case <-time.After(time.Hour):
				p.errorf("the base's context did not end within an hour after the caller's")
				return fixed(http.StatusOK, "application/json", success)(sent)
			}
		})
		resp, err := p.call(base, newRequest(ctx, nil, 0))
		p.wantCanceled(resp, err)
	},
}, {
	name: "context lasts as long as the body",
	why:  "the context that the base got must not end before the response's body does (no deferred cancel): reading it would fail",
	check: func(p *probe) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		// Longer than anything that a wrapper would read ahead.
		long := strings.Repeat("x", 256<<10)
		base := wellBehaved(func(sent *http.Request) (*http.Response, error) {
			body := &responseBody{data: long, ctx: sent.Context()}
			return newResponse(sent, http.StatusOK, "application/json", body, int64(len(long))), nil
		})
		resp := p.mustRespond("a call", base, newRequest(ctx, nil, 0))
		if resp == nil {
			return
		}
		defer resp.Body.Close()
		if n, err := io.Copy(io.Discard, resp.Body); err != nil {
			p.errorf("reading the body after RoundTrip failed after %d bytes: %v", n, err)
		}
	},
}, {
	name: "concurrent calls",
	why:  `http.RoundTripper: "must be safe for concurrent use by multiple goroutines"; run the suite with -race`,
	check: func(p *probe) {
		base := baseFunc(func(sent *http.Request) (*http.Response, error) {
			time.Sleep(time.Second) // so that the calls overlap
			return fixed(http.StatusOK, "application/json", fmt.Sprintf(`{"Response":{"RequestId":%q}}`, sent.URL.RawQuery))(sent)
		})
		wrapped := p.wrap(base)
		done := make(chan struct{})
		const callers = 32
		for i := range callers {
			go func() {
				defer func() { done <- struct{}{} }()
				req := newRequest(context.Background(), newRequestBody("{}"), 2)
				req.URL.RawQuery = fmt.Sprint("n=", i)
				p.wantOwnResponse(wrapped, req)
			}()
		}
		for range callers {
			<-done
		}
	},
}}

// wantOwnResponse makes a call that must get the response to its own request.
func (p *probe) wantOwnResponse(wrapped http.RoundTripper, req *http.Request) {
	defer func() {
		if v := recover(); v != nil {
			p.errorf("a concurrent call panicked: %v", v)
		}
	}()
	resp, err := wrapped.RoundTrip(req)
	if err != nil || resp == nil || resp.Body == nil {
		p.errorf("a concurrent call got no response (error %v)", err)
		return
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if want := fmt.Sprintf(`{"Response":{"RequestId":%q}}`, req.URL.RawQuery); err != nil || string(got) != want {
		p.errorf("a concurrent call did not get its own response, whole and once (error %v)", err)
	}
}

// wantCanceled checks the result of a call whose context was canceled.
func (p *probe) wantCanceled(resp *http.Response, err error) {
	p.discard(resp)
	if !isCanceled(err) {
		p.errorf("RoundTrip returned the error %v, want one that is context.Canceled", err)
	}
}

// discard closes the body of a response, if there is one.
func (p *probe) discard(resp *http.Response) {
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
}

// snapshot is all of a request that a wrapper could change.
type snapshot struct {
	shallow http.Request
	url     string
	header  http.Header
	trailer http.Header
}

func takeSnapshot(req *http.Request) snapshot {
	return snapshot{
		shallow: http.Request{
			Method: req.Method, URL: req.URL, Host: req.Host, Body: req.Body, ContentLength: req.ContentLength,
			Close: req.Close, GetBody: req.GetBody,
		},
		url: req.URL.String(), header: req.Header.Clone(), trailer: req.Trailer.Clone(),
	}
}

// diff returns the name of the first field that has changed, "" if none has.
func (s snapshot) diff(req *http.Request) string {
	switch {
	case !reflect.DeepEqual(s.header, req.Header):
		return fmt.Sprintf("Header: %q, was %q", req.Header, s.header)
	case !reflect.DeepEqual(s.trailer, req.Trailer):
		return "Trailer"
	case s.shallow.Body != req.Body:
		return "Body"
	case s.shallow.Method != req.Method:
		return "Method"
	case s.shallow.URL != req.URL || s.url != req.URL.String():
		return "URL"
	case s.shallow.Host != req.Host:
		return "Host"
	case s.shallow.ContentLength != req.ContentLength:
		return "ContentLength"
	case (s.shallow.GetBody == nil) != (req.GetBody == nil):
		return "GetBody"
	case s.shallow.Close != req.Close:
		return "Close"
	}
	return ""
}
