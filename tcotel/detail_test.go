package tcotel_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcotel"
	"github.com/tcretry/tcretry/tctest"
)

func TestTheSpanOfAnAttemptHasItsWaitForTheRateLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := newSeen()
		rt := tcotel.New(tctest.NewAPI(tctest.Throttle()), seen.config())
		roundTrip(t, rt, newRequest(t, t.Context(), "RunInstances"))
		attempts := seen.named("attempt")
		require.NotContains(t, attributes(attempts[0]), "tcretry.rate_limit_wait")
		wait, err := strconv.ParseFloat(attributes(attempts[1])["tcretry.rate_limit_wait"], 64)
		require.NoError(t, err)
		require.InDelta(t, attempts[1].StartTime().Sub(attempts[0].EndTime()).Seconds(), wait, 1e-9)
	})
}

func TestASpanOfACallThatDidNotWaitHasNoWait(t *testing.T) {
	seen := newSeen()
	roundTrip(t, tcotel.New(tctest.NewAPI(), seen.config()), newRequest(t, t.Context(), "RunInstances"))
	require.NotContains(t, attributes(seen.named("cvm/RunInstances")[0]), "tcretry.waited")
	require.NotContains(t, attributes(seen.named("attempt")[0]), "tcretry.rate_limit_wait")
}

// The SDK drops an attribute without a key.
func TestEveryAttributeHasAKey(t *testing.T) {
	seen := newSeen()
	api := tctest.NewAPI(tctest.Fail("InternalError", "again"), tctest.OK(nil))
	roundTrip(t, tcotel.New(api, seen.config(), tcretry.WithPolicy(soon)), newRequest(t, t.Context(), "RunInstances"))
	require.Len(t, seen.ended(), 3)
	for _, span := range seen.ended() {
		require.Zero(t, span.DroppedAttributes(), span.Name())
		for _, event := range span.Events() {
			require.NotContains(t, text(event.Attributes), "")
		}
	}
}

func TestAnErrorOfTheAPIWithoutACodeHasItsStatus(t *testing.T) {
	seen := newSeen()
	roundTrip(t, tcotel.New(tctest.NewAPI(tctest.Status(400, "bad")), seen.config()), newRequest(t, t.Context(), "RunInstances"))
	require.Equal(t, "400", attributes(seen.named("attempt")[0])["error.type"])
	require.Equal(t, "400", attributes(seen.named("cvm/RunInstances")[0])["error.type"])
}

func TestTheAttributesOfTheServerAreThoseOfTheURL(t *testing.T) {
	for _, c := range []struct{ scheme, host, method, wantPort, wantMethod string }{
		{"http", "cvm.tencentcloudapi.com", http.MethodGet, "80", "GET"},
		{"https", "cvm.tencentcloudapi.com", http.MethodPost, "443", "POST"},
		{"https", "cvm.tencentcloudapi.com:8443", http.MethodPut, "8443", "_OTHER"},
		{"https", "cvm.tencentcloudapi.com:65535", http.MethodPost, "65535", "POST"},
		{"https", "cvm.tencentcloudapi.com:65536", http.MethodPost, "", "POST"}, // not a port
	} {
		seen := newSeen()
		req := newRequest(t, t.Context(), "RunInstances")
		req.URL.Scheme, req.URL.Host, req.Method = c.scheme, c.host, c.method
		roundTrip(t, tcotel.New(tctest.NewAPI(), seen.config()), req)
		for _, span := range seen.ended() {
			got := attributes(span)
			require.Equal(t, []string{"cvm.tencentcloudapi.com", c.wantPort, c.wantMethod},
				[]string{got["server.address"], got["server.port"], got["http.request.method"]}, span.Name())
		}
	}
}

func TestAnAttemptWithoutAResponseHasNoStatus(t *testing.T) {
	seen := newSeen()
	_, err := tcotel.New(tctest.NewAPI(tctest.DropAfterExecution()), seen.config()).RoundTrip(newRequest(t, t.Context(), "RunInstances"))
	require.Error(t, err)
	require.Len(t, seen.ended(), 2)
	for _, span := range seen.ended() {
		require.NotContains(t, attributes(span), "http.response.status_code")
	}
}

