package main

// row is a line of panels of one width under a title.
type row struct {
	title  string
	panels []panel
}

// panel is one picture. Its unit is one of Grafana's.
type panel struct {
	title, description, unit string
	stat                     bool // a number, rather than a graph
	exemplars                bool // shows the request ids of failures
	queries                  []query
}

type query struct{ expr, legend string }

// chosen are the targets that a person chose.
const chosen = `service=~"$service",action=~"$action",region=~"$region"`

// exhausted are the stop reasons of calls that ended though they might have
// passed: one of their bounds, or the caller's, was reached.
const exhausted = `reason=~"attempts|elapsed|delay|deadline|signature|budget|not_replayable"`

// rate returns the sum of a counter's rate for what was chosen.
func rate(metric, more, by string) string {
	return "sum" + by + "(rate(" + metric + "{" + chosen + more + "}[$__rate_interval]))"
}

// share returns a part of a whole, 0 if there is nothing of it.
func share(part, whole string) string { return "(" + part + " or vector(0)) / " + whole }

// quantile returns a quantile of a histogram.
func quantile(q, metric, by string) string {
	return "histogram_quantile(" + q + ", " + rate(metric+"_bucket", "", " by (le"+by+") ") + ")"
}

var rows = []row{
	{"At a look", []panel{
		{
			title: "Calls a second", unit: "reqps", stat: true, description: "Calls that ended, whatever came of them.",
			queries: []query{{rate("tcretry_calls_total", "", ""), ""}},
		},
		{
			title: "Exhausted calls", unit: "percentunit", stat: true,
			description: "Share of the calls that ended at a bound of theirs, though another attempt might have passed.",
			queries:     []query{{share(rate("tcretry_calls_total", ","+exhausted, ""), rate("tcretry_calls_total", "", "")), ""}},
		},
		{
			title: "Retries", unit: "percentunit", stat: true, description: "Share of the attempts that are retries.",
			queries: []query{{share(rate("tcretry_retries_total", "", ""), rate("tcretry_attempts_total", "", "")), ""}},
		},
		{
			title: "Throttled attempts", unit: "percentunit", stat: true, description: "Share of the attempts that a rate limit refused.",
			queries: []query{{share(rate("tcretry_attempts_total", `,class="throttled"`, ""), rate("tcretry_attempts_total", "", "")), ""}},
		},
	}},
	{"Calls", []panel{
		{
			title: "Calls by stop reason", unit: "reqps", description: "Why calls ended: answered is the only good one, terminal is what the API refuses for good.",
			queries: []query{{rate("tcretry_calls_total", "", " by (reason) "), "{{reason}}"}},
		},
		{
			title: "Duration of a call", unit: "s", exemplars: true, description: "With all its attempts and waits. Points are failed calls with their request ids.",
			queries: []query{
				{quantile("0.5", "tcretry_call_duration_seconds", ""), "half"},
				{quantile("0.95", "tcretry_call_duration_seconds", ""), "95 %"},
				{quantile("0.99", "tcretry_call_duration_seconds", ""), "99 %"},
			},
		},
		{
			title: "Attempts a call", unit: "short", description: "1 means that nothing was repeated.",
			queries: []query{
				{rate("tcretry_call_attempts_sum", "", "") + " / " + rate("tcretry_call_attempts_count", "", ""), "mean"},
				{quantile("0.99", "tcretry_call_attempts", ""), "99 %"},
			},
		},
	}},
	{"Failures", []panel{
		{
			title: "Attempts by class", unit: "reqps", description: "What the outcomes of attempts mean.",
			queries: []query{{rate("tcretry_attempts_total", "", " by (class) "), "{{class}}"}},
		},
		{
			title: "Failures by code", unit: "reqps", exemplars: true, description: "The ten most frequent. Without a code there was no answer, or one that was not the API's. Points are request ids.",
			queries: []query{{"topk(10, " + rate("tcretry_failures_total", "", " by (code, status) ") + ")", "{{code}} {{status}}"}},
		},
		{
			title: "Failures by action", unit: "reqps", description: "The ten most frequent.",
			queries: []query{{"topk(10, " + rate("tcretry_failures_total", "", " by (service, action, family) ") + ")", "{{service}} {{action}} {{family}}"}},
		},
		{
			title: "Retries by class", unit: "reqps", description: "What the attempts before them failed for.",
			queries: []query{{rate("tcretry_retries_total", "", " by (class) "), "{{class}}"}},
		},
	}},
	{"Waits and quotas", []panel{
		{
			title: "Waits of calls that waited", unit: "s", description: "95 % of them are shorter, by kind: backoff of the call, hold of the budget, turn at the pacer.",
			queries: []query{{quantile("0.95", "tcretry_call_wait_seconds", ", kind"), "{{kind}}"}},
		},
		{
			title: "Pace and quota", unit: "reqps", description: "Attempts a second that may start, and that the API takes, of keys that were throttled. No action means a limit of the account.",
			queries: []query{
				{"sum by (host, action) (tcretry_pace_rate)", "pace {{host}} {{action}}"},
				{"sum by (host, action) (tcretry_pace_quota)", "quota {{host}} {{action}}"},
			},
		},
		{
			title: "At the pacer", unit: "short", description: "Calls that wait for their turn and attempts in flight, of keys that were throttled, and the keys by mode.",
			queries: []query{
				{"sum by (transport) (tcretry_pace_waiting_calls)", "waiting {{transport}}"},
				{"sum by (transport) (tcretry_pace_inflight_attempts)", "in flight {{transport}}"},
				{"sum by (mode) (tcretry_pace_keys)", "keys {{mode}}"},
			},
		},
		{
			title: "Budget of retries", unit: "short", description: "The fewest tokens of any host, retries that are held, and hosts whose last attempts all failed.",
			queries: []query{
				{"min by (host) (tcretry_budget_tokens)", "tokens {{host}}"},
				{"sum by (host) (tcretry_budget_held_retries)", "held {{host}}"},
				{"sum by (host) (tcretry_budget_host_down)", "down {{host}}"},
			},
		},
	}},
}
