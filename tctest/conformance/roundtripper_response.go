package conformance

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"reflect"
	"strings"
)

// responseRequirements are those on the response and its head.
var responseRequirements = []roundTripRequirement{{
	name: "a response is no error",
	why: `http.RoundTripper: "RoundTrip must return err == nil if it obtained a response, regardless of the response's ` +
		`HTTP status code"; nor is an error in the body one of RoundTrip`,
	check: func(p *probe) {
		for _, want := range []struct {
			status int
			body   string
		}{
			{http.StatusOK, `{"Response":{"Error":{"Code":"RequestLimitExceeded","Message":"x"},"RequestId":"r"}}`},
			{http.StatusOK, `{"Response":{"Error":{"Code":"AuthFailure.SignatureFailure","Message":"x"},"RequestId":"r"}}`},
			{http.StatusNotFound, "no"},
			{http.StatusTooManyRequests, "slower"},
			{http.StatusInternalServerError, success},
			{http.StatusBadGateway, "<html>"},
			{http.StatusServiceUnavailable, ""},
		} {
			resp := p.mustRespond("a base that responds "+http.StatusText(want.status), fixed(want.status, "application/json", want.body),
				newRequest(context.Background(), nil, 0))
			p.wantResponse(resp, want.status, want.body)
		}
	},
}, {
	name: "a response or an error",
	why:  "RoundTrip returns either a response and no error, or no response and an error",
	check: func(p *probe) {
		resp, err := p.call(wellBehaved(func(*http.Request) (*http.Response, error) { return nil, errPair }),
			newRequest(context.Background(), nil, 0))
		p.discard(resp)
		switch {
		case resp == nil && err == nil:
			p.errorf("the base failed, and RoundTrip returned neither a response nor an error")
		case resp != nil && err != nil:
			p.errorf("the base failed, and RoundTrip returned a response beside the error %q", err)
		case resp != nil:
			p.errorf("the base failed, and RoundTrip returned a response of its own (%s)", resp.Status)
		}
	},
}, {
	name: "response body is never nil",
	why:  `http.Response: "The http Client and Transport guarantee that Body is always non-nil, even on responses without a body"`,
	check: func(p *probe) {
		base := wellBehaved(func(sent *http.Request) (*http.Response, error) {
			return newResponse(sent, http.StatusNoContent, "text/plain", http.NoBody, 0), nil
		})
		p.discard(p.mustRespond("a response without a body", base, newRequest(context.Background(), nil, 0)))
	},
}, {
	name: "redirects are not followed",
	why: `http.RoundTripper: "should not attempt to handle higher-level protocol details such as redirects, authentication, ` +
		`or cookies"; that is http.Client's`,
	check: func(p *probe) {
		followed := false
		base := wellBehaved(func(sent *http.Request) (*http.Response, error) {
			if sent.URL.Path == "/elsewhere" {
				followed = true
				return fixed(http.StatusOK, "application/json", success)(sent)
			}
			resp := newResponse(sent, http.StatusFound, "text/html", &responseBody{}, 0)
			resp.Header.Set("Location", "/elsewhere")
			return resp, nil
		})
		resp := p.mustRespond("a redirect", base, newRequest(context.Background(), nil, 0))
		if followed || resp != nil && resp.StatusCode != http.StatusFound {
			p.errorf("the redirect was followed, want the response with its status 302")
		}
		p.discard(resp)
	},
}, {
	name: "an upgraded connection can be written",
	why:  `http.Response: on 101 Switching Protocols "the Body will also implement the io.Writer interface"`,
	check: func(p *probe) {
		conn := &upgraded{}
		base := wellBehaved(func(sent *http.Request) (*http.Response, error) {
			return newResponse(sent, http.StatusSwitchingProtocols, "", conn, -1), nil
		})
		resp := p.mustRespond("a 101", base, newRequest(context.Background(), nil, 0))
		if resp == nil {
			return
		}
		defer resp.Body.Close()
		w, ok := resp.Body.(io.ReadWriteCloser)
		if !ok {
			p.errorf("the body of a 101 is a %T, want an io.ReadWriteCloser", resp.Body)
			return
		}
		if _, err := w.Write([]byte("ping")); err != nil || conn.String() != "ping" {
			p.errorf("writing to the body of a 101 did not reach the base (error %v)", err)
		}
	},
}, {
	name: "response head is intact",
	why: "status, protocol, headers, ContentLength, TransferEncoding, Uncompressed and TLS reach the caller as the base set " +
		"them, also those of a response to HEAD, which has a length and no body; headers may be added",
	check: func(p *probe) {
		req := newRequest(context.Background(), nil, 0)
		p.wantHead(req, func(resp *http.Response) {})
		p.wantHead(req, func(resp *http.Response) { resp.ContentLength, resp.Uncompressed = -1, true })
		p.wantHead(req, func(resp *http.Response) {
			resp.ContentLength, resp.TransferEncoding = -1, []string{"chunked"}
		})
		p.wantHead(req, func(resp *http.Response) { resp.TLS = &tls.ConnectionState{ServerName: "x"} })
		p.wantHead(req, func(resp *http.Response) {
			resp.Proto, resp.ProtoMajor, resp.ProtoMinor = "HTTP/2.0", 2, 0
			resp.Header["x-odd-key"] = []string{"1", "2"}
		})
		head := newRequest(context.Background(), nil, 0)
		head.Method = http.MethodHead
		p.wantHead(head, func(resp *http.Response) { resp.Body, resp.ContentLength = http.NoBody, 4096 })
	},
}}

