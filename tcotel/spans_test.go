package tcotel_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcotel"
	"github.com/tcretry/tcretry/tctest"
)

// otelhttp ends its spans when the body is read: above that is once, below it is
// once an attempt.
func TestSpansNestAsTheLayersDo(t *testing.T) {
	api := tctest.NewAPI()
	api.Script("RunInstances", tctest.Fail("InternalError", "again"), tctest.OK(nil))
	seen := newSeen()
	layer := func(base http.RoundTripper) http.RoundTripper {
		return otelhttp.NewTransport(base, otelhttp.WithTracerProvider(seen.tracers), otelhttp.WithMeterProvider(seen.meters))
	}
	client := layer(tcotel.New(layer(api), seen.config(), tcretry.WithPolicy(soon)))
	roundTrip(t, client, newRequest(t, t.Context(), "RunInstances"))
	seen.requireAllEnded(t)
	require.Equal(t, strings.TrimLeft(`
HTTP POST (client)
  cvm/RunInstances (client)
    attempt (internal)
      HTTP POST (client)
    attempt (internal)
      HTTP POST (client)
`, "\n"), seen.tree())
}

func TestTheSpanOfACallTellsHowItEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Default(tctest.Fail("InternalError.Db", "The database is busy."))
		seen := newSeen()
		policy := tcretry.Policy{MaxAttempts: 2, Codes: map[string]tcretry.Rule{"InternalError": {
			Backoff: tcretry.Backoff{Initial: time.Second, Max: time.Second, Jitter: tcretry.NoJitter},
		}}}
		roundTrip(t, tcotel.New(api, seen.config(), tcretry.WithPolicy(policy)), newRequest(t, t.Context(), "RunInstances"))

		call := seen.named("cvm/RunInstances")[0]
		got := attributes(call)
		require.NotEmpty(t, got["tencentcloud.request_id"])
		delete(got, "tencentcloud.request_id")
		require.Equal(t, map[string]string{
			"rpc.system.name": "tencentcloud", "rpc.method": "cvm/RunInstances", "cloud.region": "ap-guangzhou",
			"http.request.method": "POST", "server.address": "cvm.tencentcloudapi.com", "server.port": "443",
			"rpc.response.status_code": "InternalError.Db", "http.response.status_code": "200", "error.type": "InternalError.Db",
			"tcretry.attempts": "2", "tcretry.stop_reason": "max_attempts", "tcretry.waited": "1",
		}, got)
		require.Equal(t, sdktrace.Status{Code: codes.Error, Description: "The database is busy."}, call.Status())
		require.Equal(t, time.Second, call.EndTime().Sub(call.StartTime()))

		require.Len(t, call.Events(), 1)
		event := text(call.Events()[0].Attributes)
		delete(event, "tencentcloud.request_id")
		require.Equal(t, map[string]string{
			"tcretry.class": "transient", "tcretry.delay": "1",
			"rpc.response.status_code": "InternalError.Db", "http.response.status_code": "200",
		}, event)
	})
}

func TestTheSpanOfAnAttemptTellsItsOutcome(t *testing.T) {
	api := tctest.NewAPI()
	api.Script("RunInstances", tctest.Fail("InternalError", "Try again."), tctest.OK(nil))
	seen := newSeen()
	roundTrip(t, tcotel.New(api, seen.config(), tcretry.WithPolicy(soon)), newRequest(t, t.Context(), "RunInstances"))

	attempts := seen.named("attempt")
	require.Len(t, attempts, 2)
	failed := attributes(attempts[0])
	require.NotEmpty(t, failed["tencentcloud.request_id"])
	delete(failed, "tencentcloud.request_id")
	require.Equal(t, map[string]string{
		"http.request.method": "POST", "server.address": "cvm.tencentcloudapi.com", "server.port": "443",
		"http.response.status_code": "200", "tcretry.class": "transient",
		"rpc.response.status_code": "InternalError", "error.type": "InternalError",
	}, failed)
	require.Equal(t, sdktrace.Status{Code: codes.Error, Description: "Try again."}, attempts[0].Status())

	require.Equal(t, map[string]string{
		"http.request.method": "POST", "server.address": "cvm.tencentcloudapi.com", "server.port": "443",
		"http.response.status_code": "200", "tcretry.class": "success", "http.request.resend_count": "1",
	}, attributes(attempts[1]))
	require.Equal(t, codes.Unset, attempts[1].Status().Code)
	require.Equal(t, codes.Unset, seen.named("cvm/RunInstances")[0].Status().Code)
}

