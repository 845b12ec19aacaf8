package tcotel_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcotel"
)

// soon is a policy without delays to speak of.
var soon = tcretry.Policy{Codes: map[string]tcretry.Rule{
	"InternalError": {Backoff: tcretry.Backoff{Initial: time.Millisecond, Max: time.Millisecond, Jitter: tcretry.NoJitter}},
}}

// seen keeps in memory what a Transport tells.
type seen struct {
	spans   *tracetest.SpanRecorder
	tracers *sdktrace.TracerProvider
	ends    sync.Map // how often End was called, by the id of a span: *atomic.Int32
	reader  *sdkmetric.ManualReader
	meters  *sdkmetric.MeterProvider
}

func newSeen(options ...sdktrace.TracerProviderOption) *seen {
	s := &seen{spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	s.tracers = sdktrace.NewTracerProvider(append(options, sdktrace.WithSpanProcessor(s.spans))...)
	s.meters = sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.reader))
	return s
}

func (s *seen) config() tcotel.Config {
	return tcotel.Config{TracerProvider: countingProvider{s.tracers, s}, MeterProvider: s.meters}
}

// The SDK passes over a second End: these count them.
type countingProvider struct {
	trace.TracerProvider
	seen *seen
}

type countingTracer struct {
	trace.Tracer
	seen *seen
}

type countingSpan struct {
	trace.Span
	ends *atomic.Int32
}

func (p countingProvider) Tracer(name string, opts ...trace.TracerOption) trace.Tracer {
	return countingTracer{p.TracerProvider.Tracer(name, opts...), p.seen}
}

func (t countingTracer) Start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	ctx, span := t.Tracer.Start(ctx, name, opts...)
	if !span.IsRecording() {
		return ctx, span
	}
	ends, _ := t.seen.ends.LoadOrStore(span.SpanContext().SpanID(), new(atomic.Int32))
	return ctx, countingSpan{span, ends.(*atomic.Int32)}
}

func (s countingSpan) End(opts ...trace.SpanEndOption) {
	s.ends.Add(1)
	s.Span.End(opts...)
}

// named returns the spans of a name that ended, in order of their start.
func (s *seen) named(name string) []sdktrace.ReadOnlySpan {
	var found []sdktrace.ReadOnlySpan
	for _, span := range s.ended() {
		if span.Name() == name {
			found = append(found, span)
		}
	}
	return found
}

func (s *seen) ended() []sdktrace.ReadOnlySpan {
	spans := s.spans.Ended()
	slices.SortStableFunc(spans, func(a, b sdktrace.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	return spans
}

// tree is the spans that ended as a tree: the name of each, and its kind.
func (s *seen) tree() string {
	var b strings.Builder
	var write func(parent trace.SpanID, indent string)
	write = func(parent trace.SpanID, indent string) {
		for _, span := range s.ended() {
			if span.Parent().SpanID() == parent {
				fmt.Fprintf(&b, "%s%s (%s)\n", indent, span.Name(), span.SpanKind())
				write(span.SpanContext().SpanID(), indent+"  ")
			}
		}
	}
	write(trace.SpanID{}, "")
	return b.String()
}

// requireAllEnded checks that every span that was started has ended, once.
func (s *seen) requireAllEnded(t *testing.T) {
	t.Helper()
	require.Len(t, s.spans.Ended(), len(s.spans.Started()))
	s.ends.Range(func(_, ends any) bool {
		require.EqualValues(t, 1, ends.(*atomic.Int32).Load())
		return true
	})
}

// attributes are those of a span, by key, as text.
func attributes(span sdktrace.ReadOnlySpan) map[string]string {
	return text(span.Attributes())
}

func text(attrs []attribute.KeyValue) map[string]string {
	values := map[string]string{}
	for _, a := range attrs {
		values[string(a.Key)] = a.Value.String()
	}
	return values
}

// counted returns the sums of a counter, or the counts of a histogram, by
// their attributes.
func (s *seen) counted(t *testing.T, name string) map[string]int {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, s.reader.Collect(context.Background(), &all))
	counts := map[string]int{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != name {
				continue
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					counts[p.Attributes.Encoded(attribute.DefaultEncoder())] = int(p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					counts[p.Attributes.Encoded(attribute.DefaultEncoder())] = int(p.Count)
				}
			}
		}
	}
	return counts
}

// baseFunc is a base that is a function.
type baseFunc func(*http.Request) (*http.Response, error)

func (f baseFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// newRequest makes a request of an action of cvm.
func newRequest(t testing.TB, ctx context.Context, action string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://cvm.tencentcloudapi.com/", strings.NewReader("{}"))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-TC-Action", action)
	req.Header.Set("X-TC-Region", "ap-guangzhou")
	return req
}

// roundTrip makes a call and reads its answer.
func roundTrip(t testing.TB, rt http.RoundTripper, req *http.Request) {
	t.Helper()
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}
