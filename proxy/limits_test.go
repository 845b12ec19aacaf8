package proxy_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/proxy"
	"github.com/tcretry/tcretry/tctest"
)

const head = "POST " + apiURL + " HTTP/1.1\r\nHost: x\r\nX-TC-Action: RunInstances\r\n"

func TestABodyThatIsTooLongIsRefusedAndNotSent(t *testing.T) {
	api := tctest.NewAPI()
	r := serve(t, overTLS(t, api), proxy.Config{MaxBodyBytes: 8})
	for name, text := range map[string]string{
		"announced":                  head + "Content-Length: 9\r\nExpect: 100-continue\r\n\r\n",
		"chunked":                    head + "Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n4\r\n6789\r\n0\r\n\r\n",
		"chunked, and more to come":  head + "Transfer-Encoding: chunked\r\n\r\n400\r\n" + strings.Repeat("x", 1024) + "\r\n",
		"announced, and sent as far": head + "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 50000),
	} {
		got := r.raw(text)
		require.Equal(t, 413, got.status, name)
		require.Equal(t, "ProxyError.RequestTooLarge", got.code)
	}
	require.Equal(t, 200, r.raw(head+"Content-Length: 8\r\n\r\n12345678").status)
	require.Equal(t, 1, api.Attempts(""))
	r.nothingLeft()
}

// A client that writes all of its request before it reads must not find the connection
// reset: it would never see what was wrong.
func TestAClientThatIsRefusedMayFinishWriting(t *testing.T) {
	r := serve(t, roundTripper(nil), proxy.Config{MaxBodyBytes: 8})
	conn := r.dial()
	_, err := io.WriteString(conn, head+"Content-Length: 50000\r\n\r\n")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.Equal(t, 413, read(t, resp, err).status)
	for range 50 {
		_, err := conn.Write(make([]byte, 1000))
		require.NoError(t, err)
	}
}

func TestAClientThatExpects100ContinueGetsItAndTheAPIDoesNot(t *testing.T) {
	api := tctest.NewAPI()
	r := serve(t, overTLS(t, api), proxy.Config{})
	conn := r.dial()
	_, err := io.WriteString(conn, head+"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
	require.NoError(t, err)
	reader := bufio.NewReader(conn)
	line, err := reader.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
	_, err = reader.ReadString('\n')
	require.NoError(t, err)
	_, err = io.WriteString(conn, "{}")
	require.NoError(t, err)
	resp, err := http.ReadResponse(reader, nil)
	require.Equal(t, 200, read(t, resp, err).status)
	require.NotContains(t, api.Recorded()[0].Header, "Expect")
}

func TestAHeaderThatIsTooLongIsRefused(t *testing.T) {
	r := serve(t, overTLS(t, tctest.NewAPI()), proxy.Config{MaxHeaderBytes: 2000})
	require.Equal(t, 431, r.raw(head+"X-Long: "+strings.Repeat("x", 10000)+"\r\n\r\n").status)
}

// blocking is an API whose responses wait for release.
func blocking(t *testing.T) (way *http.Transport, arrived chan struct{}, release func()) {
	arrived, released := make(chan struct{}, 100), make(chan struct{})
	way = origin(t, func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		arrived <- struct{}{}
		select {
		case <-released:
		case <-req.Context().Done():
		}
	})
	return way, arrived, func() { close(released) }
}

func requireOverloaded(t *testing.T, got reply) {
	t.Helper()
	require.Equal(t, 503, got.status)
	require.Equal(t, "1", got.header.Get("Retry-After"))
	require.Equal(t, "RequestLimitExceeded.ProxyOverloaded", got.code)
	require.Contains(t, got.message, "not sent")
}

func TestCallsBeyondTheirNumberAreRefusedWithRetryAfterAndOthersGoOn(t *testing.T) {
	way, arrived, release := blocking(t)
	r := serve(t, way, proxy.Config{MaxCalls: 2})
	replies := make(chan reply, 2)
	for range 2 {
		go func() { replies <- r.raw(head + "Content-Length: 0\r\n\r\n") }()
		<-arrived
	}
	requireOverloaded(t, r.raw(head+"Content-Length: 0\r\n\r\n"))
	requireOverloaded(t, r.inTunnel("POST / HTTP/1.1\r\nHost: "+apiHost+"\r\nContent-Length: 0\r\n\r\n"))
	release()
	for range 2 {
		require.Equal(t, 200, (<-replies).status)
	}
	require.Equal(t, 200, r.raw(head+"Content-Length: 0\r\n\r\n").status)
	r.nothingLeft()
	require.EqualValues(t, 2, r.State().Calls.Overloaded)
	require.EqualValues(t, 3, r.State().Calls.Total)
}

// A length that is announced takes no room: only bytes that came do.
func TestBodiesBeyondTheBufferAreRefusedWithRetryAfter(t *testing.T) {
	way, arrived, release := blocking(t)
	r := serve(t, way, proxy.Config{MaxBufferedBytes: 1000})
	announced := r.dial()
	_, err := io.WriteString(announced, head+"Content-Length: 5000\r\n\r\n")
	require.NoError(t, err)
	replies := make(chan reply)
	go func() { replies <- r.raw(head + "Content-Length: 900\r\n\r\n" + strings.Repeat("x", 900)) }()
	<-arrived
	requireOverloaded(t, r.raw(head+"Content-Length: 200\r\n\r\n"+strings.Repeat("x", 200)))
	require.EqualValues(t, 1, r.State().Calls.Overloaded)
	release()
	require.Equal(t, 200, (<-replies).status)
	announced.Close()
	r.nothingLeft()
}

