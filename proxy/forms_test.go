package proxy_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/proxy"
	"github.com/tcretry/tcretry/tctest"
)

// troubled is an API that throttles, fails and then executes. It checks signatures.
func troubled() *tctest.API {
	return newAPI(tctest.Throttle(), tctest.Fail("InternalError", "An internal error has occurred."), tctest.OK(nil))
}

func requireRetried(t *testing.T, api *tctest.API, got reply) {
	t.Helper()
	require.Equal(t, 200, got.status, got.body)
	require.Empty(t, got.code, got.message)
	require.Equal(t, 3, api.Attempts("RunInstances"))
	require.Equal(t, 1, api.Executions("RunInstances"))
}

// As most clients do with a URL of http://.
func TestARequestInAbsoluteFormIsRetriedAndItsSignatureStaysValid(t *testing.T) {
	api := troubled()
	requireRetried(t, api, serve(t, overTLS(t, api), proxy.Config{}).call("RunInstances"))
}

// tunneled is a client that opens a tunnel to port 80 first, as the Node SDK does.
func (r *running) tunneled() (client *http.Client, dials *atomic.Int64) {
	dials = new(atomic.Int64)
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		dials.Add(1)
		return r.tunnel(), nil
	}}
	r.t.Cleanup(transport.CloseIdleConnections)
	return signing(transport), dials
}

func TestRequestsInATunnelAreRetriedAndShareTheirConnection(t *testing.T) {
	api := troubled()
	client, dials := serve(t, overTLS(t, api), proxy.Config{}).tunneled()
	resp, err := client.Do(request(t, "RunInstances"))
	requireRetried(t, api, read(t, resp, err))
	resp, err = client.Do(request(t, "DescribeZones"))
	require.Equal(t, 200, read(t, resp, err).status)
	require.EqualValues(t, 1, dials.Load())
}

func TestAUnixSocketTakesRequestsInOriginForm(t *testing.T) {
	api := troubled()
	path := filepath.Join(t.TempDir(), "proxy.sock")
	r := serve(t, overTLS(t, api), proxy.Config{Listen: "unix:" + path})
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	resp, err := signing(transport).Do(request(t, "RunInstances"))
	requireRetried(t, api, read(t, resp, err))
	require.Equal(t, path, r.Addr().String())
}

func TestAClientOfHTTP10GetsTheResponse(t *testing.T) {
	r := serve(t, overTLS(t, tctest.NewAPI()), proxy.Config{})
	got := r.raw("POST " + apiURL + " HTTP/1.0\r\nContent-Type: application/json\r\nX-TC-Action: DescribeZones\r\nContent-Length: 2\r\n\r\n{}")
	require.Equal(t, 200, got.status)
	require.Contains(t, got.body, "RequestId")
}

// One byte too many would be the next request: what comes behind a CONNECT, in the same
// packet, belongs to the tunnel.
func TestWhatAClientSendsWithItsCONNECTIsNotLost(t *testing.T) {
	api := tctest.NewAPI()
	r := serve(t, overTLS(t, api), proxy.Config{})
	conn := r.dial()
	_, err := io.WriteString(conn, "CONNECT "+apiHost+":80 HTTP/1.1\r\nHost: "+apiHost+"\r\n\r\n"+
		"POST / HTTP/1.1\r\nHost: "+apiHost+"\r\nX-TC-Action: DescribeZones\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
	require.NoError(t, err)
	reader := bufio.NewReader(conn)
	resp, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	resp, err = http.ReadResponse(reader, nil)
	require.Equal(t, 200, read(t, resp, err).status)
	require.Equal(t, "{}", string(api.Recorded()[0].Body))
}
