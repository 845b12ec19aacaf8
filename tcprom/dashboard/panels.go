package main

// row is a line of panels of one width under a title.
type row struct {
	title  string
	panels []panel
}

// panel is one graph. Its unit is one of Grafana's.
type panel struct {
	title, description, unit string
	stat                     bool // a number, rather than a graph
	exemplars                bool // shows the request ids of failures
	queries                  []query
}

type query struct{ expr, legend string }

// chosen are the targets that a person chose.
const chosen = `service=~"$service",action=~"$action",region=~"$region"`

// exhausted are the stop reasons of calls that ended at a limit, the policy's or the
// caller's, though another attempt might have succeeded.
const exhausted = `stop_reason=~"max_attempts|max_elapsed|retry_after_too_long|deadline_exceeded|signature_expired|budget_exhausted|not_replayable"`

// rate returns the sum of a counter's rate for what was chosen.
func rate(metric, more, by string) string {
	return "sum" + by + "(rate(" + metric + "{" + chosen + more + "}[$__rate_interval]))"
}

// top10 returns the ten highest rates.
func top10(metric, by string) string { return "topk(10, " + rate(metric, "", by) + ")" }

// share returns a part of a whole, 0 if there is nothing of it.
func share(part, whole string) string { return "(" + part + " or vector(0)) / " + whole }

// named sets a label to a name where another label is empty, so that the legend of no
// failure is empty.
func named(label, name, empty, failures string) string {
	return "label_replace(" + failures + `, "` + label + `", "` + name + `", "` + empty + `", "")`
}

// quantile returns a quantile of a histogram.
func quantile(q, metric, by string) string {
	return "histogram_quantile(" + q + ", " + rate(metric+"_bucket", "", " by (le"+by+") ") + ")"
}

var rows = []row{
	{"Overview", []panel{
		{
			title: "Call rate", unit: "reqps", stat: true, description: "Calls that ended, with success or without, per second.",
			queries: []query{{rate("tcretry_calls_total", "", ""), ""}},
		},
		{
			title: "Exhausted calls", unit: "percentunit", stat: true,
			description: "Share of the calls that ended at a limit (attempts, time, budget), though another attempt might have succeeded.",
			queries:     []query{{share(rate("tcretry_calls_total", ","+exhausted, ""), rate("tcretry_calls_total", "", "")), ""}},
		},
		{
			title: "Retries", unit: "percentunit", stat: true, description: "Share of the attempts that are retries.",
			queries: []query{{share(rate("tcretry_retries_total", "", ""), rate("tcretry_attempts_total", "", "")), ""}},
		},
		{
			title: "Throttled attempts", unit: "percentunit", stat: true, description: "Share of the attempts that got a throttling response.",
			queries: []query{{share(rate("tcretry_attempts_total", `,class="throttled"`, ""), rate("tcretry_attempts_total", "", "")), ""}},
		},
	}},
	{"Calls", []panel{
		{
			title: "Calls by stop reason", unit: "reqps", description: "Why calls ended: success; terminal, an error that no retry helps; or the limit that was reached.",
			queries: []query{{rate("tcretry_calls_total", "", " by (stop_reason) "), "{{stop_reason}}"}},
		},
		{
			title: "Call duration", unit: "s", exemplars: true, description: "With all its attempts and waits. Exemplars are failed calls with their request ids.",
			queries: []query{
				{quantile("0.5", "tcretry_call_duration_seconds", ""), "p50"},
				{quantile("0.95", "tcretry_call_duration_seconds", ""), "p95"},
				{quantile("0.99", "tcretry_call_duration_seconds", ""), "p99"},
			},
		},
		{
			title: "Attempts per call", unit: "short", description: "1 means no retries.",
			queries: []query{
				{rate("tcretry_call_attempts_sum", "", "") + " / " + rate("tcretry_call_attempts_count", "", ""), "mean"},
				{quantile("0.99", "tcretry_call_attempts", ""), "p99"},
			},
		},
	}},
	{"Failures", []panel{
		{
			title: "Attempts by class", unit: "reqps", description: "Attempts by the class of their outcome.",
			queries: []query{{rate("tcretry_attempts_total", "", " by (class) "), "{{class}}"}},
		},
		{
			title: "Failures by code", unit: "reqps", exemplars: true, description: "The ten most frequent. HTTP is a response that is not one of the API. Exemplars are request ids.",
			queries: []query{{
				named("code", "HTTP", "code", named("code", "no response", "status", top10("tcretry_failures_total", " by (code, status) "))),
				"{{code}} {{status}}",
			}},
		},
		{
			title: "Failures by action", unit: "reqps", description: "The ten most frequent.",
			queries: []query{{
				named("family", "no code", "family", top10("tcretry_failures_total", " by (service, action, family) ")),
				"{{action}} {{family}} {{service}}",
			}},
		},
		{
			title: "Retries by class", unit: "reqps", description: "Retries by the class of the attempt before.",
			queries: []query{{rate("tcretry_retries_total", "", " by (class) "), "{{class}}"}},
		},
	}},
	{"Waits and rate limits", []panel{
		{
			title: "Wait time (p95)", unit: "s", description: "Of the calls that waited, by kind: backoff, retry budget, rate limiter.",
			queries: []query{{quantile("0.95", "tcretry_call_wait_seconds", ", kind"), "{{kind}}"}},
		},
		{
			title: "Rate and limit", unit: "reqps", description: "Attempts per second that the limiter starts, and the learned limit, for keys that were throttled. No action means a limit of the account.",
			queries: []query{
				{"sum by (host, action) (tcretry_ratelimit_rate)", "rate {{action}} {{host}}"},
				{"sum by (host, action) (tcretry_ratelimit_limit)", "limit {{action}} {{host}}"},
			},
		},
		{
			title: "Rate limiter queue", unit: "short", description: "Waiting calls and attempts in flight, for keys that were throttled, and the number of keys by mode.",
			queries: []query{
				{"sum by (transport) (tcretry_ratelimit_waiting_calls)", "waiting {{transport}}"},
				{"sum by (transport) (tcretry_ratelimit_inflight_attempts)", "in flight {{transport}}"},
				{"sum by (mode) (tcretry_ratelimit_keys)", "keys {{mode}}"},
			},
		},
		{
			title: "Retry budget", unit: "short", description: "Tokens (the fewest of any transport), deferred retries, and hosts whose circuit is open.",
			queries: []query{
				{"min by (host) (tcretry_budget_tokens)", "tokens {{host}}"},
				{"sum by (host) (tcretry_budget_deferred_retries)", "deferred {{host}}"},
				{"sum by (host) (tcretry_budget_circuit_open)", "circuit open {{host}}"},
			},
		},
	}},
}
