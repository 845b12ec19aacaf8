package e2e_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/internal/test/race"
	"github.com/tcretry/tcretry/tc3"
	"github.com/tcretry/tcretry/tctest"
)

// getRequest is a GET to the API, with the v1 parameters in the query.
func getRequest(t testing.TB, action string) *http.Request {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		"http://cvm.tencentcloudapi.com/?Action="+action+"&Version=2017-03-12&InstanceCount=1", nil)
	require.NoError(t, err)
	return req
}

// onTheWire returns the bytes of a request as a server gets them over HTTP/1.1.
func onTheWire(t *testing.T, wrap func(http.RoundTripper) http.RoundTripper, req *http.Request) string {
	client, server := net.Pipe()
	base := &http.Transport{Dial: func(string, string) (net.Conn, error) { return client, nil }}
	var raw bytes.Buffer
	served := make(chan struct{})
	go func() {
		defer close(served)
		defer server.Close()
		if req, err := http.ReadRequest(bufio.NewReader(io.TeeReader(server, &raw))); err == nil {
			_, _ = io.Copy(io.Discard, req.Body)
		}
		_, _ = io.WriteString(server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
	}()
	resp, err := wrap(base).RoundTrip(req)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	<-served
	return raw.String()
}

// TestANonIdempotentGETIsTheSameOnTheWire sets fields that net/http ignores for some
// of the requests, too.
func TestANonIdempotentGETIsTheSameOnTheWire(t *testing.T) {
	plain := func(base http.RoundTripper) http.RoundTripper { return base }
	ours := func(base http.RoundTripper) http.RoundTripper { return tcretry.New(base) }
	for _, method := range []string{"", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace} {
		for _, encoding := range [][]string{nil, {"chunked"}} {
			req := getRequest(t, "RunInstances")
			req.Header.Set("X-TC-Action", "RunInstances")
			req.Method, req.TransferEncoding = method, encoding
			want := onTheWire(t, plain, req)
			require.Contains(t, want, "Action=RunInstances")
			require.Equal(t, want, onTheWire(t, ours, req))
			req.Body, req.ContentLength = http.NoBody, 5
			require.Equal(t, onTheWire(t, plain, req), onTheWire(t, ours, req))
		}
	}
}

func TestANonIdempotentGETWithALengthAndNoBodyIsRejectedAsWithoutUs(t *testing.T) {
	req := getRequest(t, "RunInstances")
	req.ContentLength = 5
	base := &http.Transport{DialContext: dialOnly(listen(t, func(conn net.Conn) {}))}
	_, want := base.RoundTrip(req)
	_, err := tcretry.New(base, tcretry.WithPolicy(probe.Quick())).RoundTrip(req)
	require.ErrorContains(t, err, want.Error())
}

func TestANonIdempotentGETHasNoBodyOverHTTP2(t *testing.T) {
	var header http.Header
	var body []byte
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		header = req.Header
		body, _ = io.ReadAll(req.Body)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	req := getRequest(t, "RunInstances")
	req.URL.Scheme, req.URL.Host = "https", srv.Listener.Addr().String()
	resp, err := tcretry.New(srv.Client().Transport).RoundTrip(req)
	require.NoError(t, err)
	require.Equal(t, 2, resp.ProtoMajor)
	require.NoError(t, resp.Body.Close())
	require.Empty(t, body)
	require.NotContains(t, header, "Content-Length")
	require.NotContains(t, header, "Transfer-Encoding")
}

// sentRequest returns the request that the underlying RoundTripper gets.
func sentRequest(t *testing.T, req *http.Request, opts ...tcretry.Option) (sent *http.Request) {
	base := probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		sent = req
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	})
	_, err := tcretry.New(base, opts...).RoundTrip(req)
	require.NoError(t, err)
	return sent
}

func TestAnIdempotentRequestIsSentAsItIs(t *testing.T) {
	for _, action := range []string{"DescribeInstances", "RunInstances&ClientToken=order-1"} {
		req := getRequest(t, action)
		require.Nil(t, sentRequest(t, req).Body, action)
		req.Body = http.NoBody
		require.Equal(t, http.NoBody, sentRequest(t, req).Body, action)
	}
	read := probe.SDKRequest(t, "DescribeInstances", strings.NewReader(`{}`))
	read.Method = http.MethodGet
	require.NotNil(t, sentRequest(t, read).GetBody)
}

func TestANonIdempotentRequestThatNetHTTPWouldNotResendKeepsItsGetBody(t *testing.T) {
	write := probe.SDKRequest(t, "RunInstances", strings.NewReader(`{}`))
	require.NotNil(t, sentRequest(t, write).GetBody)
}

func TestTheUsersRuleDecidesWhatIsIdempotent(t *testing.T) {
	keyed := probe.SDKRequest(t, "DescribeInstances", strings.NewReader(`{}`))
	keyed.Header.Set("Idempotency-Key", "k")
	for _, idempotent := range []bool{true, false} {
		asked := 0
		rule := tcretry.WithIdempotency(func(*http.Request) bool { asked++; return idempotent })
		require.Equal(t, idempotent, sentRequest(t, getRequest(t, "DescribeInstances"), rule).Body == nil)
		require.Equal(t, idempotent, sentRequest(t, keyed, rule).GetBody != nil)
		require.Equal(t, 2, asked, "once a call")
	}
}

func TestAReadOnlyRequestIsRecognisedWithoutAllocation(t *testing.T) {
	body := probe.Success(4 << 10)
	base := probe.MemoryBase(body, int64(len(body)))
	if race.Enabled {
		t.Skip("allocations are counted without -race: go test ./internal/test/e2e")
	}
	measure := func(req *http.Request) float64 {
		ours := tcretry.New(base)
		return testing.AllocsPerRun(500, func() { probe.RoundTrip(t, ours, req) })
	}
	post := probe.SDKRequest(t, "DescribeInstances", nil)
	v1 := getRequest(t, "DescribeInstances")
	get := post.Clone(t.Context())
	get.Method = http.MethodGet
	require.Equal(t, measure(post), measure(get))
	require.Equal(t, measure(post), measure(v1))
}

// tc3 reads a body that has no GetBody before it signs, and keeps a copy for its
// own second attempt. What keeps a non-idempotent GET from being resent needs neither.
func TestTc3CorrectsTheClockForANonIdempotentGETAndResendsNothing(t *testing.T) {
	api := tctest.NewAPI()
	api.CheckSignatures(map[string]string{"id": "key"})
	api.SetClock(-10 * time.Minute)
	var sent []*http.Request
	spy := probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		sent = append(sent, req)
		return api.RoundTrip(req)
	})
	rt := tcretry.New(&tc3.Transport{Base: spy, Source: tc3.Static(tc3.Credentials{SecretID: "id", SecretKey: "key"})})
	req := getRequest(t, "RunInstances")
	req.URL.RawQuery = "InstanceCount=1"
	req.Header.Set("X-TC-Action", "RunInstances")
	req.Header.Set("X-TC-Version", "2017-03-12")
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, tcretry.CheckResponse(resp))
	require.Len(t, sent, 2)
	for _, req := range sent {
		require.NotNil(t, req.Body)
		require.Nil(t, req.GetBody)
	}
}
