package tcotel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/tcretry/tcretry"
)

// The advised bounds of the buckets, in seconds. Those to 10 are the conventions'
// for rpc.client.call.duration; calls that wait take longer.
var buckets = metric.WithExplicitBucketBoundaries(
	0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120)

// instruments are the metrics of a Transport.
type instruments struct {
	names                               *names
	calls, attempts, retries            metric.Int64Counter
	callDuration, attemptDuration, wait metric.Float64Histogram
}

func newInstruments(meter metric.Meter, names *names) *instruments {
	counter := func(name, unit, text string) metric.Int64Counter {
		c, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(text))
		handle(err)
		return c
	}
	histogram := func(name, text string) metric.Float64Histogram {
		h, err := meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(text), buckets)
		handle(err)
		return h
	}
	return &instruments{
		names:    names,
		calls:    counter("tcretry.calls", "{call}", "Calls that ended, by stop reason."),
		attempts: counter("tcretry.attempts", "{attempt}", "Attempts, first ones too, by the class of their outcome."),
		retries:  counter("tcretry.retries", "{retry}", "Retries that were scheduled, by the class of the attempt before."),
		callDuration: histogram("rpc.client.call.duration",
			"Measures the duration of an outgoing Remote Procedure Call (RPC)."),
		attemptDuration: histogram("tcretry.attempt.duration", "Time from the start of an attempt to its classification."),
		wait:            histogram("tcretry.wait.duration", "Time that a call spent waiting, by kind of wait."),
	}
}

// handle reports to the global handler that an instrument is not as requested. The
// instrument still works.
func handle(err error) {
	if err != nil {
		otel.Handle(err)
	}
}

func (m *instruments) hooks() tcretry.Hooks {
	return tcretry.Hooks{AttemptDone: m.attemptDone, RetryScheduled: m.retryScheduled, CallDone: m.callDone}
}

func (m *instruments) attemptDone(ctx context.Context, i tcretry.AttemptInfo) {
	if !m.attempts.Enabled(ctx) && !m.attemptDuration.Enabled(ctx) {
		return
	}
	failure := failureOf(i.Class, m.names.family(i.Family), i.Status, i.Err)
	with := m.with(i.Operation, classKey.String(i.Class.String()), failure)
	m.attempts.Add(ctx, 1, with)
	m.attemptDuration.Record(ctx, i.Duration.Seconds(), with)
}

func (m *instruments) retryScheduled(ctx context.Context, i tcretry.RetryInfo) {
	if m.retries.Enabled(ctx) {
		failure := failureOf(i.Class, m.names.family(i.Family), i.Status, i.Err)
		m.retries.Add(ctx, 1, m.with(i.Operation, classKey.String(i.Class.String()), failure))
	}
}

func (m *instruments) callDone(ctx context.Context, i tcretry.CallInfo) {
	if !m.calls.Enabled(ctx) && !m.callDuration.Enabled(ctx) && !m.wait.Enabled(ctx) {
		return
	}
	i.Code = m.names.family(i.Family)
	with := m.with(i.Operation, stopReasonKey.String(i.Reason.String()), callFailure(i))
	m.calls.Add(ctx, 1, with)
	m.callDuration.Record(ctx, i.Duration.Seconds(), with)
	m.waited(ctx, i.Operation, "rate_limit", i.RateLimitWait)
	m.waited(ctx, i.Operation, "budget", i.BudgetWait)
	m.waited(ctx, i.Operation, "backoff", i.Waited-i.RateLimitWait-i.BudgetWait)
}

// waited records a wait, if there was one: most calls have none.
func (m *instruments) waited(ctx context.Context, target tcretry.Operation, kind string, d time.Duration) {
	if d > 0 {
		m.wait.Record(ctx, d.Seconds(), m.with(target, waitKindKey.String(kind), ""))
	}
}

// with returns the attributes of a measurement; failure may be "".
func (m *instruments) with(target tcretry.Operation, of attribute.KeyValue, failure string) metric.MeasurementOption {
	attrs := append(make([]attribute.KeyValue, 0, 4), systemName, of)
	if method, _ := m.names.method(target); method != "" {
		attrs = append(attrs, semconv.RPCMethod(method))
	}
	if failure != "" {
		attrs = append(attrs, semconv.ErrorTypeKey.String(failure))
	}
	return metric.WithAttributeSet(attribute.NewSet(attrs...))
}
