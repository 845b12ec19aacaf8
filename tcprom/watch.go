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

// watched collects the budgets and paces of Transports.
type watched struct {
	mu         sync.Mutex
	transports []watchedTransport // guarded by mu

	// Whatever Transports know, the hosts and actions told apart are bounded.
	hosts, actions label.Limiter

	tokens, held, down             *prometheus.Desc
	rate, quota, waiting, inFlight *prometheus.Desc
	keys                           *prometheus.Desc
}

type watchedTransport struct {
	name string
	Transport
}

// Transport is what a Collector watches: a [tcretry.Transport], a Transport of
// module tcotel, or another that tells what their methods of these names do. It
// is asked from the goroutine of a scrape.
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
		tokens: desc("budget_tokens", "Retries that the budget of a host allows now.", "host"),
		held:   desc("budget_held_retries", "Retries that the budget holds until the host answers again.", "host"),
		down:   desc("budget_host_down", "1 if the last attempts to the host all failed, else 0.", "host"),
		rate: desc("pace_rate", "Attempts a second that may start, for keys whose calls the pacer delays.",
			"host", "action"),
		quota: desc("pace_quota", "Attempts a second that the API takes, as its rejections told; 0 if they did not.",
			"host", "action"),
		waiting:  desc("pace_waiting_calls", "Calls that wait for their turn.", "host", "action"),
		inFlight: desc("pace_inflight_attempts", "Attempts that have started and not ended.", "host", "action"),
		keys:     desc("pace_keys", "Keys that the pacer knows, by how it paces them.", "mode"),
	}
}

// Watch lets the Collector ask t for its budgets and paces at each scrape. name
// is the label "transport" of these, and each Transport has its own; "default"
// is fit for the only one. The Collector keeps t from then on.
//
// What a Transport's budget or pacer does not tell is left out. Keys whose calls
// are not delayed are counted and nothing more. A budget or a pacer that several
// Transports share is told for each of them: watch one.
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
	for _, d := range []*prometheus.Desc{w.tokens, w.held, w.down, w.rate, w.quota, w.waiting, w.inFlight, w.keys} {
		descs <- d
	}
}

func (w *watched) collect(metrics chan<- prometheus.Metric) {
	w.mu.Lock()
	transports := slices.Clone(w.transports)
	w.mu.Unlock()
	for _, t := range transports {
		w.collectBudgets(metrics, t)
		w.collectPaces(metrics, t)
	}
}

// collectBudgets adds up what is known of the hosts that share a label.
func (w *watched) collectBudgets(metrics chan<- prometheus.Metric, t watchedTransport) {
	type sum struct{ tokens, held, down float64 }
	sums := map[string]sum{}
	for _, b := range t.Budgets() {
		host := w.hosts.Label(b.Host)
		s := sums[host]
		s.tokens += b.Tokens
		s.held += float64(b.Deferred)
		if b.Open {
			s.down++
		}
		sums[host] = s
	}
	for host, s := range sums {
		gauge(metrics, w.tokens, s.tokens, t.name, host)
		gauge(metrics, w.held, s.held, t.name, host)
		gauge(metrics, w.down, s.down, t.name, host)
	}
}

// collectPaces adds up what is known of the keys that share labels: those of
// several credentials, which are no label, and those beyond the limits.
func (w *watched) collectPaces(metrics chan<- prometheus.Metric, t watchedTransport) {
	type key struct{ host, action string }
	type sum struct{ rate, quota, waiting, inFlight float64 }
	sums := map[key]sum{}
	var modes [ratelimit.Shared + 1]float64
	paces := t.RateLimits()
	for _, p := range paces {
		modes[min(p.Mode, ratelimit.Shared)]++
		if p.Mode == ratelimit.Open {
			continue
		}
		k := key{w.hosts.Label(p.Host), w.actions.Label(p.Action)}
		s := sums[k]
		s.rate += p.Rate
		s.quota += float64(p.Limit)
		s.waiting += float64(p.Waiting)
		s.inFlight += float64(p.InFlight)
		sums[k] = s
	}
	if len(paces) > 0 {
		for mode, n := range modes {
			gauge(metrics, w.keys, n, t.name, ratelimit.Mode(mode).String())
		}
	}
	for k, s := range sums {
		gauge(metrics, w.rate, s.rate, t.name, k.host, k.action)
		gauge(metrics, w.quota, s.quota, t.name, k.host, k.action)
		gauge(metrics, w.waiting, s.waiting, t.name, k.host, k.action)
		gauge(metrics, w.inFlight, s.inFlight, t.name, k.host, k.action)
	}
}

// gauge sends one value. The labels fit the description: they are ours.
func gauge(metrics chan<- prometheus.Metric, desc *prometheus.Desc, value float64, labels ...string) {
	metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}
