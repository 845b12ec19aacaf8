package neterr_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/neterr"
)

// The errors are those of the installed net/http: a release that rewords them fails
// here.
func TestRejected_ReportsRequestsThatNetHTTPDoesNotSend(t *testing.T) {
	valid := func() *http.Request {
		return &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}, Header: http.Header{}}
	}
	for name, change := range map[string]func(*http.Request){
		"no URL":         func(r *http.Request) { r.URL = nil },
		"no header":      func(r *http.Request) { r.Header = nil },
		"no host":        func(r *http.Request) { r.URL.Host = "" },
		"invalid method": func(r *http.Request) { r.Method = "G E T" },
	} {
		req := valid()
		change(req)
		_, err := new(http.Transport).RoundTrip(req)
		require.Error(t, err, name)
		require.True(t, neterr.Rejected(err), "%s: %v", name, err)
	}
	_, refused := new(http.Transport).RoundTrip(valid())
	require.Error(t, refused)
	for _, err := range []error{refused, io.EOF, errors.New("net/http: TLS handshake timeout"), errors.New("x http: nil Request.URL")} {
		require.False(t, neterr.Rejected(err), err)
	}
}

func TestNeverSent_ReportsErrorsOfConnecting(t *testing.T) {
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for _, err := range []error{
		dial,
		&net.DNSError{Err: "no such host", IsNotFound: true},
		&url.Error{Op: "Post", URL: "https://x", Err: dial},
		fmt.Errorf("mine: %w", &net.DNSError{Err: "timeout", IsTimeout: true}),
	} {
		require.True(t, neterr.NeverSent(err), err)
	}
	for _, err := range []error{
		nil, io.EOF, errors.New("dial tcp: connection refused"),
		&net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)},
		&net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.EPIPE)},
	} {
		require.False(t, neterr.NeverSent(err), err)
	}
}

// The texts are those of net/http's h2_bundle.go; whole calls over HTTP/2 are in
// internal/test/e2e.
func TestNotProcessed_ReportsRefusedStreamsAndGoAways(t *testing.T) {
	for text, want := range map[string]bool{
		"stream error: stream ID 5; REFUSED_STREAM; received from peer":                                      true,
		"http2: Transport: cannot retry err [stream error: stream ID 5; REFUSED_STREAM; received from peer]": true,
		"http2: Transport received Server's graceful shutdown GOAWAY":                                        true,
		"http2: Transport: cannot retry err [http2: Transport received Server's graceful shutdown GOAWAY]":   true,
		"http2: Transport received GOAWAY from server ErrCode:ENHANCE_YOUR_CALM":                             true,
		"stream error: stream ID 5; INTERNAL_ERROR; received from peer":                                      false,
		"stream error: stream ID 5":                         false,
		`stream error: stream ID 5; CANCEL; REFUSED_STREAM`: false,
		`http2: server sent GOAWAY and closed the connection; LastStreamID=5, ErrCode=NO_ERROR, debug="GOAWAY"`: false,
		"http2: client connection lost":                                       false,
		"mine: stream error: stream ID 5; REFUSED_STREAM; received from peer": false,
	} {
		err := errors.New(text)
		require.Equal(t, want, neterr.NotProcessed(err), text)
		require.Equal(t, want, neterr.NotProcessed(fmt.Errorf("mine: %w", err)), text)
	}
	require.False(t, neterr.NotProcessed(nil))
}
