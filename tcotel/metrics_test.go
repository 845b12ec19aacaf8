package tcotel_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/tcotel"
	"github.com/tcretry/tcretry/tctest"
)

// measured makes three calls: one that is answered at once, one after a retry,
// and one that is refused.
func measured(t *testing.T) *seen {
	seen := newSeen()
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Latency(func() time.Duration { return 20 * time.Millisecond })
		api.Script("RunInstances", tctest.OK(nil), tctest.Fail("InternalError.Db", ""), tctest.OK(nil),
			tctest.Fail("InvalidImageId.NotFound", ""))
		policy := tcretry.Policy{Codes: map[string]tcretry.Rule{"InternalError": {
			Backoff: tcretry.Backoff{Initial: 2 * time.Second, Max: 2 * time.Second, Jitter: tcretry.NoJitter},
		}}}
		rt := tcotel.New(api, seen.config(), tcretry.WithPolicy(policy))
		for range 3 {
			roundTrip(t, rt, newRequest(t, t.Context(), "RunInstances"))
		}
	})
	return seen
}

func TestMetricsCountCallsAttemptsAndRetries(t *testing.T) {
	const of = "rpc.method=cvm/RunInstances,rpc.system.name=tencentcloud,"
	seen := measured(t)
	calls := map[string]int{
		of + "tcretry.stop_reason=success":                                 2,
		"error.type=InvalidImageId," + of + "tcretry.stop_reason=terminal": 1,
	}
	require.Equal(t, calls, seen.counted(t, "tcretry.calls"))
	require.Equal(t, calls, seen.counted(t, "rpc.client.call.duration"))
	attempts := map[string]int{
		of + "tcretry.class=success":                                 2,
		"error.type=InternalError," + of + "tcretry.class=transient": 1,
		"error.type=InvalidImageId," + of + "tcretry.class=terminal": 1,
	}
	require.Equal(t, attempts, seen.counted(t, "tcretry.attempts"))
	require.Equal(t, attempts, seen.counted(t, "tcretry.attempt.duration"))
	require.Equal(t, map[string]int{
		"error.type=InternalError," + of + "tcretry.class=transient": 1,
	}, seen.counted(t, "tcretry.retries"))
	require.Equal(t, map[string]int{of + "tcretry.wait.kind=backoff": 1}, seen.counted(t, "tcretry.wait.duration"))
}

// bounds are those of the semantic conventions for rpc.client.call.duration, and three
// above them for calls that wait.
var bounds = []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 30, 60, 120}

func TestMetricsHaveUnitsAndMeasureSeconds(t *testing.T) {
	var all metricdata.ResourceMetrics
	require.NoError(t, measured(t).reader.Collect(context.Background(), &all))
	require.Len(t, all.ScopeMetrics, 1)
	require.Equal(t, "github.com/tcretry/tcretry/tcotel", all.ScopeMetrics[0].Scope.Name)
	require.Equal(t, "https://opentelemetry.io/schemas/1.43.0", all.ScopeMetrics[0].Scope.SchemaURL)
	units, sums := map[string]string{}, map[string]float64{}
	for _, m := range all.ScopeMetrics[0].Metrics {
		require.NotEmpty(t, m.Description, m.Name)
		units[m.Name] = m.Unit
		if data, ok := m.Data.(metricdata.Histogram[float64]); ok {
			for _, p := range data.DataPoints {
				sums[m.Name] += p.Sum
				require.Equal(t, bounds, p.Bounds, m.Name)
			}
		}
	}
	require.Equal(t, map[string]string{
		"tcretry.calls": "{call}", "tcretry.attempts": "{attempt}", "tcretry.retries": "{retry}",
		"rpc.client.call.duration": "s", "tcretry.attempt.duration": "s", "tcretry.wait.duration": "s",
	}, units)
	require.InDelta(t, 2.08, sums["rpc.client.call.duration"], 1e-9)
	require.InDelta(t, 0.08, sums["tcretry.attempt.duration"], 1e-9)
	require.InDelta(t, 2, sums["tcretry.wait.duration"], 1e-9)
}

func TestWaitsForThePaceAndTheBudgetAreToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := newSeen()
		api := tctest.NewAPI()
		api.Script("RunInstances", tctest.Throttle(), tctest.Fail("InternalError", ""), tctest.OK(nil))
		rt := tcotel.New(api, seen.config(), tcretry.WithPolicy(soon), tcretry.WithBudget(slowBudget{}))
		roundTrip(t, rt, newRequest(t, t.Context(), "RunInstances"))
		const of = "rpc.method=cvm/RunInstances,rpc.system.name=tencentcloud,tcretry.wait.kind="
		require.Equal(t, map[string]int{of + "rate_limit": 1, of + "budget": 1}, seen.counted(t, "tcretry.wait.duration"))
	})
}

// slowBudget holds every retry for a second.
type slowBudget struct{}

func (slowBudget) Record(budget.Report) {}

func (slowBudget) Acquire(context.Context, budget.Request) error {
	time.Sleep(time.Second) // virtual
	return nil
}

func TestSeriesAreBounded(t *testing.T) {
	seen := newSeen()
	api := tctest.NewAPI()
	for i := range 300 {
		api.Script("RunInstances", tctest.Fail("Made"+strconv.Itoa(i)+".Up", ""))
	}
	rt := tcotel.New(api, seen.config())
	for range 300 {
		roundTrip(t, rt, newRequest(t, t.Context(), "RunInstances"))
	}
	series := seen.counted(t, "tcretry.calls")
	require.Len(t, series, 201)
	require.Equal(t, 100, series["error.type=_OTHER,rpc.method=cvm/RunInstances,rpc.system.name=tencentcloud,tcretry.stop_reason=terminal"])
}

// An exemplar of a duration leads to the span of the call.
func TestMeasurementsBelongToTheSpanOfTheCall(t *testing.T) {
	seen := measured(t)
	var all metricdata.ResourceMetrics
	require.NoError(t, seen.reader.Collect(context.Background(), &all))
	spans := map[trace.SpanID]bool{}
	for _, span := range seen.named("cvm/RunInstances") {
		spans[span.SpanContext().SpanID()] = true
	}
	found := 0
	for _, m := range all.ScopeMetrics[0].Metrics {
		if data, ok := m.Data.(metricdata.Histogram[float64]); ok && m.Name == "rpc.client.call.duration" {
			for _, p := range data.DataPoints {
				for _, e := range p.Exemplars {
					require.True(t, spans[trace.SpanID(e.SpanID)])
					found++
				}
			}
		}
	}
	require.Positive(t, found)
}
