package proxy_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/proxy"
)

// What is signed is what the API sees, and no header is added: not Accept-Encoding,
// User-Agent, Via or X-Forwarded-For.
func TestTheAPIGetsWhatTheClientSentLessWhatIsAboutItsConnection(t *testing.T) {
	var got *http.Request
	var body []byte
	r := serve(t, origin(t, func(w http.ResponseWriter, req *http.Request) {
		got = req
		body, _ = io.ReadAll(req.Body)
	}), proxy.Config{})
	reply := r.raw("POST http://" + apiHost + "/%7Epath/?b=2&a=%20+1&a HTTP/1.1\r\n" +
		"Host: " + apiHost + "\r\nX-TC-Action: DescribeZones\r\nAuthorization: TC3 secret\r\nContent-Type: application/json; charset=utf-8\r\n" +
		"X-Two: a\r\nX-Two: b\r\nConnection: X-Private, keep-alive\r\nX-Private: 1\r\nKeep-Alive: 5\r\nProxy-Connection: keep-alive\r\n" +
		"Proxy-Authorization: Basic eA==\r\nTE: trailers\r\nUpgrade: websocket\r\nExpect: \r\nTransfer-Encoding: chunked\r\n\r\n" +
		"4\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\n\r\n")
	require.Equal(t, 200, reply.status, reply.body)
	require.Equal(t, "/%7Epath/?b=2&a=%20+1&a", got.RequestURI)
	require.Equal(t, apiHost, got.Host)
	require.Equal(t, `{"a":1}`, string(body))
	require.Equal(t, http.Header{
		"X-Tc-Action":    {"DescribeZones"},
		"Authorization":  {"TC3 secret"},
		"Content-Type":   {"application/json; charset=utf-8"},
		"X-Two":          {"a", "b"},
		"Content-Length": {"7"},
	}, got.Header)
}

func TestTheHostIsSentAsTheClientSignedIt(t *testing.T) {
	var host string
	r := serve(t, origin(t, func(_ http.ResponseWriter, req *http.Request) { host = req.Host }), proxy.Config{})
	for _, target := range []string{"CVM.TencentCloudAPI.com", apiHost + ":80", apiHost + "."} {
		require.Equal(t, 200, r.raw("GET http://"+target+"/ HTTP/1.1\r\nHost: other\r\n\r\n").status)
		require.Equal(t, target, host)
	}
}

// The compressed bytes of the API are the client's, and so are the headers that it
// did not send.
func TestTheClientGetsTheResponseAsItCame(t *testing.T) {
	var text bytes.Buffer
	zip := gzip.NewWriter(&text)
	_, _ = io.WriteString(zip, `{"Response":{"RequestId":"1"}}`)
	require.NoError(t, zip.Close())
	r := serve(t, origin(t, func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Date"], h["Content-Type"] = nil, nil
		h.Set("Content-Encoding", "gzip")
		h.Set("X-Request", "1")
		h.Set("Connection", "X-Hop")
		h.Set("X-Hop", "1")
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write(text.Bytes())
	}), proxy.Config{})
	got := r.raw("GET " + apiURL + " HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
	require.Equal(t, 202, got.status)
	require.Equal(t, text.String(), got.body)
	got.header.Del("Content-Length")
	require.Equal(t, http.Header{"Content-Encoding": {"gzip"}, "X-Request": {"1"}}, got.header)
}

func TestTrailersArrive(t *testing.T) {
	r := serve(t, origin(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.WriteString(w, "text")
		w.Header().Set("X-Sum", "7")
	}), proxy.Config{})
	conn := r.dial()
	_, err := io.WriteString(conn, "GET "+apiURL+" HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	_, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.Header{"X-Sum": {"7"}}, resp.Trailer)
}
