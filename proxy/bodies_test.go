package proxy_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/proxy"
)

// observed is the body of a response that counts how often it was closed.
type observed struct {
	io.Reader
	closed atomic.Int64
}

func (o *observed) Close() error {
	o.closed.Add(1)
	return nil
}

// returning is an API whose responses have a body.
func returning(status int, length int64, body io.ReadCloser) roundTripper {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, ContentLength: length, Body: body}, nil
	}
}

const get = "GET " + apiURL + " HTTP/1.1\r\nHost: x\r\n\r\n"

func TestEveryResponseIsClosedAndEveryByteOfItArrives(t *testing.T) {
	for status, want := range map[int]int{200: 200, 404: 404, 101: 502} {
		body := &observed{Reader: iotest.OneByteReader(strings.NewReader("a text"))}
		r := serve(t, returning(status, -1, body), proxy.Config{})
		got := r.raw(get)
		require.Equal(t, want, got.status)
		if want == status {
			require.Equal(t, "a text", got.body)
		}
		r.nothingLeft()
		require.NotZero(t, body.closed.Load(), status)
	}
}

func TestAResponseThatComesWhenTheClientHasGoneIsClosed(t *testing.T) {
	body := &observed{Reader: strings.NewReader("a text")}
	arrived, release := make(chan struct{}), make(chan struct{})
	r := serve(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		close(arrived)
		<-req.Context().Done()
		<-release
		return returning(200, 6, body)(req)
	}), proxy.Config{})
	conn := r.dial()
	_, err := io.WriteString(conn, get)
	require.NoError(t, err)
	<-arrived
	conn.Close()
	close(release)
	r.nothingLeft()
	require.NotZero(t, body.closed.Load())
	require.EqualValues(t, 1, r.State().Calls.Abandoned)
	require.Zero(t, r.State().Calls.Failed)
}

// A client that goes in the middle of a response has abandoned its call, once.
func TestAClientThatGoesInTheMiddleOfAResponseAbandonsItsCall(t *testing.T) {
	reader, writer := io.Pipe()
	t.Cleanup(func() { writer.Close() })
	ended := make(chan context.Context, 1)
	r := serve(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		ended <- req.Context()
		return returning(200, -1, reader)(req)
	}), proxy.Config{})
	conn := r.dial()
	_, err := io.WriteString(conn, get)
	require.NoError(t, err)
	_, err = io.WriteString(writer, "part")
	require.NoError(t, err)
	conn.Close()
	<-(<-ended).Done()
	go func() { _, _ = io.WriteString(writer, strings.Repeat("x", 1<<20)) }()
	r.nothingLeft()
	require.EqualValues(t, 1, r.State().Calls.Abandoned)
	require.Zero(t, r.State().Calls.Failed)
}

// The header of a stream does not wait for its first part, however long the client was
// idle before; one without a body has its length instead.
func TestTheHeaderOfAStreamArrivesFirst(t *testing.T) {
	var body io.ReadCloser = http.NoBody
	var length int64
	r := serve(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := returning(200, length, body)(req)
		resp.Header.Set("Content-Type", "text/event-stream") // of any other the begin is read first
		return resp, err
	}), proxy.Config{ClientTimeout: 100 * time.Millisecond})
	conn := r.dial()
	responses := bufio.NewReader(conn)
	_, err := io.WriteString(conn, get)
	require.NoError(t, err)
	resp, err := http.ReadResponse(responses, nil)
	require.NoError(t, err)
	require.Zero(t, resp.ContentLength)
	require.Empty(t, resp.TransferEncoding)
	<-time.After(150 * time.Millisecond) // longer than a write may take
	reader, writer := io.Pipe()
	t.Cleanup(func() { writer.Close() })
	body, length = reader, -1
	_, err = io.WriteString(conn, get)
	require.NoError(t, err)
	resp, err = http.ReadResponse(responses, nil)
	require.NoError(t, err)
	_, err = io.WriteString(writer, "x")
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	require.Equal(t, "x", read(t, resp, err).body)
}

// As net/http's own: what has no body has no GetBody.
func TestARequestHasTheBodyOfTheClientOrNone(t *testing.T) {
	var got *http.Request
	var text []byte
	r := serve(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		got = req
		text, _ = io.ReadAll(req.Body)
		return returning(200, 0, http.NoBody)(req)
	}), proxy.Config{MaxBufferedBytes: 1000, MaxBodyBytes: 1000})
	for _, want := range []string{"", "x", "{}", strings.Repeat("x", 511), strings.Repeat("x", 512), strings.Repeat("x", 1000)} {
		require.Equal(t, 200, r.raw(head+"Transfer-Encoding: chunked\r\n\r\n"+chunks(want)+"0\r\n\r\n").status)
		require.Equal(t, want, string(text))
		require.EqualValues(t, len(want), got.ContentLength)
		require.Equal(t, want == "", got.GetBody == nil)
		r.nothingLeft()
	}
	require.Equal(t, 413, r.raw(head+"Transfer-Encoding: chunked\r\n\r\n"+chunks(strings.Repeat("x", 1001))+"0\r\n\r\n").status)
}

// chunks is a text of up to 4095 bytes as it is sent without a length.
func chunks(text string) string {
	if text == "" {
		return ""
	}
	const digits = "0123456789abcdef"
	n := len(text)
	return string([]byte{digits[n>>8], digits[n>>4&15], digits[n&15]}) + "\r\n" + text + "\r\n"
}

// The time of a client is that for a part of a response, not for all of them.
func TestAResponseMayComeInPartsForLongerThanAClientMayTake(t *testing.T) {
	const part = "data: {}\n\n"
	r := serve(t, origin(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 6 {
			_, _ = io.WriteString(w, part)
			_ = http.NewResponseController(w).Flush()
			<-time.After(100 * time.Millisecond)
		}
	}), proxy.Config{ClientTimeout: 300 * time.Millisecond})
	require.Equal(t, strings.Repeat(part, 6), r.raw(get).body)
}

func TestABodyThatEndsTooSoonIsABadRequest(t *testing.T) {
	r := serve(t, roundTripper(nil), proxy.Config{})
	conn := r.dial()
	_, err := io.WriteString(conn, head+"Content-Length: 10\r\n\r\n{")
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	got := read(t, resp, err)
	require.Equal(t, 400, got.status)
	require.Equal(t, "ProxyError.BadRequest", got.code)
}
