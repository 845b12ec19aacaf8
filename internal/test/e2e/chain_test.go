package e2e_test

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tc3"
	"github.com/tcretry/tcretry/tctest"
)

// The Transports of a chain, and what stands between them.
func another(base http.RoundTripper) http.RoundTripper {
	return tcretry.New(base, tcretry.WithPolicy(probe.Quick()))
}

type copiedKey struct{}

// copying is what tracers and loggers do.
func copying(base http.RoundTripper) http.RoundTripper {
	return probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		return base.RoundTrip(req.Clone(context.WithValue(req.Context(), copiedKey{}, 1)))
	})
}

// elsewhere is what the API gateway of the SDK and fail-over do.
func elsewhere(base http.RoundTripper) http.RoundTripper {
	return probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.URL.Host, req.Host = "gateway.example", "gateway.example"
		return base.RoundTrip(req)
	})
}

func signing(base http.RoundTripper) http.RoundTripper {
	return &tc3.Transport{Base: base, Source: tc3.Static(tc3.Credentials{SecretID: "id", SecretKey: "key"})}
}

func timeout(base http.RoundTripper) http.RoundTripper {
	return tcretry.New(base, tcretry.WithPolicy(probe.Quick()), tcretry.WithAttemptTimeout(time.Hour))
}

func TestAChainMakesAsManyAttemptsAsOneTransport(t *testing.T) {
	type layers []func(http.RoundTripper) http.RoundTripper
	for name, chain := range map[string]layers{
		"one":                       {another},
		"two":                       {another, another},
		"three":                     {another, another, another},
		"a copy between":            {another, copying, another},
		"another host between":      {another, elsewhere, another},
		"a signature between":       {another, signing, another, copying, another},
		"an attempt time-out":       {timeout, another, timeout},
		"a signature, another host": {another, signing, elsewhere, another},
	} {
		for _, shape := range []string{"TC3 JSON", "v1 GET", "TC3 multipart without GetBody"} {
			if strings.Contains(name, "signature") && shape == "v1 GET" {
				continue // tc3 takes no v1 parameters
			}
			t.Run(name+"/"+shape, func(t *testing.T) {
				for _, ctx := range []context.Context{t.Context(), httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{})} {
					api := probe.Always(tctest.Fail("InternalError", ""))
					var rt http.RoundTripper = api
					for i := range chain {
						rt = chain[len(chain)-1-i](rt)
					}
					req := shapes[shape](t, "DescribeInstances", nil)
					if shape == "v1 GET" {
						req.URL.RawQuery += "&SecretId=AKIDEXAMPLE"
					}
					resp, err := rt.RoundTrip(req.WithContext(ctx))
					require.NoError(t, err)
					probe.RequireCode(t, "InternalError", tcretry.CheckResponse(resp))
					require.Len(t, api.Recorded(), 4)
				}
			})
		}
	}
}

// The outermost decides: the attempt is passed through by the inner one whole,
// whose hooks, rate limiter and budget are not used.
func TestTheInnerTransportOfAChainPassesTheAttemptThrough(t *testing.T) {
	var inner, outer probe.Events
	limiter := &countingPacer{}
	hooks := inner.Hooks()
	hooks.OutOfScope = func(context.Context, tcretry.OutOfScopeInfo) { t.Error("it is in scope") }
	var between, sent *http.Request
	rt := tcretry.New(probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		sent = req
		return probe.Always(tctest.Fail("InternalError", "")).RoundTrip(req)
	}), tcretry.WithHooks(hooks), tcretry.WithRateLimiter(limiter))
	chain := tcretry.New(probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		between = req
		require.False(t, rt.InScope(req))
		return rt.RoundTrip(req)
	}), tcretry.WithHooks(outer.Hooks()), tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 1}))
	req := probe.SDKRequest(t, "RunInstances", strings.NewReader(`{}`))
	require.True(t, rt.InScope(req))
	_, err := chain.RoundTrip(req)
	require.NoError(t, err)
	require.Same(t, between, sent)
	require.Len(t, outer.Attempts, 1, "the inner policy does not count")
	require.Empty(t, inner.Attempts)
	require.Zero(t, *limiter)
	require.Empty(t, rt.Budgets())
}

// What stands between may call the API itself with the context of the attempt: a
// signer that gets credentials from STS does. Such a call is one like any other.
func TestACallThatTheUnderlyingRoundTripperMakesWithTheContextOfAnAttemptIsRetried(t *testing.T) {
	for name, nested := range map[string]func(req *http.Request){
		"another action":             func(req *http.Request) { req.Header["X-Tc-Action"] = []string{"AssumeRole"} },
		"the action of another host": func(req *http.Request) { req.URL.Host, req.Host = "cdb.tencentcloudapi.com", "" },
		"another method":             func(req *http.Request) { req.Method = http.MethodGet },
	} {
		t.Run(name, func(t *testing.T) {
			sts, api := tctest.NewAPI(), tctest.NewAPI()
			sts.Script("AssumeRole", tctest.Fail("InternalError", ""), tctest.OK(nil))
			sts.Script("DescribeInstances", tctest.Fail("InternalError", ""), tctest.OK(nil))
			client := another(another(sts))
			rt := another(probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
				own := probe.SDKRequest(t, "DescribeInstances", nil).WithContext(tcretry.ContextWithPolicy(req.Context(), probe.Quick()))
				nested(own)
				resp, err := client.RoundTrip(own)
				require.NoError(t, err)
				require.NoError(t, tcretry.CheckResponse(resp))
				return api.RoundTrip(req)
			}))
			_, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", strings.NewReader(`{}`)))
			require.NoError(t, err)
			require.Len(t, sts.Recorded(), 2)
			require.Len(t, api.Recorded(), 1)
		})
	}
}

// The attempt of a request that only its scope identifies is recognised by its address.
func TestAnAttemptWithoutAnActionIsRecognisedByItsAddress(t *testing.T) {
	everything := func(base http.RoundTripper) http.RoundTripper {
		return tcretry.New(base, tcretry.WithPolicy(probe.Quick()), tcretry.WithScope(func(*http.Request) bool { return true }))
	}
	attempts := 0
	failing := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
		attempts++
		return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: http.NoBody}, nil
	})
	_, err := everything(copying(everything(failing))).RoundTrip(otherRequest(t, "GET", "https://gateway.example/a", nil))
	require.NoError(t, err)
	require.Equal(t, 4, attempts)
	attempts = 0
	nested := everything(probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		_, err := everything(failing).RoundTrip(otherRequest(t, "GET", "https://gateway.example/b", nil).WithContext(req.Context()))
		require.NoError(t, err)
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	}))
	_, err = nested.RoundTrip(otherRequest(t, "GET", "https://gateway.example/a", nil))
	require.NoError(t, err)
	require.Equal(t, 4, attempts, "another address is another call")
}
