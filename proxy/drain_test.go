package proxy_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/proxy"
	"github.com/tcretry/tcretry/tctest"
)

// health is the status of /healthz.
func (r *running) health() int {
	resp, err := http.Get("http://" + r.AdminAddr().String() + "/healthz")
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestServeDrainsBeforeItReturns(t *testing.T) {
	way, arrived, release := blocking(t)
	r := serve(t, way, proxy.Config{Admin: "127.0.0.1:0"})
	require.Equal(t, 200, r.health())
	// Opened before, their first requests come while the proxy drains.
	unused, fresh := r.tunnel(), r.dial()
	eventually(t, func() bool { return r.Conns() == 1 }, "the connection is accepted")
	replies := make(chan reply, 4)
	go func() { replies <- r.raw(head + "Content-Length: 0\r\n\r\n") }()
	go func() { replies <- r.inTunnel("GET / HTTP/1.1\r\nHost: " + apiHost + "\r\n\r\n") }()
	<-arrived
	<-arrived
	r.stop()
	eventually(t, func() bool { return r.health() == 503 }, "healthz says that it drains")
	eventually(t, func() bool {
		conn, err := net.Dial("tcp", r.Addr().String())
		if err == nil {
			conn.Close()
		}
		return err != nil
	}, "no connection is accepted")
	for _, conn := range []net.Conn{unused, fresh} {
		go func() { replies <- r.exchange(conn, "GET / HTTP/1.1\r\nHost: "+apiHost+"\r\n\r\n") }()
		<-arrived
	}
	require.Empty(t, r.ended, "it waits for the calls")
	release()
	for range 4 {
		require.Equal(t, 200, (<-replies).status)
	}
	require.NoError(t, <-r.ended)
	r.ended <- nil
	require.Zero(t, r.health(), "the admin address ends last")
}

func TestCallsThatDoNotEndWithinDrainTimeoutAreCutOffAndCounted(t *testing.T) {
	way, arrived, _ := blocking(t)
	r := serve(t, way, proxy.Config{DrainTimeout: 100 * time.Millisecond})
	for _, conn := range []net.Conn{r.dial(), r.tunnel()} {
		_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+apiHost+"\r\n\r\n")
		require.NoError(t, err)
		<-arrived
		defer func() { require.Empty(t, requireEnded(t, conn)) }()
	}
	r.stop()
	err := <-r.ended
	r.ended <- nil
	require.EqualError(t, err, "tcretry: proxy: 2 calls were cut off: they did not end within DrainTimeout, 100ms")
	r.nothingLeft()
}

// A connection that is kept alive is not a call: draining does not wait for it.
func TestIdleConnectionsDoNotDelayTheEnd(t *testing.T) {
	r := serve(t, overTLS(t, tctest.NewAPI()), proxy.Config{})
	for _, conn := range []net.Conn{r.dial(), r.tunnel()} {
		_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+apiHost+"\r\n\r\n")
		require.NoError(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.Equal(t, 200, read(t, resp, err).status)
	}
	r.stop()
	require.NoError(t, <-r.ended)
	r.ended <- nil
}

func TestASocketIsReplacedIfNobodyListensOnIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "proxy.sock")
	stale, err := net.Listen("unix", path)
	require.NoError(t, err)
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, stale.Close())
	r := serve(t, roundTripper(nil), proxy.Config{Listen: "unix:" + path})
	second, err := proxy.New(proxy.Config{Listen: "unix:" + path})
	require.NoError(t, err)
	require.ErrorContains(t, second.Listen(), "address already in use")
	require.ErrorContains(t, second.Serve(t.Context()), "Serve before Listen")
	require.Equal(t, "ProxyError.HostNotAllowed", r.raw("GET / HTTP/1.0\r\nHost: x\r\n\r\n").code)
	r.stop()
	require.NoError(t, <-r.ended)
	r.ended <- nil
	require.NoFileExists(t, path)
}

// A refusal is not a call, and its connection none of net/http's: it is waited for all
// the same.
func TestDrainingWaitsForRefusals(t *testing.T) {
	r := serve(t, roundTripper(nil), proxy.Config{MaxBodyBytes: 8})
	conn := r.dial()
	_, err := io.WriteString(conn, head+"Content-Length: 50000\r\n\r\n")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.Equal(t, 413, read(t, resp, err).status)
	r.stop()
	require.NoError(t, <-r.ended)
	r.ended <- nil
	require.Zero(t, r.Handlers(), "nothing of the proxy runs any more")
}

// A tunnel that a client got is served, however late in the drain.
func TestNoTunnelIsLostToDraining(t *testing.T) {
	for range 20 {
		r := serve(t, roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}, nil
		}), proxy.Config{})
		var clients sync.WaitGroup
		var conns []net.Conn
		for range 8 {
			conns = append(conns, r.dial())
		}
		for i, conn := range conns {
			clients.Go(func() {
				if i == 4 {
					r.stop()
				}
				_, _ = io.WriteString(conn, "CONNECT "+apiHost+":80 HTTP/1.1\r\nHost: x\r\n\r\n")
				reader := bufio.NewReader(conn)
				if _, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect}); err != nil {
					return // it did not get one
				}
				_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+apiHost+"\r\n\r\n")
				if _, err := http.ReadResponse(reader, nil); err != nil {
					t.Error("a tunnel was lost: ", err)
				}
			})
		}
		clients.Wait()
		require.NoError(t, <-r.ended)
		r.ended <- nil
	}
}
