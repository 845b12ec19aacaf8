package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

// wires are the ways to a server on a real socket. Each gives the scheme of the
// requests and a transport of its own, which reaches the server by any host.
var wires = map[string]func(*testing.T, *tctest.API) (string, *http.Transport){
	"HTTP/1.1": func(t *testing.T, api *tctest.API) (string, *http.Transport) {
		return "http", api.Start(t).Transport()
	},
	"HTTP/1.1 over TLS": func(t *testing.T, api *tctest.API) (string, *http.Transport) {
		base := api.StartTLS(t).Transport()
		base.ForceAttemptHTTP2 = false
		return "https", base
	},
	"HTTP/2": func(t *testing.T, api *tctest.API) (string, *http.Transport) {
		return "https", api.StartTLS(t).Transport()
	},
}

// shapes are the forms in which the API takes a request.
var shapes = map[string]func(t *testing.T, action string, params map[string]string) *http.Request{
	"TC3 JSON": jsonRequest,
	"TC3 JSON with the SDK's key": func(t *testing.T, action string, params map[string]string) *http.Request {
		// What its UnsafeRetryOnConnectionFailure puts on every request.
		req := jsonRequest(t, action, params)
		req.Header.Set("X-Idempotency-Key", "x")
		return req
	},
	"v1 GET": func(t *testing.T, action string, params map[string]string) *http.Request {
		req := bareRequest(t, http.MethodGet, nil)
		req.URL.RawQuery = v1Params(action, params)
		return req
	},
	"v1 form": func(t *testing.T, action string, params map[string]string) *http.Request {
		req := bareRequest(t, http.MethodPost, strings.NewReader(v1Params(action, params)))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return req
	},
	"TC3 multipart": multipartRequest,
	"TC3 multipart without GetBody": func(t *testing.T, action string, params map[string]string) *http.Request {
		req := multipartRequest(t, action, params)
		req.GetBody = nil
		return req
	},
}

func jsonRequest(t *testing.T, action string, params map[string]string) *http.Request {
	var fields []string
	for key, value := range params {
		fields = append(fields, fmt.Sprintf("%q:%q", key, value))
	}
	return probe.SDKRequest(t, action, strings.NewReader("{"+strings.Join(fields, ",")+"}"))
}

func bareRequest(t *testing.T, method string, body io.Reader) *http.Request {
	req, err := http.NewRequestWithContext(t.Context(), method, "https://cvm.tencentcloudapi.com/", body)
	require.NoError(t, err)
	return req
}

func v1Params(action string, params map[string]string) string {
	values := url.Values{"Action": {action}, "Version": {"2017-03-12"}, "Region": {"ap-guangzhou"}}
	for key, value := range params {
		values.Set(key, value)
	}
	return values.Encode()
}

func multipartRequest(t *testing.T, action string, params map[string]string) *http.Request {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for key, value := range params {
		require.NoError(t, w.WriteField(key, value))
	}
	require.NoError(t, w.Close())
	req := probe.SDKRequest(t, action, &body)
	req.Header.Set("Content-Type", w.FormDataContentType())
	return req
}

// kinds are the three kinds of requests that a lost response distinguishes.
var kinds = map[string]struct {
	action string
	params map[string]string
	write  bool // executing it twice does harm
}{
	"order":            {"RunInstances", map[string]string{"InstanceCount": "1"}, true},
	"order with token": {"RunInstances", map[string]string{"InstanceCount": "1", "ClientToken": "order-1"}, false},
	"read":             {"DescribeInstances", map[string]string{"Limit": "1"}, false},
}

// eachRequest goes through every wire, shape and kind of request.
func eachRequest(wires []string, do func(name, wire, shape, kind string)) {
	for _, wire := range wires {
		for _, shape := range slices.Sorted(maps.Keys(shapes)) {
			for _, kind := range slices.Sorted(maps.Keys(kinds)) {
				do(wire+"/"+shape+"/"+kind, wire, shape, kind)
			}
		}
	}
}

// outcome is what a call led to: what its hooks received, and what the caller
// got in words.
type outcome struct {
	probe.Events
	gets string
}

// twiceCall makes one call and reads its response to the end.
func twiceCall(scheme string, base http.RoundTripper, req *http.Request, opts ...tcretry.Option) outcome {
	var o outcome
	policy := tcretry.WithPolicy(tcretry.Policy{MaxDelay: time.Millisecond})
	rt := tcretry.New(base, append(opts, tcretry.WithHooks(o.Hooks()), policy)...)
	req.URL.Scheme = scheme
	o.gets = got(rt.RoundTrip(req))
	return o
}

// got says in words what the caller gets.
func got(resp *http.Response, err error) string {
	if err != nil {
		return "an error"
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return fmt.Sprintf("%d bytes of a body, then an error", len(body))
	case resp.StatusCode != http.StatusOK:
		return fmt.Sprintf("status %d, %d bytes", resp.StatusCode, len(body))
	case !bytes.Contains(body, []byte("RequestId")) || bytes.Contains(body, []byte("Error")):
		return string(body)
	}
	return "success"
}

