package tctest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"sync"
	"syscall"

	"github.com/tcretry/tcretry/tctest/internal/stream"
)

// RoundTrip responds to an attempt in memory, as [http.Transport] does over a new
// connection: it reads the body and closes it exactly once, ends with the context,
// fires the httptrace events of each stage that the request reaches, and returns the
// errors of a lost connection.
func (api *API) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := &requestBody{req: req}
	if err := validate(req); err != nil {
		sent.close()
		return nil, err
	}
	ctx := req.Context()
	if ctx.Err() != nil {
		sent.close()
		return nil, context.Cause(ctx)
	}
	trace := traceOf(ctx)
	trace.getConn(req.URL)
	if api.refuseDial(req) {
		sent.close()
		return nil, &net.OpError{
			Op: "dial", Net: "tcp", Addr: address(req.URL.Host),
			Err: os.NewSyscallError("connect", syscall.ECONNREFUSED),
		}
	}
	trace.gotConn()
	trace.wroteHeaders()
	body, err := sent.read(ctx)
	trace.wroteRequest(err)
	if err != nil {
		return nil, err
	}
	attempt, reply, date := api.receive(req, body)
	if err := stream.Sleep(ctx, reply.delay, nil); err != nil {
		return nil, err
	}
	r := render(attempt, reply, date)
	switch r.kind {
	case refuse, drop:
		return nil, io.EOF
	case reset:
		trace.gotFirstByte()
		return nil, connReset(req.URL.Host)
	case serve:
		return handle(req, body, r, trace)
	}
	trace.gotFirstByte()
	return r.response(req), nil
}

// CloseIdleConnections does nothing: there are no connections.
func (api *API) CloseIdleConnections() {}

// validate returns the error that http.Transport has for an invalid request.
func validate(req *http.Request) error {
	switch {
	case req.URL == nil:
		return errors.New("tctest: nil Request.URL")
	case req.Header == nil:
		return errors.New("tctest: nil Request.Header")
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return fmt.Errorf("unsupported protocol scheme %q", req.URL.Scheme)
	case req.URL.Host == "":
		return errors.New("tctest: no Host in request URL")
	}
	return nil
}

// requestBody reads the body of a request and closes it exactly once.
type requestBody struct {
	req    *http.Request
	closed sync.Once
}

func (s *requestBody) close() {
	s.closed.Do(func() {
		if s.req.Body != nil {
			_ = s.req.Body.Close()
		}
	})
}

// read reads the whole body. It reads in a goroutine of its own, so that RoundTrip
// ends with the context also while the body blocks.
func (s *requestBody) read(ctx context.Context) ([]byte, error) {
	defer s.close()
	if s.req.Body == nil || s.req.Body == http.NoBody {
		return nil, nil
	}
	type result struct {
		body []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		body, err := io.ReadAll(s.req.Body)
		done <- result{body, err}
	}()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case r := <-done:
		if r.err != nil {
			// The text of http.Transport.
			return nil, fmt.Errorf("net/http: HTTP/1.x transport connection broken: %w", r.err)
		}
		if n := s.req.ContentLength; n > 0 && n != int64(len(r.body)) {
			return nil, fmt.Errorf("http: ContentLength=%d with Body length %d", n, len(r.body))
		}
		return r.body, nil
	}
}

// connReset returns the error of a read from a reset connection.
func connReset(host string) error {
	return &net.OpError{
		Op: "read", Net: "tcp", Source: address("client"), Addr: address(host),
		Err: os.NewSyscallError("read", syscall.ECONNRESET),
	}
}

// response returns the reply as http.Transport returns a response.
func (r *rendered) response(req *http.Request) *http.Response {
	resp := &http.Response{
		Status:     fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)),
		StatusCode: r.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        r.header,
		ContentLength: r.size,
		Request:       req,
	}
	if req.Method == http.MethodHead {
		resp.Body = http.NoBody
		return resp
	}
	if r.size < 0 {
		resp.TransferEncoding = []string{"chunked"}
	}
	end := io.EOF
	if r.cut {
		end = io.ErrUnexpectedEOF
	}
	var trailer func()
	if len(r.trailer) > 0 {
		resp.Trailer = http.Header{}
		for key := range r.trailer {
			resp.Trailer[key] = nil
		}
		trailer = func() { maps.Copy(resp.Trailer, r.trailer) }
	}
	body := stream.New(req.Context(), r.body, end, trailer)
	resp.Body = body
	if r.encoding == "gzip" && decodes(req) {
		resp.Body = body.Gunzipped()
		resp.Header.Del("Content-Encoding")
		resp.Header.Del("Content-Length")
		resp.ContentLength = -1
		resp.Uncompressed = true
	}
	return resp
}

// decodes reports whether http.Transport would request gzip by itself and decompress
// it: unless the request has an Accept-Encoding or a Range.
func decodes(req *http.Request) bool {
	return req.Header.Get("Accept-Encoding") == "" && req.Header.Get("Range") == "" && req.Method != http.MethodHead
}

// clientTrace fires the events of a connection.
type clientTrace struct{ *httptrace.ClientTrace }

func traceOf(ctx context.Context) clientTrace {
	if t := httptrace.ContextClientTrace(ctx); t != nil {
		return clientTrace{t}
	}
	return clientTrace{&httptrace.ClientTrace{}}
}

func (t clientTrace) getConn(u *url.URL) {
	if t.GetConn != nil {
		t.GetConn(hostPort(u))
	}
}

func (t clientTrace) gotConn() {
	if t.GotConn != nil {
		// A connection that has addresses, and nothing else.
		c, _ := net.Pipe()
		_ = c.Close()
		t.GotConn(httptrace.GotConnInfo{Conn: c})
	}
}

func (t clientTrace) wroteHeaders() {
	if t.WroteHeaders != nil {
		t.WroteHeaders()
	}
}

func (t clientTrace) wroteRequest(err error) {
	if t.WroteRequest != nil {
		t.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	}
}

func (t clientTrace) gotFirstByte() {
	if t.GotFirstResponseByte != nil {
		t.GotFirstResponseByte()
	}
}

// address is a host as a net.Addr.
type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string  { return string(a) }

// hostPort returns the address that a URL is dialled at.
func hostPort(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "http":
		port = "80"
	default:
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// withBody returns the request with the body that was read from it.
func withBody(req *http.Request, body []byte) *http.Request {
	out := req.Clone(req.Context())
	out.Body = io.NopCloser(bytes.NewReader(body))
	out.ContentLength = int64(len(body))
	return out
}