func TestAPanicIsTheErrorOfBothSpans(t *testing.T) {
	seen := newSeen()
	rt := tcotel.New(baseFunc(func(*http.Request) (*http.Response, error) { panic("in the base") }), seen.config())
	require.Panics(t, func() { _, _ = rt.RoundTrip(newRequest(t, t.Context(), "RunInstances")) })
	require.Len(t, seen.ended(), 2)
	for _, span := range seen.ended() {
		require.Equal(t, "panic", attributes(span)["error.type"])
		require.Equal(t, codes.Error, span.Status().Code)
	}
}

// A view of the SDK can drop any of the metrics.
func TestAMetricIsRecordedWhateverOthersAreDropped(t *testing.T) {
	all := []string{
		"tcretry.calls", "tcretry.attempts", "tcretry.retries",
		"rpc.client.call.duration", "tcretry.attempt.duration", "tcretry.wait.duration",
	}
	for _, kept := range all {
		synctest.Test(t, func(t *testing.T) { requireOnlyMetric(t, kept, all) })
	}
}

// requireOnlyMetric makes a call, and requires that the metric kept was recorded and no other
// one. It runs in a bubble: on a busy machine a delay of a millisecond is over before it begins.
func requireOnlyMetric(t *testing.T, kept string, all []string) {
	seen := newSeen()
	var drop []sdkmetric.Option
	for _, name := range all {
		if name != kept {
			view := sdkmetric.NewView(sdkmetric.Instrument{Name: name}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}})
			drop = append(drop, sdkmetric.WithView(view))
		}
	}
	seen.reader = sdkmetric.NewManualReader()
	seen.meters = sdkmetric.NewMeterProvider(append(drop, sdkmetric.WithReader(seen.reader))...)
	api := tctest.NewAPI(tctest.Fail("InternalError", ""))
	roundTrip(t, tcotel.New(api, seen.config(), tcretry.WithPolicy(soon)), newRequest(t, t.Context(), "RunInstances"))
	for _, name := range all {
		require.Equal(t, name == kept, len(seen.counted(t, name)) > 0, "%s, with only %s", name, kept)
	}
}

func TestALongTextOfAnErrorIsCutAt256Bytes(t *testing.T) {
	for _, n := range []int{255, 256, 257} {
		seen := newSeen()
		rt := tcotel.New(baseFunc(func(*http.Request) (*http.Response, error) {
			return nil, errors.New(strings.Repeat("x", n))
		}), seen.config(), tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 1}))
		_, err := rt.RoundTrip(newRequest(t, t.Context(), "RunInstances"))
		require.Error(t, err)
		require.Len(t, seen.named("attempt")[0].Status().Description, min(n, 256))
	}
}

// A RoundTripper that follows redirects, for example, returns the response to its own
// request.
func TestAResponseToAnotherRequestKeepsIt(t *testing.T) {
	other := newRequest(t, t.Context(), "DescribeInstances")
	rt := tcotel.New(baseFunc(func(*http.Request) (*http.Response, error) { return echo(other) }), newSeen().config())
	resp, err := rt.RoundTrip(newRequest(t, t.Context(), "RunInstances"))
	require.NoError(t, err)
	require.Same(t, other, resp.Request)
}

// oddMeters are meters that report an error with each instrument.
type oddMeters struct{ metricnoop.MeterProvider }

type oddMeter struct{ metricnoop.Meter }

func (oddMeters) Meter(string, ...metric.MeterOption) metric.Meter { return oddMeter{} }

func (oddMeter) Int64Counter(name string, _ ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return metricnoop.Int64Counter{}, errors.New(name)
}

func (oddMeter) Float64Histogram(name string, _ ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return metricnoop.Float64Histogram{}, errors.New(name)
}

func TestErrorsOfAMeterGoToTheGlobalHandler(t *testing.T) {
	var got []string
	before := otel.GetErrorHandler()
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { got = append(got, err.Error()) }))
	t.Cleanup(func() { otel.SetErrorHandler(before) })
	tcotel.New(echo, newSeen().config())
	require.Empty(t, got)
	roundTrip(t, tcotel.New(echo, tcotel.Config{MeterProvider: oddMeters{}}), newRequest(t, t.Context(), "RunInstances"))
	require.ElementsMatch(t, []string{
		"tcretry.calls", "tcretry.attempts", "tcretry.retries",
		"rpc.client.call.duration", "tcretry.attempt.duration", "tcretry.wait.duration",
	}, got)
}