// wantHead makes a call to a changed response, whose head the caller must get.
func (p *probe) wantHead(req *http.Request, change func(*http.Response)) {
	make := func(sent *http.Request) *http.Response {
		resp := newResponse(sent, http.StatusOK, "application/json", &responseBody{data: success}, int64(len(success)))
		resp.Header["Set-Cookie"] = []string{"a=1", "b=2"}
		change(resp)
		return resp
	}
	want := make(req)
	got := p.mustRespond("a call", wellBehaved(func(sent *http.Request) (*http.Response, error) { return make(sent), nil }), req)
	if got == nil {
		return
	}
	defer got.Body.Close()
	for _, field := range []string{
		"Status", "StatusCode", "Proto", "ProtoMajor", "ProtoMinor", "ContentLength",
		"TransferEncoding", "Close", "Uncompressed", "TLS",
	} {
		g, w := reflect.ValueOf(*got).FieldByName(field).Interface(), reflect.ValueOf(*want).FieldByName(field).Interface()
		if !reflect.DeepEqual(g, w) {
			p.errorf("the response's %s is %v, want %v", field, g, w)
		}
	}
	for key, values := range want.Header {
		if !reflect.DeepEqual(got.Header[key], values) {
			p.errorf("the response's header %q is %q, want %q", key, got.Header[key], values)
		}
	}
}

// wantResponse checks the status and the whole body of a response, if there is
// one.
func (p *probe) wantResponse(resp *http.Response, status int, body string) {
	if resp == nil {
		return
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if resp.StatusCode != status || err != nil || string(got) != body {
		p.errorf("the caller got %d and %d bytes (error %v), want %d and the base's %d bytes",
			resp.StatusCode, len(got), err, status, len(body))
	}
}

// upgraded is the connection after a 101.
type upgraded struct{ bytes.Buffer }

func (*upgraded) Close() error { return nil }

// sizes are lengths around those up to which wrappers inspect a body.
var sizes = []int{0, 1, 511, 512, 4096, 64<<10 - 1, 64 << 10, 64<<10 + 1, 300_000}

// filler returns n bytes that are not all the same.
func filler(n int) string { return strings.Repeat("0123456789abcdefghijklmno{\"}:\\\n", n/31+1)[:n] }
