package e2e_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

// connectProxy responds to each CONNECT with the next of the status lines, and opens
// a tunnel to the address once there are none left.
func connectProxy(t *testing.T, address string, lines ...string) (proxy *url.URL, connects *atomic.Int32) {
	connects = new(atomic.Int32)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		n := int(connects.Add(1))
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		if n <= len(lines) {
			_, _ = io.WriteString(conn, "HTTP/1.1 "+lines[n-1]+"\r\nContent-Length: 0\r\n\r\n")
			return
		}
		server, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		defer server.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(server, rw) }()
		_, _ = io.Copy(conn, server)
	}))
	t.Cleanup(srv.Close)
	return mustURL(t, srv.URL), connects
}

// A non-idempotent request meets a proxy that refuses to connect, over TLS as the API is.
func TestARefusalOfTheProxyIsTerminal(t *testing.T) {
	for line, attempts := range map[string]int{
		"407 Proxy Authentication Required":                             1,
		"407 Proxy Authentication Required ( The server requires it. )": 1,
		"403 Forbidden":           1,
		"403 forbidden by policy": 1,
		"401 Unauthorized":        1,
		"405 Method Not Allowed":  1,
		"501 Not Implemented":     1,
		"502 Bad Gateway":         2,
		"503 Service Unavailable": 2,
		"504 Gateway Timeout":     2,
		"429 Too Many Requests":   2,
		"408 Request Timeout":     2,
		"500 Forbiddenness":       2,
	} {
		t.Run(line, func(t *testing.T) {
			api := tctest.NewAPI()
			srv := api.StartTLS(t)
			base := srv.Transport()
			base.DialContext = nil
			proxy, connects := connectProxy(t, strings.TrimPrefix(srv.URL, "https://"), line)
			proxy.User = url.UserPassword("user", "wrong")
			base.Proxy = http.ProxyURL(proxy)
			var events probe.Events
			rt := tcretry.New(base, tcretry.WithHooks(events.Hooks()), tcretry.WithPolicy(probe.Quick()))
			resp, err := rt.RoundTrip(probe.SDKRequest(t, "RunInstances", strings.NewReader(`{}`)))
			require.Equal(t, attempts, int(connects.Load()))
			require.Len(t, events.Attempts, attempts)
			if attempts == 1 {
				_, text, _ := strings.Cut(line, " ")
				require.EqualError(t, err, text, "as without us")
				require.Equal(t, tcretry.StopTerminal, events.Done[0].Reason)
				require.Zero(t, api.Executions("RunInstances"))
				return
			}
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, tcretry.Transient, events.Attempts[0].Class)
			require.Equal(t, 1, api.Executions("RunInstances"))
		})
	}
}

// A proxy that refuses in words of its own is not recognised; the program can be.
func TestAProxyInItsOwnWordsIsTerminalIfTheProgramSaysSo(t *testing.T) {
	refused := &refusal{errors.New("the proxy refused")}
	for said, attempts := range map[bool]int{false: 4, true: 1} {
		proxy, connects := connectProxy(t, "", "407 Who are you", "407 Who are you", "407 Who are you", "407 Who are you")
		base := &http.Transport{Proxy: http.ProxyURL(proxy)}
		if said {
			base.OnProxyConnectResponse = func(context.Context, *url.URL, *http.Request, *http.Response) error { return refused }
		}
		_, err := tcretry.New(base, tcretry.WithPolicy(probe.Quick())).RoundTrip(probe.SDKRequest(t, "RunInstances", nil))
		require.Error(t, err)
		require.Equal(t, said, errors.Is(err, refused))
		require.Equal(t, attempts, int(connects.Load()))
	}
}

// refusal is an error that no retry corrects.
type refusal struct{ error }

func (refusal) Terminal() bool { return true }

// A proxy responds itself to a request that is not encrypted: that is a response.
func TestTheRefusalOfAProxyWithoutATunnelIsAResponse(t *testing.T) {
	requests := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests++
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer srv.Close()
	base := &http.Transport{Proxy: http.ProxyURL(mustURL(t, srv.URL))}
	defer base.CloseIdleConnections()
	req := probe.SDKRequest(t, "RunInstances", strings.NewReader(`{}`))
	req.URL.Scheme = "http"
	resp, err := tcretry.New(base, tcretry.WithPolicy(probe.Quick())).RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusProxyAuthRequired, resp.StatusCode)
	require.Equal(t, 1, requests)
}

// A SOCKS proxy refuses by bytes: RFC 1928, sections 3 and 6, and RFC 1929.
func TestARefusalOfASOCKSProxyIsTerminal(t *testing.T) {
	for name, row := range map[string]struct {
		replies  []string
		attempts int
	}{
		"no method":          {[]string{"\x05\xff"}, 1},
		"the password":       {[]string{"\x05\x02", "\x01\x01"}, 1},
		"the rules":          {[]string{"\x05\x02", "\x01\x00", "\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"}, 1},
		"host unreachable":   {[]string{"\x05\x02", "\x01\x00", "\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00"}, 4},
		"it ends in between": {[]string{"\x05\x02"}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			var connects atomic.Int32
			address := listen(t, func(conn net.Conn) {
				defer conn.Close()
				connects.Add(1)
				for _, reply := range row.replies {
					_, _ = conn.Read(make([]byte, 512))
					_, _ = io.WriteString(conn, reply)
				}
			})
			base := &http.Transport{Proxy: http.ProxyURL(mustURL(t, "socks5://user:wrong@"+address))}
			_, err := tcretry.New(base, tcretry.WithPolicy(probe.Quick())).RoundTrip(probe.SDKRequest(t, "RunInstances", nil))
			require.Error(t, err)
			require.Equal(t, row.attempts, int(connects.Load()), err)
		})
	}
}
