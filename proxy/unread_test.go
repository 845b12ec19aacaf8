package proxy_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/proxy"
)

// pipe is a client that writes and reads nothing of its own accord: without a buffer in
// between, whatever is written to it waits for it.
type pipe struct {
	http.ResponseWriter
	conn net.Conn
}

func (p pipe) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return p.conn, bufio.NewReadWriter(bufio.NewReader(p.conn), bufio.NewWriter(p.conn)), nil
}

// piped makes a request over a pipe, and returns the client's end and when it was handled.
func piped(t *testing.T, p *proxy.Proxy, method, target string) (client net.Conn, handled chan struct{}) {
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	handled = make(chan struct{})
	req := httptest.NewRequest(method, target, nil)
	req.RequestURI = target
	go func() {
		defer close(handled)
		p.Handle(pipe{httptest.NewRecorder(), theirs}, req)
	}()
	return ours, handled
}

func newProxy(t *testing.T, c proxy.Config) *proxy.Proxy {
	t.Helper()
	p, err := proxy.New(c)
	require.NoError(t, err)
	return p
}

// What the proxy writes of its own waits for a client no longer than a response does.
func TestAClientThatReadsNeitherARefusalNorATunnelIsCutOff(t *testing.T) {
	for method, target := range map[string]string{http.MethodGet: "http://example.com/", http.MethodConnect: apiHost + ":80"} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			client, handled := piped(t, newProxy(t, proxy.Config{Base: roundTripper(nil), ClientTimeout: 3 * time.Second}), method, target)
			<-handled
			require.Equal(t, 3*time.Second, time.Since(begun), method)
			_, err := client.Read(make([]byte, 1))
			require.ErrorIs(t, err, io.EOF, method)
		})
	}
}

// The time for the first line is not one for the tunnel.
func TestATunnelOutlivesTheTimeInWhichItWasOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProxy(t, proxy.Config{Base: roundTripper(nil), ClientTimeout: time.Second})
		client, handled := piped(t, p, http.MethodConnect, apiHost+":80")
		_, err := client.Read(make([]byte, 1000))
		require.NoError(t, err)
		tunnel, err := p.AcceptTunnel()
		require.NoError(t, err)
		<-handled
		time.Sleep(time.Hour)
		go func() { _, _ = io.WriteString(client, "x") }()
		_, err = tunnel.Read(make([]byte, 1))
		require.NoError(t, err)
		go func() { _, _ = client.Read(make([]byte, 1)) }()
		_, err = io.WriteString(tunnel, "y")
		require.NoError(t, err)
	})
}

// A tunnel that nobody serves any more does not leave its client waiting.
func TestATunnelThatComesTooLateIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProxy(t, proxy.Config{Base: roundTripper(nil)})
		p.CloseTunnels()
		client, handled := piped(t, p, http.MethodConnect, apiHost+":80")
		_, err := client.Read(make([]byte, 1000))
		require.NoError(t, err)
		_, err = client.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		<-handled
		p.CloseTunnels() // again, as several servers do
	})
}

// As over HTTP/2, where there is no connection to take over: what is said is the same.
func TestARefusalWithoutAConnectionOfItsOwn(t *testing.T) {
	p := newProxy(t, proxy.Config{Base: roundTripper(nil)})
	for method, want := range map[string]string{http.MethodGet: "ProxyError.HostNotAllowed", http.MethodConnect: "ProxyError.BadRequest"} {
		req := httptest.NewRequest(method, "http://example.com/", nil)
		req.RequestURI = apiHost + ":80"
		w := httptest.NewRecorder()
		p.Handle(w, req)
		resp := w.Result()
		require.Equal(t, "close", resp.Header.Get("Connection"))
		require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
		got := read(t, resp, nil)
		require.Equal(t, want, got.code)
		require.Contains(t, got.body, `"RequestId":"tcretry-proxy"`, "it is none of the API's")
		require.GreaterOrEqual(t, got.status, 400)
	}
}

// The reason phrase is one line of printable ASCII, and not longer than clients read.
func TestTheReasonPhraseIsShortAndPrintable(t *testing.T) {
	var failure error
	r := serve(t, roundTripper(func(*http.Request) (*http.Response, error) { return nil, failure }),
		proxy.Config{Options: []tcretry.Option{tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 1})}})
	const longest = len("502 Bad Gateway (") + 400 + len(")")
	failure = errors.New("a b~c\td\u00e9\u007f\r\nX: y")
	got := r.raw("GET " + apiURL + " HTTP/1.1\r\nHost: x\r\n\r\n")
	require.Contains(t, got.text, ": a b~c?d????")
	require.Less(t, len(got.text), longest)
	require.Empty(t, got.header.Get("X"))
	failure = errors.New(strings.Repeat("e", 1000))
	got = r.raw("GET " + apiURL + " HTTP/1.1\r\nHost: x\r\n\r\n")
	require.Len(t, got.text, longest)
	require.True(t, strings.HasSuffix(got.text, "eee)"))
}

// timed is a client whose time to read the next part is recorded when the part is sent.
type timed struct {
	*httptest.ResponseRecorder
	until time.Time
	left  time.Duration // when the first part was sent
	sent  int
}

func (w *timed) SetWriteDeadline(until time.Time) error {
	w.until = until
	return nil
}

func (w *timed) FlushError() error {
	if w.sent++; w.sent == 1 {
		w.left = time.Until(w.until)
	}
	return nil
}

// So a client that reads nothing holds up no stream, even one without a part.
func TestTheHeaderOfAStreamHasItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProxy(t, proxy.Config{Base: returning(200, -1, http.NoBody), ClientTimeout: 7 * time.Second})
		w := &timed{ResponseRecorder: httptest.NewRecorder()}
		p.Handle(w, httptest.NewRequest(http.MethodGet, apiURL, nil))
		require.Equal(t, 200, w.Code)
		require.Equal(t, 7*time.Second, w.left)
	})
}