func TestEverySpanEndsOnceOnEveryPath(t *testing.T) {
	internal := tctest.Fail("InternalError", "")
	for name, row := range map[string]struct {
		answer   tctest.Reply
		base     baseFunc
		options  []tcretry.Option
		change   func(*http.Request) *http.Request
		attempts int
		failure  string // error.type of the call
		panics   bool
	}{
		"an answer":       {answer: tctest.OK(nil), attempts: 1},
		"out of attempts": {answer: internal, attempts: 4, failure: "InternalError"},
		"a gateway":       {answer: tctest.GatewayError(502), attempts: 1, failure: "502"},
		"a lost answer":   {answer: tctest.DropAfterExecution(), attempts: 1, failure: "ambiguous"},
		"no connection":   {answer: tctest.RefuseConnection(), attempts: 4, failure: "transient"},
		"an attempt that times out": {
			answer: tctest.Delay(time.Minute, tctest.OK(nil)), attempts: 1, failure: "timeout",
			options: []tcretry.Option{tcretry.WithAttemptTimeout(time.Second)},
		},
		"a deadline while an attempt goes on": {
			answer: tctest.Delay(time.Minute, tctest.OK(nil)), attempts: 1, failure: "timeout", change: within(time.Second),
		},
		"a caller who leaves during a delay": {
			answer: tctest.Fail("ResourceInUse", ""), attempts: 1, failure: "canceled", change: leaving(time.Second),
		},
		"a policy that is not valid": {attempts: 0, failure: "terminal", change: func(r *http.Request) *http.Request {
			return r.WithContext(tcretry.ContextWithPolicy(r.Context(), tcretry.Policy{MaxAttempts: -1}))
		}},
		"a body that cannot be had again": {answer: internal, attempts: 1, failure: "InternalError", change: func(r *http.Request) *http.Request {
			r.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("gone") }
			return r
		}},
		"a base that panics": {attempts: 1, failure: "panic", panics: true, base: func(*http.Request) (*http.Response, error) {
			panic("in the base")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := newSeen()
				api := tctest.NewAPI()
				api.Default(row.answer)
				var base http.RoundTripper = api
				if row.base != nil {
					base = row.base
				}
				rt := tcotel.New(base, seen.config(), row.options...)
				req := newRequest(t, t.Context(), "RunInstances")
				if row.change != nil {
					req = row.change(req)
				}
				call := func() {
					if resp, err := rt.RoundTrip(req); err == nil {
						require.NoError(t, resp.Body.Close())
					}
				}
				if row.panics {
					require.Panics(t, call)
				} else {
					call()
				}
				seen.requireAllEnded(t)
				require.Len(t, seen.named("attempt"), row.attempts)
				require.Equal(t, row.failure, attributes(seen.named("cvm/RunInstances")[0])["error.type"])
			})
		})
	}
}

// within gives a request a deadline.
func within(d time.Duration) func(*http.Request) *http.Request {
	return func(r *http.Request) *http.Request {
		ctx, cancel := context.WithTimeout(r.Context(), d)
		context.AfterFunc(ctx, cancel)
		return r.WithContext(ctx)
	}
}

// leaving cancels a request after a time.
func leaving(d time.Duration) func(*http.Request) *http.Request {
	return func(r *http.Request) *http.Request {
		ctx, cancel := context.WithCancel(r.Context())
		time.AfterFunc(d, cancel)
		return r.WithContext(ctx)
	}
}

func TestNoSecretIsInASpanOrAMetric(t *testing.T) {
	seen := newSeen()
	req := newRequest(t, t.Context(), "RunInstances")
	req.Header.Set("Authorization", "TC3-HMAC-SHA256 Credential=AKIDsecret/2026-11-25/cvm/tc3_request, Signature=secret")
	req.Header.Set("X-TC-Token", "secret")
	req.URL.RawQuery = "Signature=secret"
	req.URL.User = url.UserPassword("user", "secret")
	rt := tcotel.New(baseFunc(func(r *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: errors.New("no route to host")}
	}), seen.config(), tcretry.WithPolicy(soon))
	_, err := rt.RoundTrip(req)
	require.Error(t, err)
	require.Equal(t, "no route to host", seen.named("attempt")[0].Status().Description)
	for _, span := range seen.ended() {
		require.NotContains(t, span.Status().Description, "secret")
		for key, value := range attributes(span) {
			require.NotContains(t, value, "secret", key)
		}
	}
	for series := range seen.counted(t, "tcretry.calls") {
		require.NotContains(t, series, "secret")
	}
}

func TestTheTextOfAnErrorIsBounded(t *testing.T) {
	seen := newSeen()
	rt := tcotel.New(baseFunc(func(*http.Request) (*http.Response, error) {
		return nil, errors.New(strings.Repeat("é", 1000))
	}), seen.config(), tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 1}))
	_, err := rt.RoundTrip(newRequest(t, t.Context(), "RunInstances"))
	require.Error(t, err)
	require.Equal(t, strings.Repeat("é", 128), seen.named("attempt")[0].Status().Description)
}

