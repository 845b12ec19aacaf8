package proxy_test

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/proxy"
)

// What could not listen on both of its addresses listens on none.
func TestAProxyThatCannotListenLeavesNothingOpen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	path := filepath.Join(t.TempDir(), "proxy.sock")
	p := newProxy(t, proxy.Config{Listen: "unix:" + path, Admin: taken.Addr().String()})
	require.ErrorContains(t, p.Listen(), "Admin: ")
	_, err = net.Dial("unix", path)
	require.Error(t, err)
	require.NoFileExists(t, path)
}

func TestASocketThatIsInUseIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "proxy.sock")
	r := serve(t, roundTripper(nil), proxy.Config{Listen: "unix:" + path})
	require.Error(t, newProxy(t, proxy.Config{Listen: "unix:" + path}).Listen())
	require.FileExists(t, path)
	eventually(t, func() bool { return r.Conns() == 0 }, "the connection that saw that it is in use is left open")
}

// idle is an API that counts how often its idle connections were closed.
type idle struct {
	roundTripper
	closed atomic.Int64
}

func (i *idle) CloseIdleConnections() { i.closed.Add(1) }

func TestServeClosesTheIdleConnectionsToTheAPI(t *testing.T) {
	base := new(idle)
	r := serve(t, base, proxy.Config{})
	r.stop()
	require.NoError(t, <-r.ended)
	r.ended <- nil
	require.EqualValues(t, 1, base.closed.Load())
}

// Without clients there is nothing to do: a supervisor starts the process again.
func TestServeReturnsTheErrorOfAListenerThatFails(t *testing.T) {
	for _, admin := range []string{"", "127.0.0.1:0"} {
		r := serve(t, roundTripper(nil), proxy.Config{Admin: admin})
		r.FailClients()
		select {
		case err := <-r.ended:
			require.ErrorIs(t, err, net.ErrClosed)
			r.ended <- nil
		case <-time.After(patience):
			require.Fail(t, "it serves nobody, for ever")
		}
		if admin != "" {
			require.Zero(t, r.health())
		}
	}
}

// While calls are in progress, connections without one end immediately, and the others with
// their responses: none of them takes another request.
func TestWhileItDrainsNoConnectionIsKeptAlive(t *testing.T) {
	arrived, release := make(chan struct{}, 2), make(chan struct{})
	r := serve(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/slow" {
			arrived <- struct{}{}
			<-release
		}
		return returning(200, 0, http.NoBody)(req)
	}), proxy.Config{})
	var idle, busy []net.Conn
	for _, open := range []func() net.Conn{r.dial, r.tunnel} {
		conn := open()
		require.Equal(t, 200, r.exchange(conn, "GET / HTTP/1.1\r\nHost: "+apiHost+"\r\n\r\n").status)
		idle, busy = append(idle, conn), append(busy, open())
	}
	for _, conn := range busy {
		_, err := io.WriteString(conn, "GET /slow HTTP/1.1\r\nHost: "+apiHost+"\r\n\r\n")
		require.NoError(t, err)
		<-arrived
	}
	r.stop()
	for _, conn := range idle {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(3*time.Second)))
		requireEnded(t, conn)
	}
	close(release)
	for _, conn := range busy {
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.True(t, resp.Close)
	}
}

func TestNothingRunsAnyMoreWhenCallsWereCutOff(t *testing.T) {
	canceled := make(chan struct{})
	r := serve(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		<-time.After(50 * time.Millisecond)
		close(canceled)
		return nil, req.Context().Err()
	}), proxy.Config{DrainTimeout: 10 * time.Millisecond})
	conn := r.dial()
	_, err := io.WriteString(conn, get)
	require.NoError(t, err)
	eventually(t, func() bool { return r.State().Calls.InProgress == 1 }, "the call began")
	r.stop()
	require.ErrorContains(t, <-r.ended, "1 calls were cut off")
	r.ended <- nil
	require.Zero(t, r.Handlers())
	<-canceled
}

// lines is where messages are written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestTheLoggerGetsTheMessagesOfTheServers(t *testing.T) {
	log := new(lines)
	r := serve(t, roundTripper(nil), proxy.Config{
		Admin: "127.0.0.1:0", Logger: slog.New(slog.NewTextHandler(log, nil)),
		AdminPages: map[string]http.Handler{"/broken": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken page") })},
	})
	_, err := http.Get("http://" + r.AdminAddr().String() + "/broken")
	require.Error(t, err)
	eventually(t, func() bool {
		return bytes.Contains([]byte(log.String()), []byte("level=WARN")) && bytes.Contains([]byte(log.String()), []byte("broken page"))
	}, "a panic of a page is logged")
	resp, err := http.Get("http://" + r.AdminAddr().String() + "/state")
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
}

// What is no socket is a file of somebody else.
func TestAFileInThePlaceOfTheSocketIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "proxy.sock")
	require.NoError(t, os.WriteFile(path, []byte("mine"), 0o600))
	require.ErrorContains(t, newProxy(t, proxy.Config{Listen: "unix:" + path}).Listen(), "address already in use")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "mine", string(text))
}

// A connection is counted as what it is, once: as long as one is, Serve waits for it.
func TestEachConnectionIsCountedOnceAndAsATunnelOnceItIsOne(t *testing.T) {
	r := serve(t, roundTripper(nil), proxy.Config{})
	requireOpen := func(conns, tunnels int64) {
		t.Helper()
		eventually(t, func() bool { return r.Conns() == conns && r.Tunnels() == tunnels }, "the connections that are open")
	}
	first, second, third := r.tunnel(), r.tunnel(), r.dial()
	requireOpen(1, 2)
	first.Close()
	requireOpen(1, 1)
	third.Close()
	requireOpen(0, 1)
	second.Close()
	requireOpen(0, 0)
}

// Who takes the proxy for the API gets what to change.
func TestARequestThatIsNotAsToAProxyIsRefusedWithWhatToSet(t *testing.T) {
	got := serve(t, roundTripper(nil), proxy.Config{}).raw("GET / HTTP/1.1\r\nHost: 127.0.0.1:8128\r\n\r\n")
	require.Equal(t, 403, got.status)
	require.Contains(t, got.message, "set it as the proxy of the client, not as its endpoint")
}
