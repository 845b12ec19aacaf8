package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcprom"
)

const alertsFile = "../alerts.yml"

// description is the form of a prometheus.Desc as text, which is all it tells.
var description = regexp.MustCompile(`fqName: "(\w+)".*variableLabels: \{([\w,]*)\}`)

// exposed returns the labels of every metric that a Collector exposes, by name.
func exposed(t *testing.T) map[string][]string {
	t.Helper()
	metrics, err := tcprom.NewCollector(tcprom.Options{})
	require.NoError(t, err)
	descs := make(chan *prometheus.Desc, 100)
	metrics.Describe(descs)
	close(descs)
	labels := map[string][]string{}
	for desc := range descs {
		found := description.FindStringSubmatch(desc.String())
		require.Len(t, found, 3, desc.String())
		labels[found[1]] = strings.Split(found[2], ",")
	}
	require.Len(t, labels, 15)
	return labels
}

// expressions returns every expression of the dashboard with its legend.
func expressions() []query {
	var all []query
	for _, r := range rows {
		for _, p := range r.panels {
			all = append(all, p.queries...)
		}
	}
	return all
}

// alertExpressions returns those of the alerts.
func alertExpressions(t *testing.T) []query {
	t.Helper()
	text, err := os.ReadFile(alertsFile)
	require.NoError(t, err)
	var all []query
	for _, rule := range strings.Split(string(text), "- alert: ")[1:] {
		_, expr, _ := strings.Cut(rule, "expr:")
		expr, rest, _ := strings.Cut(expr, "for:")
		require.NotEmpty(t, rest, rule)
		all = append(all, query{expr, rest})
	}
	require.Len(t, all, 4)
	return all
}

var (
	metricName = regexp.MustCompile(`tcretry_\w+`)
	selected   = regexp.MustCompile(`(tcretry_\w+)\{([^}]*)\}`)
	labelOf    = regexp.MustCompile(`(\w+)(?:=~|!=|!~|=)"`)
	grouped    = regexp.MustCompile(`by \(([^)]*)\)`)
	shown      = regexp.MustCompile(`\{\{ *(?:\$labels\.)?([a-z]\w*)(?: \| \w+)? *\}\}`)
)

// metricOf returns the metric that a series belongs to: a histogram has three.
func metricOf(series string, labels map[string][]string) string {
	for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
		if name := strings.TrimSuffix(series, suffix); labels[name] != nil {
			return name
		}
	}
	return ""
}

// check requires that a query names metrics and labels that exist, shows labels
// it has grouped by, and returns the metrics.
func check(t *testing.T, q query, labels map[string][]string) []string {
	t.Helper()
	var metrics, known []string
	for _, series := range metricName.FindAllString(q.expr, -1) {
		metric := metricOf(series, labels)
		require.NotEmpty(t, metric, "no such metric: %s in %s", series, q.expr)
		metrics = append(metrics, metric)
		known = append(known, labels[metric]...)
	}
	require.NotEmpty(t, metrics, q.expr)
	for _, found := range selected.FindAllStringSubmatch(q.expr, -1) {
		for _, label := range labelOf.FindAllStringSubmatch(found[2], -1) {
			require.Contains(t, labels[metricOf(found[1], labels)], label[1], q.expr)
		}
	}
	var by []string
	for _, found := range grouped.FindAllStringSubmatch(q.expr, -1) {
		for label := range strings.SplitSeq(found[1], ",") {
			by = append(by, strings.TrimSpace(label))
			if label != "le" {
				require.Contains(t, known, strings.TrimSpace(label), q.expr)
			}
		}
	}
	for _, found := range shown.FindAllStringSubmatch(q.legend, -1) {
		require.Contains(t, by, found[1], "%s shows a label that %s does not keep", q.legend, q.expr)
	}
	return metrics
}

func TestTheDashboardShowsEveryMetricByLabelsThatItHas(t *testing.T) {
	labels := exposed(t)
	used := map[string]bool{}
	for _, q := range expressions() {
		for _, metric := range check(t, q, labels) {
			used[metric] = true
		}
	}
	for metric := range labels {
		require.Contains(t, used, metric)
	}
}

func TestTheAlertsNameMetricsAndLabelsThatExist(t *testing.T) {
	labels := exposed(t)
	for _, q := range alertExpressions(t) {
		check(t, q, labels)
	}
}

func TestExhaustedNamesStopReasonsThatExist(t *testing.T) {
	var reasons []string
	for r := tcretry.StopSuccess; r <= tcretry.StopCanceled; r++ {
		reasons = append(reasons, r.String())
	}
	alerts, err := os.ReadFile(alertsFile)
	require.NoError(t, err)
	require.Contains(t, string(alerts), exhausted, "the alert and the dashboard mean the same")
	for name := range strings.SplitSeq(strings.Trim(strings.TrimPrefix(exhausted, "stop_reason=~"), `"`), "|") {
		require.Contains(t, reasons, name)
	}
}

func TestTheVariablesAreLabelsOfTheirMetric(t *testing.T) {
	labels := exposed(t)
	for _, name := range []string{"service", "action", "region"} {
		require.Contains(t, labels["tcretry_calls_total"], name)
		require.Contains(t, chosen, fmt.Sprintf(`%s=~"$%s"`, name, name))
	}
}

func TestTheFileIsTheOneThatThisProgramWrites(t *testing.T) {
	file, err := os.ReadFile("../dashboard.json")
	require.NoError(t, err)
	want, err := render()
	require.NoError(t, err)
	require.Equal(t, string(want), string(file), "run go generate . in tcprom")
}

func TestPanelsHaveIdsAndPlacesOfTheirOwn(t *testing.T) {
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
		}
	}
	text, err := render()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &board))
	taken := map[[2]int]string{}
	for i, p := range board.Panels {
		require.Equal(t, i+1, p.ID)
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, gridWidth, p.Title)
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				place := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				require.Empty(t, taken[place], "%s covers %s", p.Title, taken[place])
				taken[place] = p.Title
			}
		}
	}
}

// The rules and their unit tests need promtool, which Debian has in its package
// prometheus: .ci/run alerts installs it.
func TestPromtoolAcceptsTheAlertsAndEveryExpression(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		require.Empty(t, os.Getenv("TCPROM_NEED_PROMETHEUS"), err)
		t.Skip("there is no promtool here: .ci/run alerts")
	}
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	placeholders := strings.NewReplacer("$__rate_interval", "5m", "$service", "cvm", "$action", ".*", "$region", ".*")
	for i, q := range expressions() {
		fmt.Fprintf(&rules, "  - record: dashboard:%d\n    expr: %q\n", i, placeholders.Replace(q.expr))
	}
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	require.NoError(t, os.WriteFile(file, []byte(rules.String()), 0o644))
	for _, args := range [][]string{
		{"check", "rules", alertsFile},
		{"check", "rules", file},
		{"test", "rules", "../testdata/alerts_test.yml"},
	} {
		out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput()
		require.NoError(t, err, "promtool %s\n%s", args, out)
	}
}
