package tcprom

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/label"
	"github.com/tcretry/tcretry/ratelimit"
)

// watched collects the state of the retry budgets and rate limiters of Transports.
type watched struct {
	mu         sync.Mutex
	transports []watchedTransport // guarded by mu

	// The number of hosts and actions with series of their own is bounded.
	hosts, actions label.Limiter

	tokens, deferred, open         *prometheus.Desc
	rate, limit, waiting, inFlight *prometheus.Desc
	keys                           *prometheus.Desc
}

type watchedTransport struct {
	name string
	Transport
}

// Transport is what a Collector watches: a [tcretry.Transport], a Transport of
// module tcotel, or another with these methods. They are called from the goroutine of a
// scrape.
type Transport interface {
	Budgets() []budget.HostState
	RateLimits() []ratelimit.State
}

func newWatched(o Options) watched {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		name = prometheus.BuildFQName(cmp.Or(o.Namespace, defaultNamespace), "", name)
		return prometheus.NewDesc(name, help, append([]string{"transport"}, labels...), o.ConstLabels)
	}
	return watched{
		tokens:   desc("budget_tokens", "Tokens of the retry budget of a host: the retries that it allows now.", "host"),
		deferred: desc("budget_deferred_retries", "Retries that the budget defers until a probe of the host succeeds.", "host"),
		open:     desc("budget_circuit_open", "1 if the circuit of the host is open because the last attempts all failed, else 0.", "host"),
		rate: desc("ratelimit_rate", "Attempts per second that the rate limiter starts, for keys whose calls it delays.",
			"host", "action"),
		limit: desc("ratelimit_limit", "The learned rate limit in attempts per second; 0 if it is not known.",
			"host", "action"),
		waiting:  desc("ratelimit_waiting_calls", "Calls that wait in the queue of the rate limiter.", "host", "action"),
		inFlight: desc("ratelimit_inflight_attempts", "Attempts that have started and not ended.", "host", "action"),
		keys:     desc("ratelimit_keys", "Keys of the rate limiter, by mode.", "mode"),
	}
}

// Watch makes the Collector collect the state of the retry budget and the rate
// limiter of t at each scrape. name is the label "transport" of these, and each Transport has its own; "default"
// is fit for the only one. The Collector keeps t from then on.
//
// A budget or a rate limiter without a method States is left out. Keys whose calls
// are not delayed are counted by mode and have no other series. A budget or a rate
// limiter that several Transports share is reported for each of them: watch one.
func (c *Collector) Watch(name string, t Transport) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	if plain, ok := t.(*tcretry.Transport); t == nil || ok && plain == nil {
		errs = append(errs, fmt.Errorf("tcprom: the Transport to watch as %q is nil", name))
	}
	if name == "" || !utf8.ValidString(name) {
		errs = append(errs, fmt.Errorf("tcprom: a Transport to watch has the name %q: it must be valid UTF-8, and not empty", name))
	}
	if slices.ContainsFunc(c.transports, func(w watchedTransport) bool { return w.name == name }) {
		errs = append(errs, fmt.Errorf("tcprom: a Transport with the name %q is watched already", name))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	c.transports = append(c.transports, watchedTransport{name, t})
	return nil
}

func (w *watched) describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{w.tokens, w.deferred, w.open, w.rate, w.limit, w.waiting, w.inFlight, w.keys} {
		descs <- d
	}
}

func (w *watched) collect(metrics chan<- prometheus.Metric) {
	w.mu.Lock()
	transports := slices.Clone(w.transports)
	w.mu.Unlock()
	for _, t := range transports {
		w.collectBudgets(metrics, t)
		w.collectLimits(metrics, t)
	}
}

// collectBudgets adds up the states of the hosts that share a label.
func (w *watched) collectBudgets(metrics chan<- prometheus.Metric, t watchedTransport) {
	type sum struct{ tokens, deferred, open float64 }
	sums := map[string]sum{}
	for _, b := range t.Budgets() {
		host := w.hosts.Label(b.Host)
		s := sums[host]
		s.tokens += b.Tokens
		s.deferred += float64(b.Deferred)
		if b.Open {
			s.open++
		}
		sums[host] = s
	}
	for host, s := range sums {
		gauge(metrics, w.tokens, s.tokens, t.name, host)
		gauge(metrics, w.deferred, s.deferred, t.name, host)
		gauge(metrics, w.open, s.open, t.name, host)
	}
}

// collectLimits adds up the states of the keys that share labels: those of
// several credentials, which are no label, and those beyond the limits.
func (w *watched) collectLimits(metrics chan<- prometheus.Metric, t watchedTransport) {
	type key struct{ host, action string }
	type sum struct{ rate, limit, waiting, inFlight float64 }
	sums := map[key]sum{}
	var modes [ratelimit.Shared + 1]float64
	states := t.RateLimits()
	for _, p := range states {
		modes[min(p.Mode, ratelimit.Shared)]++
		if p.Mode == ratelimit.Open {
			continue
		}
		k := key{w.hosts.Label(p.Host), w.actions.Label(p.Action)}
		s := sums[k]
		s.rate += p.Rate
		s.limit += float64(p.Limit)
		s.waiting += float64(p.Waiting)
		s.inFlight += float64(p.InFlight)
		sums[k] = s
	}
	if len(states) > 0 {
		for mode, n := range modes {
			gauge(metrics, w.keys, n, t.name, ratelimit.Mode(mode).String())
		}
	}
	for k, s := range sums {
		gauge(metrics, w.rate, s.rate, t.name, k.host, k.action)
		gauge(metrics, w.limit, s.limit, t.name, k.host, k.action)
		gauge(metrics, w.waiting, s.waiting, t.name, k.host, k.action)
		gauge(metrics, w.inFlight, s.inFlight, t.name, k.host, k.action)
	}
}

// gauge sends one value. The labels fit the description: they are ours.
func gauge(metrics chan<- prometheus.Metric, desc *prometheus.Desc, value float64, labels ...string) {
	metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}
