// Package tcprom is a Prometheus collector for tcretry. A [Collector] counts the
// events that the hooks of Transports report and, at each scrape, collects the state
// of the retry budgets and rate limiters of the Transports that it watches:
//
//	metrics, err := tcprom.NewCollector(tcprom.Options{})
//	prometheus.MustRegister(metrics)
//	transport := tcretry.New(nil, tcretry.WithHooks(metrics.Hooks()))
//	err = metrics.Watch("default", transport)
//
// The metrics, each with the prefix "tcretry_" unless Options.Namespace says
// otherwise:
//
//	attempts_total               counter    service action region class
//	failures_total               counter    service action region class family code status
//	retries_total                counter    service action region class
//	calls_total                  counter    service action region stop_reason
//	call_duration_seconds        histogram  service action region
//	call_attempts                histogram  service action region
//	call_wait_seconds            histogram  service action region kind
//	budget_tokens                gauge      transport host
//	budget_deferred_retries      gauge      transport host
//	budget_circuit_open          gauge      transport host
//	ratelimit_rate               gauge      transport host action
//	ratelimit_limit              gauge      transport host action
//	ratelimit_waiting_calls      gauge      transport host action
//	ratelimit_inflight_attempts  gauge      transport host action
//	ratelimit_keys               gauge      transport mode
//
// The number of series is bounded whatever callers request and the API returns: see
// Options.MaxTargets and Options.MaxFailures. No label holds a credential, a
// message, the text of an error or a request id; the ids of failures are exemplars,
// which a scrape gets in the OpenMetrics format:
//
//	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
//
// dashboard.json is a dashboard for Grafana over these metrics, and alerts.yml
// holds rules for Prometheus; both assume the default namespace.
package tcprom

//go:generate go run ./dashboard