// The base is told that the call is not sampled, so that what is below it does
// not begin a trace of its own.
func TestACallThatIsNotSampledTellsTheBase(t *testing.T) {
	seen := newSeen(sdktrace.WithSampler(sdktrace.NeverSample()))
	var below trace.SpanContext
	base := baseFunc(func(req *http.Request) (*http.Response, error) {
		below = trace.SpanContextFromContext(req.Context())
		return tctest.NewAPI().RoundTrip(req)
	})
	roundTrip(t, tcotel.New(base, seen.config()), newRequest(t, t.Context(), "RunInstances"))
	require.True(t, below.IsValid())
	require.False(t, below.IsSampled())
	require.Empty(t, seen.spans.Started())
	require.NotEmpty(t, seen.counted(t, "tcretry.calls"), "metrics count every call")
}

// A base may call the API itself with the context of the attempt, to refresh
// credentials for example, over the same Transport or over another one.
func TestCallsThatTheBaseMakesHaveSpansOfTheirOwn(t *testing.T) {
	seen := newSeen()
	api := tctest.NewAPI()
	other := tcotel.New(api, seen.config())
	unseen := tcotel.New(api, tcotel.Config{TracerProvider: tracenoop.NewTracerProvider()})
	var same *tcotel.Transport
	same = tcotel.New(baseFunc(func(req *http.Request) (*http.Response, error) {
		if req.Header.Get("X-TC-Action") == "RunInstances" {
			roundTrip(t, same, newRequest(t, req.Context(), "AssumeRole"))
			roundTrip(t, other, newRequest(t, req.Context(), "GetFederationToken"))
			roundTrip(t, unseen, newRequest(t, req.Context(), "GetCallerIdentity"))
		}
		return api.RoundTrip(req)
	}), seen.config())
	roundTrip(t, same, newRequest(t, t.Context(), "RunInstances"))
	seen.requireAllEnded(t)
	require.Equal(t, strings.TrimLeft(`
cvm/RunInstances (client)
  attempt (internal)
    cvm/AssumeRole (client)
      attempt (internal)
    cvm/GetFederationToken (client)
      attempt (internal)
`, "\n"), seen.tree())
}

// dropping samples everything but calls of one name.
type dropping string

func (d dropping) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if p.Name == string(d) {
		return sdktrace.NeverSample().ShouldSample(p)
	}
	return sdktrace.AlwaysSample().ShouldSample(p)
}

func (dropping) Description() string { return "dropping" }

func TestACallInsideAnotherThatIsNotSampledLeavesTheOthersSpansAlone(t *testing.T) {
	seen := newSeen(sdktrace.WithSampler(dropping("cvm/AssumeRole")))
	api := tctest.NewAPI()
	var rt *tcotel.Transport
	rt = tcotel.New(baseFunc(func(req *http.Request) (*http.Response, error) {
		if req.Header.Get("X-TC-Action") == "RunInstances" {
			roundTrip(t, rt, newRequest(t, req.Context(), "AssumeRole"))
		}
		return api.RoundTrip(req)
	}), seen.config())
	roundTrip(t, rt, newRequest(t, t.Context(), "RunInstances"))
	require.Len(t, seen.ended(), 2)
	seen.requireAllEnded(t)
	require.Equal(t, "1", attributes(seen.named("cvm/RunInstances")[0])["tcretry.attempts"])
}

func TestHooksOfTheCallerAreNotMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := newSeen()
		rt := tcotel.New(tctest.NewAPI(), seen.config(), tcretry.WithHooks(tcretry.Hooks{
			AttemptDone: func(context.Context, tcretry.AttemptInfo) { time.Sleep(time.Second) },
		}))
		roundTrip(t, rt, newRequest(t, t.Context(), "RunInstances"))
		attempt := seen.named("attempt")[0]
		require.Zero(t, attempt.EndTime().Sub(attempt.StartTime()))
	})
}

func TestHooksOfTheCallerSeeTheSpanOfTheCall(t *testing.T) {
	seen := newSeen()
	var in trace.SpanContext
	rt := tcotel.New(tctest.NewAPI(), seen.config(), tcretry.WithHooks(tcretry.Hooks{
		CallDone: func(ctx context.Context, _ tcretry.CallInfo) { in = trace.SpanContextFromContext(ctx) },
	}))
	roundTrip(t, rt, newRequest(t, t.Context(), "RunInstances"))
	require.Equal(t, seen.named("cvm/RunInstances")[0].SpanContext(), in)
}

func TestConcurrentCallsKeepTheirSpansApart(t *testing.T) {
	api := tctest.NewAPI()
	api.Default(tctest.Fail("InternalError", ""))
	seen := newSeen()
	rt := tcotel.New(api, seen.config(), tcretry.WithPolicy(soon), tcretry.WithoutBudget())
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { roundTrip(t, rt, newRequest(t, context.Background(), "RunInstances")) })
	}
	wg.Wait()
	seen.requireAllEnded(t)
	below := map[trace.SpanID]int{}
	for _, attempt := range seen.named("attempt") {
		below[attempt.Parent().SpanID()]++
	}
	require.Len(t, below, 20)
	for _, attempts := range below {
		require.Equal(t, 4, attempts)
	}
}
