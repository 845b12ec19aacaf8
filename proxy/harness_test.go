package proxy_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/proxy"
	"github.com/tcretry/tcretry/tc3"
	"github.com/tcretry/tcretry/tctest"
)

const (
	apiHost = "cvm.tencentcloudapi.com"
	apiURL  = "http://" + apiHost + "/"
	// patience is for what must happen, and soon: a test that waits so long fails.
	patience = 20 * time.Second
)

// running is a proxy that serves on sockets.
type running struct {
	*proxy.Proxy
	t     *testing.T
	stop  context.CancelFunc
	ended chan error
}

// serve starts a proxy with a Config, over the API, until the test ends.
func serve(t *testing.T, base http.RoundTripper, c proxy.Config) *running {
	t.Helper()
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	c.Base = base
	p, err := proxy.New(c)
	require.NoError(t, err)
	require.NoError(t, p.Listen())
	ctx, stop := context.WithCancel(context.Background())
	r := &running{p, t, stop, make(chan error, 1)}
	go func() { r.ended <- p.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		select {
		case <-r.ended:
		case <-time.After(patience):
			t.Error("Serve did not return")
		}
	})
	return r
}

// overTLS is the way to an API that is served over TLS, with HTTP/2.
func overTLS(t *testing.T, api *tctest.API) *http.Transport {
	return keepingBytes(api.StartTLS(t).Transport())
}

func keepingBytes(base *http.Transport) *http.Transport {
	base.DisableCompression = true
	return base
}

// origin serves a handler over TLS and HTTP/1.1, and returns the way to it.
func origin(t *testing.T, h http.HandlerFunc) *http.Transport {
	srv := httptest.NewTLSServer(h)
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return keepingBytes(&http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", srv.Listener.Addr().String())
		},
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"},
	})
}

// client is a client that has the proxy for its HTTP proxy, and signs its requests.
func (r *running) client() *http.Client {
	at := &url.URL{Scheme: "http", Host: r.Addr().String()}
	transport := &http.Transport{Proxy: http.ProxyURL(at), DisableCompression: true}
	r.t.Cleanup(transport.CloseIdleConnections)
	return signing(transport)
}

var secret = tc3.Credentials{SecretID: "AKIDtest", SecretKey: "a key of the tests"}

func signing(base http.RoundTripper) *http.Client {
	return &http.Client{Transport: &tc3.Transport{Source: tc3.Static(secret), Base: base}, Timeout: patience}
}

// request is a call as an SDK makes it.
func request(t *testing.T, action string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, apiURL, strings.NewReader(`{"Limit":1}`))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-TC-Action", action)
	req.Header.Set("X-TC-Version", "2017-03-12")
	return req
}

// call makes a call, and returns what the client got.
func (r *running) call(action string) reply {
	r.t.Helper()
	resp, err := r.client().Do(request(r.t, action))
	return read(r.t, resp, err)
}

// newAPI is an API that checks signatures.
func newAPI(replies ...tctest.Reply) *tctest.API {
	api := tctest.NewAPI(replies...)
	api.CheckSignatures(map[string]string{secret.SecretID: secret.SecretKey})
	return api
}

// reply is what a client got.
type reply struct {
	status  int
	text    string // of the status line
	code    string
	message string
	body    string
	header  http.Header
}

func read(t *testing.T, resp *http.Response, err error) reply {
	t.Helper()
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var envelope struct {
		Response struct {
			Error struct{ Code, Message string }
		}
	}
	_ = json.Unmarshal(body, &envelope)
	return reply{
		status: resp.StatusCode, text: resp.Status, body: string(body), header: resp.Header,
		code: envelope.Response.Error.Code, message: envelope.Response.Error.Message,
	}
}

// dial opens a connection to the proxy.
func (r *running) dial() net.Conn {
	r.t.Helper()
	conn, err := net.Dial(r.Addr().Network(), r.Addr().String())
	require.NoError(r.t, err)
	r.t.Cleanup(func() { conn.Close() })
	require.NoError(r.t, conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

// raw sends bytes and reads one response.
func (r *running) raw(text string) reply { return r.exchange(r.dial(), text) }

// inTunnel does so inside of a tunnel to the API.
func (r *running) inTunnel(text string) reply { return r.exchange(r.tunnel(), text) }

// tunnel opens a tunnel as the Node SDK does.
func (r *running) tunnel() net.Conn {
	r.t.Helper()
	conn := r.dial()
	_, err := io.WriteString(conn, "CONNECT "+apiHost+":80 HTTP/1.1\r\nHost: "+apiHost+"\r\nConnection: close\r\n\r\n")
	require.NoError(r.t, err)
	const established = "HTTP/1.1 200 Connection established\r\n\r\n"
	head := make([]byte, len(established))
	_, err = io.ReadFull(conn, head)
	require.NoError(r.t, err)
	require.Equal(r.t, established, string(head))
	return conn
}

func (r *running) exchange(conn net.Conn, text string) reply {
	r.t.Helper()
	_, err := io.WriteString(conn, text)
	require.NoError(r.t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	return read(r.t, resp, err)
}

// eventually waits for what another goroutine does.
func eventually(t *testing.T, what func() bool, text string) {
	t.Helper()
	require.Eventually(t, what, patience, time.Millisecond, text)
}

// nothingLeft waits until the proxy holds nothing of any request.
func (r *running) nothingLeft() {
	r.t.Helper()
	eventually(r.t, func() bool {
		s := r.State()
		return s.Calls.InProgress == 0 && s.BufferedBytes == 0
	}, "calls or bodies are left")
}
