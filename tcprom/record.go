package tcprom

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/label"
)

// Hooks returns hooks for [tcretry.WithHooks] that feed the Collector. The same
// may be given to several Transports.
func (c *Collector) Hooks() tcretry.Hooks {
	return tcretry.Hooks{AttemptDone: c.attemptDone, RetryScheduled: c.retryScheduled, CallDone: c.callDone}
}

// targetKey are the labels of a target.
type targetKey struct{ service, action, region string }

// target holds the metrics of one target that were used, so that nothing is
// looked up by a list of labels on the way of a call.
type target struct {
	targetKey
	duration prometheus.Observer
	number   prometheus.Observer // of attempts
	attempts cache[tcretry.Class, prometheus.Counter]
	retries  cache[tcretry.Class, prometheus.Counter]
	calls    cache[tcretry.StopReason, prometheus.Counter]
	failures cache[failure, prometheus.Counter] // bounded
	unnamed  cache[tcretry.Class, prometheus.Counter]
	waits    cache[string, prometheus.Observer]
}

// failure is the labels of a failure. Its family follows from the code.
type failure struct {
	class  tcretry.Class
	code   string
	status int
}

// target returns the metrics of a target, folded if there are too many.
func (c *Collector) target(t *tcretry.Operation) *target {
	key := targetKey{t.Service, t.Action, t.Region}
	found, known, room := c.targets.find(key)
	if known {
		return found
	}
	if room {
		// The strings are parts of the request, which must not be kept.
		key = targetKey{strings.Clone(t.Service), strings.Clone(t.Action), strings.Clone(t.Region)}
		if found, ok := c.targets.add(key, func() *target { return c.newTarget(key) }); ok {
			return found
		}
	}
	service := c.services.Label(t.Service)
	if found, known, _ = c.folded.find(service); known {
		return found
	}
	found, _ = c.folded.add(service, func() *target {
		return c.newTarget(targetKey{service, label.Other, label.Other})
	})
	return found
}

func (c *Collector) newTarget(key targetKey) *target {
	return &target{
		targetKey: key,
		duration:  c.durations.WithLabelValues(key.service, key.action, key.region),
		number:    c.callAttempts.WithLabelValues(key.service, key.action, key.region),
		failures:  cache[failure, prometheus.Counter]{max: c.maxFailures},
	}
}

// counter returns the counter of a vector for a target and one value more.
func counter[K interface {
	comparable
	String() string
}](t *target, known *cache[K, prometheus.Counter], vec *prometheus.CounterVec, value K) prometheus.Counter {
	if found, ok, _ := known.find(value); ok {
		return found
	}
	found, _ := known.add(value, func() prometheus.Counter {
		return vec.WithLabelValues(t.service, t.action, t.region, value.String())
	})
	return found
}

func (c *Collector) attemptDone(_ context.Context, i tcretry.AttemptInfo) {
	t := c.target(&i.Operation)
	counter(t, &t.attempts, c.attempts, i.Class).Inc()
	if i.Class != tcretry.Success {
		count(c.failure(t, failure{i.Class, i.Code, i.Status}), i.RequestID)
	}
}

// failure returns the counter of a failure, folded if the target has too many.
func (c *Collector) failure(t *target, f failure) prometheus.Counter {
	if http.StatusText(f.status) == "" && f.status != 0 {
		f.status = -1 // a server can send any number
	}
	found, known, room := t.failures.find(f)
	if known {
		return found
	}
	named := func(family, code, status string) prometheus.Counter {
		return c.failures.WithLabelValues(t.service, t.action, t.region, f.class.String(), family, code, status)
	}
	if room {
		f.code = strings.Clone(f.code)
		family, _, _ := strings.Cut(f.code, ".")
		if found, ok := t.failures.add(f, func() prometheus.Counter {
			return named(family, f.code, statusLabel(f.status))
		}); ok {
			return found
		}
	}
	if found, known, _ = t.unnamed.find(f.class); known {
		return found
	}
	found, _ = t.unnamed.add(f.class, func() prometheus.Counter {
		return named(label.Other, label.Other, label.Other)
	})
	return found
}

// statusLabel is the status as a label, "" for none.
func statusLabel(status int) string {
	switch status {
	case 0:
		return ""
	case -1:
		return label.Other
	}
	return strconv.Itoa(status)
}

func (c *Collector) retryScheduled(_ context.Context, i tcretry.RetryInfo) {
	t := c.target(&i.Operation)
	counter(t, &t.retries, c.retries, i.Class).Inc()
}

func (c *Collector) callDone(_ context.Context, i tcretry.CallInfo) {
	t := c.target(&i.Operation)
	counter(t, &t.calls, c.calls, i.Reason).Inc()
	t.number.Observe(float64(i.Attempts))
	observe(t.duration, i.Duration, i.RequestID)
	c.wait(t, "backoff", i.Waited-i.RateLimitWait-i.BudgetWait)
	c.wait(t, "budget", i.BudgetWait)
	c.wait(t, "rate_limit", i.RateLimitWait)
}

// wait observes a wait of a kind, if there was one.
func (c *Collector) wait(t *target, kind string, d time.Duration) {
	if d <= 0 {
		return
	}
	found, known, _ := t.waits.find(kind)
	if !known {
		found, _ = t.waits.add(kind, func() prometheus.Observer {
			return c.waits.WithLabelValues(t.service, t.action, t.region, kind)
		})
	}
	found.Observe(d.Seconds())
}

// exemplarLabel names the id in an exemplar.
const exemplarLabel = "request_id"

// exemplar is that of a request id, nil if there is none, or one that is longer
// than OpenMetrics allows.
func exemplar(requestID string) prometheus.Labels {
	if requestID == "" || utf8.RuneCountInString(requestID) > prometheus.ExemplarMaxRunes-len(exemplarLabel) {
		return nil
	}
	return prometheus.Labels{exemplarLabel: strings.Clone(requestID)}
}

// count adds one to a counter, with the request id as exemplar.
func count(counter prometheus.Counter, requestID string) {
	if labels := exemplar(requestID); labels != nil {
		counter.(prometheus.ExemplarAdder).AddWithExemplar(1, labels)
		return
	}
	counter.Inc()
}

// observe adds a time to a histogram, with the request id as exemplar.
func observe(histogram prometheus.Observer, d time.Duration, requestID string) {
	if labels := exemplar(requestID); labels != nil {
		histogram.(prometheus.ExemplarObserver).ObserveWithExemplar(d.Seconds(), labels)
		return
	}
	histogram.Observe(d.Seconds())
}
