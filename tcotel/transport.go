package tcotel

import (
	"net/http"
	"slices"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/ratelimit"
)

// scope is the name of the instrumentation.
const scope = "github.com/tcretry/tcretry/tcotel"

// Config says where spans and metrics go. The zero Config means the global
// providers, those that are registered later too.
type Config struct {
	// TracerProvider makes the tracer; nil means otel.GetTracerProvider().
	TracerProvider trace.TracerProvider
	// MeterProvider makes the meter; nil means otel.GetMeterProvider().
	MeterProvider metric.MeterProvider
}

// Transport is an instrumented tcretry.Transport: an http.RoundTripper with one
// span per call, one per attempt, and metrics. Make one with [New]. It is safe for
// use from many goroutines.
type Transport struct {
	retry    *tcretry.Transport
	attempts *attempts
	tracer   trace.Tracer
	names    *names
}

// New returns a Transport over base; nil means what it means for [tcretry.New].
// opts are those of [tcretry.New]; like that it panics when one is not valid.
func New(base http.RoundTripper, c Config, opts ...tcretry.Option) *Transport {
	t, err := NewTransport(base, c, opts...)
	if err != nil {
		panic(err)
	}
	return t
}

// NewTransport returns a Transport over base; nil means what it means for
// [tcretry.New]. Its error is that of [tcretry.NewTransport]. An error of a
// meter goes to otel.Handle: no call fails for it.
func NewTransport(base http.RoundTripper, c Config, opts ...tcretry.Option) (*Transport, error) {
	tracers, meters := c.TracerProvider, c.MeterProvider
	if tracers == nil {
		tracers = otel.GetTracerProvider()
	}
	if meters == nil {
		meters = otel.GetMeterProvider()
	}
	if base == nil {
		// What a nil base means there: this Transport handles no request itself.
		base = tcretry.New(nil, tcretry.WithScope(func(*http.Request) bool { return false }))
	}
	t := &Transport{
		attempts: &attempts{base: base},
		tracer:   tracers.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL)),
		names:    newNames(),
	}
	m := newInstruments(meters.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL)), t.names)
	// Ours run first, so that a slow one of the caller's is not measured.
	opts = slices.Insert(slices.Clone(opts), 0, tcretry.WithHooks(t.hooks()), tcretry.WithHooks(m.hooks()))
	retry, err := tcretry.NewTransport(t.attempts, opts...)
	if err != nil {
		return nil, err
	}
	t.retry = retry
	return t, nil
}

// RoundTrip makes one call, as [tcretry.Transport.RoundTrip] does. A request that
// is not in scope has no span and is in no metric.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !t.InScope(req) {
		return t.retry.RoundTrip(req)
	}
	ctx, c := t.start(req)
	if ctx == nil {
		return t.retry.RoundTrip(req)
	}
	if c != nil {
		defer c.end()
	}
	sent := req.WithContext(ctx)
	resp, err := t.retry.RoundTrip(sent)
	if c != nil {
		c.returned = true
	}
	return responseTo(req, sent, resp), err
}

// InScope is [tcretry.Transport.InScope].
func (t *Transport) InScope(req *http.Request) bool { return t.retry.InScope(req) }

// CloseIdleConnections closes the idle connections of the underlying RoundTripper, if it has such a
// method. http.Client.CloseIdleConnections calls it.
func (t *Transport) CloseIdleConnections() { t.retry.CloseIdleConnections() }

// SetPolicy is [tcretry.Transport.SetPolicy].
func (t *Transport) SetPolicy(p tcretry.Policy) error { return t.retry.SetPolicy(p) }

// RateLimits is [tcretry.Transport.RateLimits].
func (t *Transport) RateLimits() []ratelimit.State { return t.retry.RateLimits() }

// Budgets is [tcretry.Transport.Budgets].
func (t *Transport) Budgets() []budget.HostState { return t.retry.Budgets() }

// attempts is the RoundTripper inside the tcretry.Transport: it is called once per
// attempt, and gives the one inside a context with the span of the attempt.
type attempts struct{ base http.RoundTripper }

func (a *attempts) RoundTrip(req *http.Request) (*http.Response, error) {
	c := callOf(req.Context(), a)
	if c == nil || req.URL != c.url || c.attempt != nil {
		// Not sampled, or out of scope: the underlying RoundTripper may use the context of an
		// attempt for requests of its own to other services. Or it has led back to us.
		return a.base.RoundTrip(req)
	}
	sent := req.WithContext(c.startAttempt(req.Context()))
	resp, err := a.base.RoundTrip(sent)
	return responseTo(req, sent, resp), err
}

func (a *attempts) CloseIdleConnections() {
	if c, ok := a.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// responseTo returns resp with req as its request, in place of the copy of req that
// was sent: callers find their own request.
func responseTo(req, sent *http.Request, resp *http.Response) *http.Response {
	if resp != nil && resp.Request == sent {
		resp.Request = req
	}
	return resp
}
