// Package tcprom tells Prometheus what tcretry does. A [Collector] counts what
// the hooks of Transports are told and, at each scrape, asks the Transports that
// it watches for their budgets and paces:
//
//	metrics, err := tcprom.NewCollector(tcprom.Options{})
//	prometheus.MustRegister(metrics)
//	transport := tcretry.New(nil, tcretry.WithHooks(metrics.Hooks()))
//	err = metrics.Watch("default", transport)
//
// The metrics, each with the prefix "tcretry_" unless Options.Namespace says
// another one:
//
//	attempts_total         counter    service action region class
//	failures_total         counter    service action region class family code status
//	retries_total          counter    service action region class
//	calls_total            counter    service action region reason
//	call_duration_seconds  histogram  service action region
//	call_attempts          histogram  service action region
//	call_wait_seconds      histogram  service action region kind
//	budget_tokens          gauge      transport host
//	budget_held_retries    gauge      transport host
//	budget_host_down       gauge      transport host
//	pace_rate              gauge      transport host action
//	pace_quota             gauge      transport host action
//	pace_waiting_calls     gauge      transport host action
//	pace_inflight_attempts gauge      transport host action
//	pace_keys              gauge      transport mode
//
// The number of series is bounded whatever callers ask and the API answers: see
// Options.MaxTargets and Options.MaxFailures. No label holds a credential, a
// message, an error's text or a request id; the ids of failures are exemplars,
// which a scrape gets in the OpenMetrics format:
//
//	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
//
// dashboard.json is a dashboard for Grafana over these metrics, and alerts.yml
// holds rules for Prometheus; both assume the default namespace.
package tcprom

//go:generate go run ./dashboard