// lost are the ways in which a server that has executed a request fails to say
// so, and what the caller of a non-idempotent request gets then.
var lost = map[string]struct {
	reply tctest.Reply
	used  bool // the connection was used before: net/http trusts it less
	gets  string
}{
	"the connection is closed before the answer":      {tctest.DropAfterExecution(), false, "an error"},
	"the used connection is closed before the answer": {tctest.DropAfterExecution(), true, "an error"},
	"it is reset amid the headers":                    {tctest.ResetInHeaders(), false, "an error"},
	"the used one is reset amid the headers":          {tctest.ResetInHeaders(), true, "an error"},
	"half of the body comes":                          {tctest.Truncate(40, tctest.OK(nil)), false, "40 bytes of a body, then an error"},
	"a gateway answers with 502":                      {tctest.AfterExecution(tctest.GatewayError(502)), false, "status 502, 149 bytes"},
	"a gateway answers with 503":                      {tctest.AfterExecution(tctest.GatewayError(503)), false, "status 503, 165 bytes"},
	"a gateway answers with 504":                      {tctest.AfterExecution(tctest.GatewayError(504)), false, "status 504, 157 bytes"},
}

// TestNothingIsExecutedTwice counts executions at a server that executes and
// then does not say so.
func TestNothingIsExecutedTwice(t *testing.T) {
	t.Parallel()
	for name, row := range lost {
		eachRequest(slices.Sorted(maps.Keys(wires)), func(request, wire, shape, kind string) {
			t.Run(name+"/"+request, func(t *testing.T) {
				api, ask := tctest.NewAPI(), kinds[kind]
				api.Script(ask.action, row.reply, tctest.OK(nil))
				scheme, base := wires[wire](t, api)
				if row.used {
					useConnection(t, scheme, base)
				}
				o := twiceCall(scheme, base, shapes[shape](t, ask.action, ask.params))
				requireOutcome(t, api, o, kind, row.gets)
			})
		})
	}
}

// TestAnAttemptThatTimedOutIsNotRetried is the case that takes real time: all
// requests of the table are made at once. Their time is long enough for a slow
// machine to make the attempts that are answered.
func TestAnAttemptThatTimedOutIsNotRetried(t *testing.T) {
	t.Parallel()
	var calls sync.WaitGroup
	var checks []func()
	eachRequest(slices.Sorted(maps.Keys(wires)), func(name, wire, shape, kind string) {
		api, ask := tctest.NewAPI(), kinds[kind]
		api.Script(ask.action, tctest.Delay(time.Hour, tctest.OK(nil)), tctest.OK(nil))
		scheme, base := wires[wire](t, api)
		req := shapes[shape](t, ask.action, ask.params)
		var o outcome
		calls.Go(func() { o = twiceCall(scheme, base, req, tcretry.WithAttemptTimeout(3*time.Second)) })
		checks = append(checks, func() {
			t.Run(name, func(t *testing.T) { requireOutcome(t, api, o, kind, "an error") })
		})
	})
	calls.Wait()
	for _, check := range checks {
		check()
	}
}

// silent is the log of servers whose clients break off, as it is meant.
var silent = log.New(io.Discard, "", 0)

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// dialOnly dials one address, whatever the host of the request.
func dialOnly(address string) dialFunc {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

// useConnection makes a call, so that the next one finds a connection.
func useConnection(t *testing.T, scheme string, base http.RoundTripper) {
	req := probe.SDKRequest(t, "DescribeRegions", strings.NewReader(`{}`))
	req.URL.Scheme = scheme
	require.Equal(t, "success", got(base.RoundTrip(req)))
}

// requireOutcome checks a call whose first attempt was executed and not answered
// as it should. A non-idempotent request without a token is executed once, and its caller gets
// what arrived. A read-only request is executed again; a non-idempotent request with a token is sent again, and
// the API answers with the result of its one execution.
func requireOutcome(t *testing.T, api *tctest.API, o outcome, kind, gets string) {
	t.Helper()
	ask := kinds[kind]
	if ask.write {
		require.Equal(t, tcretry.Ambiguous, o.Attempts[0].Class)
		require.Equal(t, 1, api.Executions(ask.action))
		require.Equal(t, gets, o.gets)
		require.Len(t, o.Attempts, 1)
		require.Equal(t, tcretry.StopNotIdempotent, o.Done[0].Reason)
		return
	}
	require.Equal(t, "success", o.gets)
	require.Equal(t, 2, api.Attempts(ask.action))
	if kind == "read" {
		require.Equal(t, 2, api.Executions(ask.action))
	} else {
		require.Equal(t, 1, api.Executions(ask.action))
	}
}
