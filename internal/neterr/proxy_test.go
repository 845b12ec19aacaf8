package neterr_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/neterr"
)

// through returns the error of a request through a proxy at the other end of a
// connection, which serve serves.
func through(t *testing.T, scheme string, serve func(net.Conn)) error {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		serve(conn)
	}()
	transport := &http.Transport{Proxy: http.ProxyURL(&url.URL{
		Scheme: scheme, User: url.UserPassword("user", "password"), Host: listener.Addr().String(),
	})}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequest(http.MethodGet, "https://cvm.tencentcloudapi.com/", nil)
	require.NoError(t, err)
	_, err = transport.RoundTrip(req)
	require.Error(t, err)
	return err
}

func TestRefusedByProxy_OfAnHTTPProxy(t *testing.T) {
	for status, want := range map[string]bool{
		"400 Bad Request":                   true,
		"401 Unauthorized":                  true,
		"403 Forbidden":                     true,
		"403 Forbidden by rule 7":           true,
		"403 FORBIDDEN":                     true,
		"404 Not Found":                     true,
		"405 Method Not Allowed":            true,
		"407 Proxy Authentication Required": true,
		"407 Proxy Authentication Required (wrong password here)": true,
		"451 Unavailable For Legal Reasons":                       true,
		"501 Not Implemented":                                     true,
		"403 Nobody is allowed":                                   false, // in other words
		"429 Too Many Requests":                                   false,
		"500 Internal Server Error":                               false,
		"502 Bad Gateway":                                         false,
		"503 Service Unavailable":                                 false,
		"504 Gateway Timeout":                                     false,
	} {
		err := through(t, "http", func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", status)
		})
		require.Equal(t, want, neterr.RefusedByProxy(err), "%s: %v", status, err)
		require.Equal(t, want, neterr.RefusedByProxy(fmt.Errorf("mine: %w", err)), status)
	}
}

func TestRefusedByProxy_OfASOCKSProxy(t *testing.T) {
	reply := func(code byte) func(net.Conn) {
		return func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 16)) // the methods that are offered
			_, _ = conn.Write([]byte{5, 0})
			_, _ = conn.Read(make([]byte, 256)) // CONNECT
			_, _ = conn.Write([]byte{5, code, 0, 1, 0, 0, 0, 0, 0, 0})
			_, _ = io.Copy(io.Discard, conn)
		}
	}
	for name, c := range map[string]struct {
		serve func(net.Conn)
		want  bool
	}{
		"no acceptable method": {func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 16))
			_, _ = conn.Write([]byte{5, 0xff})
			_, _ = io.Copy(io.Discard, conn)
		}, true},
		"wrong password": {func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 16))
			_, _ = conn.Write([]byte{5, 2})
			_, _ = conn.Read(make([]byte, 256)) // user and password
			_, _ = conn.Write([]byte{1, 1})
			_, _ = io.Copy(io.Discard, conn)
		}, true},
		"general failure":         {reply(1), false},
		"not allowed by ruleset":  {reply(2), true},
		"network unreachable":     {reply(3), false},
		"host unreachable":        {reply(4), false},
		"connection refused":      {reply(5), false},
		"command not supported":   {reply(7), true},
		"address type":            {reply(8), true},
		"the connection has gone": {func(net.Conn) {}, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := through(t, "socks5", c.serve)
			require.Equal(t, c.want, neterr.RefusedByProxy(err), "%v", err)
		})
	}
}

func TestRefusedByProxy_OfOtherErrors(t *testing.T) {
	for _, err := range []error{io.EOF, errors.New("x forbidden"), &net.OpError{Op: "dial", Err: io.EOF}} {
		require.False(t, neterr.RefusedByProxy(err), "%v", err)
	}
}