// requireEnded reads a connection to its end.
func requireEnded(t *testing.T, conn net.Conn) string {
	t.Helper()
	text, err := io.ReadAll(conn)
	if err != nil {
		require.NotErrorIs(t, err, net.ErrClosed)
		var timeout interface{ Timeout() bool }
		require.ErrorAs(t, err, &timeout)
		require.False(t, timeout.Timeout(), "the connection was still open")
	}
	return string(text)
}

// Fifty connections that send a byte from time to time end, and hold up nobody.
func TestASlowlorisIsCutOffAndOthersAreServed(t *testing.T) {
	api := tctest.NewAPI()
	r := serve(t, overTLS(t, api), proxy.Config{ClientTimeout: 300 * time.Millisecond, IdleTimeout: 300 * time.Millisecond})
	var slow []net.Conn
	for i := range 50 {
		conn := r.dial()
		text := head // a header without an end
		switch i % 4 {
		case 1:
			text += "Content-Length: 100\r\n\r\n{" // a body without an end
		case 2:
			conn = r.tunnel() // a tunnel that nobody uses
			text = ""
		case 3:
			text = "P"
		}
		_, err := io.WriteString(conn, text)
		require.NoError(t, err)
		slow = append(slow, conn)
		go drip(conn)
	}
	require.Equal(t, 200, r.raw(head+"Content-Length: 2\r\n\r\n{}").status, "another client meanwhile")
	for i, conn := range slow {
		text := requireEnded(t, conn)
		if i%4 == 1 && text != "" {
			require.Contains(t, text, "HTTP/1.1 408 ")
		}
	}
	require.Equal(t, 1, api.Attempts(""))
	r.nothingLeft()
}

// drip sends a byte from time to time until the connection has ended.
func drip(conn net.Conn) {
	for range time.Tick(50 * time.Millisecond) {
		if _, err := conn.Write([]byte("x")); err != nil {
			return
		}
	}
}

func TestABodyThatDoesNotComeInTimeIsRefused(t *testing.T) {
	r := serve(t, overTLS(t, tctest.NewAPI()), proxy.Config{ClientTimeout: 100 * time.Millisecond})
	got := r.raw(head + "Content-Length: 100\r\n\r\n{")
	require.Equal(t, 408, got.status)
	require.Equal(t, "ProxyError.RequestTimeout", got.code)
}

// A response that takes longer than a client may take is none of the client's fault.
func TestAResponseMayTakeLongerThanAClientMay(t *testing.T) {
	api := tctest.NewAPI(tctest.Delay(400*time.Millisecond, tctest.OK(nil)), tctest.OK(nil))
	r := serve(t, overTLS(t, api), proxy.Config{ClientTimeout: 100 * time.Millisecond})
	conn := r.dial()
	reader := bufio.NewReader(conn)
	for range 2 {
		_, err := io.WriteString(conn, head+"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
		require.NoError(t, err)
		resp, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		require.Equal(t, 100, resp.StatusCode)
		_, err = io.WriteString(conn, "{}")
		require.NoError(t, err)
		resp, err = http.ReadResponse(reader, nil)
		require.Equal(t, 200, read(t, resp, err).status)
		<-time.After(150 * time.Millisecond) // idle, longer than a write may take
	}
	require.Equal(t, 2, api.Attempts(""))
}

func TestAClientThatDoesNotReadIsCutOff(t *testing.T) {
	r := serve(t, origin(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 1000 {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}), proxy.Config{ClientTimeout: 100 * time.Millisecond})
	conn := r.dial()
	_, err := io.WriteString(conn, head+"Content-Length: 0\r\n\r\n")
	require.NoError(t, err)
	eventually(t, func() bool { return r.State().Calls.Total == 1 }, "the call began")
	r.nothingLeft()
}

func TestAMalformedRequestIsRefusedAndOthersAreServed(t *testing.T) {
	r := serve(t, overTLS(t, tctest.NewAPI()), proxy.Config{ClientTimeout: 200 * time.Millisecond, IdleTimeout: 200 * time.Millisecond})
	for i, text := range []string{
		"\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		head + "Content-Length: -1\r\n\r\n", head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n12",
		head + "Transfer-Encoding: gzip\r\n\r\n", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
		head + " folded: 1\r\nNo colon\r\n\r\n", head + "X: \x00\r\n\r\n", head + "Content-Length: 2\r\n\r\n{",
		"GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET " + apiURL + " HTTP/1.1\r\n\r\n",
	} {
		for name, conn := range map[string]net.Conn{"plain": r.dial(), "tunnel": r.tunnel()} {
			_, err := io.WriteString(conn, text)
			require.NoError(t, err)
			if half, ok := conn.(*net.TCPConn); ok && i%2 == 0 {
				_ = half.CloseWrite()
			}
			response := requireEnded(t, conn)
			require.Zero(t, r.State().Calls.Total, "%s %q reached the API: %s", name, text, response)
		}
	}
	require.Equal(t, 200, r.raw(head+"Content-Length: 2\r\n\r\n{}").status)
	require.EqualValues(t, 1, r.State().Calls.Total)
	r.nothingLeft()
}
