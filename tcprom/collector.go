package tcprom

import (
	"cmp"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tcretry/tcretry/label"
)

// Collector is a prometheus.Collector of the events that hooks report, and of the
// state of the retry budgets and rate limiters of the Transports it watches. Make one with
// [NewCollector], register it, and give its Hooks to as many Transports as
// belong together. It is safe for use from many goroutines.
type Collector struct {
	maxFailures int // a target

	attempts, failures, retries, calls *prometheus.CounterVec
	durations, callAttempts, waits     *prometheus.HistogramVec

	targets  cache[targetKey, *target] // bounded
	folded   cache[string, *target]    // of the targets beyond, by service
	services label.Limiter             // of those

	watched
}

// NewCollector returns a Collector that is not registered yet. Its error joins
// all invalid options.
func NewCollector(o Options) (*Collector, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: cmp.Or(o.Namespace, defaultNamespace), Name: name, Help: help, ConstLabels: o.ConstLabels,
		}, append([]string{"service", "action", "region"}, labels...))
	}
	histogram := func(name, help string, buckets, otherwise []float64, labels ...string) *prometheus.HistogramVec {
		if len(buckets) == 0 {
			buckets = otherwise
		}
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: cmp.Or(o.Namespace, defaultNamespace), Name: name, Help: help, ConstLabels: o.ConstLabels, Buckets: buckets,
		}, append([]string{"service", "action", "region"}, labels...))
	}
	return &Collector{
		targets:     cache[targetKey, *target]{max: cmp.Or(o.MaxTargets, defaultMaxTargets)},
		maxFailures: cmp.Or(o.MaxFailures, defaultMaxFailures),
		attempts:    counter("attempts_total", "Attempts, first ones and retries, by the class of their outcome.", "class"),
		failures: counter("failures_total", "Attempts that failed, by the error code of the API and the HTTP status, both empty without a response.",
			"class", "family", "code", "status"),
		retries: counter("retries_total", "Retries scheduled, by the class of the attempt before.", "class"),
		calls:   counter("calls_total", "Calls that ended, by stop reason.", "stop_reason"),
		durations: histogram("call_duration_seconds", "Time from the start of a call to its end, with all its attempts and waits.",
			o.DurationBuckets, defaultDurationBuckets),
		callAttempts: histogram("call_attempts", "Attempts per call, 0 if it ended before the first.",
			o.AttemptBuckets, defaultAttemptBuckets),
		waits: histogram("call_wait_seconds", "Time that a call spent waiting, one observation per kind of wait: backoff, budget, rate_limit.",
			o.DurationBuckets, defaultDurationBuckets, "kind"),
		watched: newWatched(o),
	}, nil
}

// vectors are the metrics that hooks feed.
func (c *Collector) vectors() []prometheus.Collector {
	return []prometheus.Collector{c.attempts, c.failures, c.retries, c.calls, c.durations, c.callAttempts, c.waits}
}

// Describe is part of prometheus.Collector.
func (c *Collector) Describe(descs chan<- *prometheus.Desc) {
	for _, v := range c.vectors() {
		v.Describe(descs)
	}
	c.watched.describe(descs)
}

// Collect is part of prometheus.Collector. It locks the retry budgets and rate
// limiters of the watched Transports one by one.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	for _, v := range c.vectors() {
		v.Collect(metrics)
	}
	c.watched.collect(metrics)
}
