package tcotel_test

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcotel"
	"github.com/tcretry/tcretry/tctest"
	"github.com/tcretry/tcretry/tctest/conformance"
)

func TestRoundTripperContract(t *testing.T) {
	for name, config := range map[string]tcotel.Config{
		"recorded":           newSeen().config(),
		"without a provider": {},
		"with providers that do nothing": {
			TracerProvider: tracenoop.NewTracerProvider(), MeterProvider: metricnoop.NewMeterProvider(),
		},
	} {
		t.Run(name, func(t *testing.T) {
			conformance.TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper {
				return tcotel.New(base, config)
			})
		})
	}
}

// The global providers delegate: those that a program registers later serve a
// Transport that was made before.
func TestTheZeroConfigMeansTheGlobalProviders(t *testing.T) {
	rt := tcotel.New(tctest.NewAPI(), tcotel.Config{})
	seen := newSeen()
	otel.SetTracerProvider(seen.tracers)
	otel.SetMeterProvider(seen.meters)
	t.Cleanup(func() {
		otel.SetTracerProvider(tracenoop.NewTracerProvider())
		otel.SetMeterProvider(metricnoop.NewMeterProvider())
	})
	roundTrip(t, rt, newRequest(t, t.Context(), "RunInstances"))
	require.Len(t, seen.named("cvm/RunInstances"), 1)
	require.NotEmpty(t, seen.counted(t, "tcretry.calls"))
}

func TestWithoutAProviderTheBaseGetsTheContextOfTheCall(t *testing.T) {
	var below trace.SpanContext
	base := baseFunc(func(req *http.Request) (*http.Response, error) {
		below = trace.SpanContextFromContext(req.Context())
		return tctest.NewAPI().RoundTrip(req)
	})
	roundTrip(t, tcotel.New(base, tcotel.Config{TracerProvider: tracenoop.NewTracerProvider()}), newRequest(t, t.Context(), "RunInstances"))
	require.False(t, below.IsValid())
}

// echo is a base that answers at once, as http.Transport does.
var echo = baseFunc(func(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
})

// See also BenchmarkRoundTrip.
func TestWithoutAProviderACallAddsAtMostSevenAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("allocations cannot be counted")
	}
	req := newRequest(t, t.Context(), "RunInstances")
	req.Body, req.GetBody = nil, nil
	count := func(rt http.RoundTripper) float64 {
		return testing.AllocsPerRun(500, func() { roundTrip(t, rt, req) })
	}
	plain := count(tcretry.New(echo))
	require.LessOrEqual(t, count(tcotel.New(echo, tcotel.Config{}))-plain, 7.0, "the global ones, that delegate")
	require.LessOrEqual(t, count(tcotel.New(echo, tcotel.Config{
		TracerProvider: tracenoop.NewTracerProvider(), MeterProvider: metricnoop.NewMeterProvider(),
	}))-plain, 5.0, "those that do nothing")
}

func TestTheAnswerIsToTheRequestOfTheCaller(t *testing.T) {
	req := newRequest(t, t.Context(), "RunInstances")
	resp, err := tcotel.New(echo, newSeen().config()).RoundTrip(req)
	require.NoError(t, err)
	require.Same(t, req, resp.Request)
}

// A program that does not use the SDK does not get it.
func TestTheModuleNeedsTheAPIOfOpenTelemetryOnly(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	for _, pkg := range strings.Fields(string(out)) {
		require.False(t, strings.HasPrefix(pkg, "go.opentelemetry.io/otel/sdk"), pkg)
		require.False(t, strings.HasPrefix(pkg, "go.opentelemetry.io/contrib"), pkg)
	}
}

func TestOptionsAreThoseOfTcretry(t *testing.T) {
	_, err := tcotel.NewTransport(nil, tcotel.Config{}, tcretry.WithMaxPeekBytes(-1), nil)
	var mistake *tcretry.OptionError
	require.ErrorAs(t, err, &mistake)
	require.Equal(t, "WithMaxPeekBytes", mistake.Option)
	require.Panics(t, func() { tcotel.New(nil, tcotel.Config{}, nil) })
}

func TestWhatTheTransportKnowsCanBeAsked(t *testing.T) {
	api := tctest.NewAPI(tctest.Throttle(), tctest.Fail("InternalError", ""))
	rt := tcotel.New(api, tcotel.Config{})
	require.NoError(t, rt.SetPolicy(tcretry.Policy{MaxAttempts: 1}))
	require.Error(t, rt.SetPolicy(tcretry.Policy{MaxAttempts: -1}))
	roundTrip(t, rt, newRequest(t, t.Context(), "RunInstances"))
	roundTrip(t, rt, newRequest(t, t.Context(), "RunInstances"))
	require.Len(t, api.Recorded(), 2, "the policy was set")
	require.NotEmpty(t, rt.RateLimits())
	require.NotEmpty(t, rt.Budgets())
}

// closing is a base that counts how often its idle connections are closed.
type closing struct {
	http.RoundTripper
	closed int
}

func (c *closing) CloseIdleConnections() { c.closed++ }

func TestIdleConnectionsOfTheBaseAreClosed(t *testing.T) {
	base := &closing{RoundTripper: tctest.NewAPI()}
	(&http.Client{Transport: tcotel.New(base, tcotel.Config{})}).CloseIdleConnections()
	require.Equal(t, 1, base.closed)
	tcotel.New(tctest.NewAPI(), tcotel.Config{}).CloseIdleConnections()
}

func BenchmarkRoundTrip(b *testing.B) {
	req := newRequest(b, b.Context(), "RunInstances")
	req.Body, req.GetBody = nil, nil
	for name, rt := range map[string]http.RoundTripper{
		"tcretry":          tcretry.New(echo),
		"without provider": tcotel.New(echo, tcotel.Config{}),
		"recorded":         tcotel.New(echo, newSeen().config()),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				roundTrip(b, rt, req)
			}
		})
	}
}
