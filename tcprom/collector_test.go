package tcprom_test

import (
	"context"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcprom"
	"github.com/tcretry/tcretry/tctest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// newCollector returns a Collector, and a registry that it is registered with.
func newCollector(t testing.TB, o tcprom.Options) (*tcprom.Collector, *prometheus.Registry) {
	t.Helper()
	metrics, err := tcprom.NewCollector(o)
	require.NoError(t, err)
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(metrics))
	return metrics, registry
}

// call makes a call over rt and reads its answer.
func call(t testing.TB, rt http.RoundTripper, action string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://cvm.tencentcloudapi.com/", strings.NewReader(`{}`))
	require.NoError(t, err)
	req.Header.Set("X-TC-Action", action)
	req.Header.Set("X-TC-Version", "2017-03-12")
	req.Header.Set("X-TC-Region", "ap-guangzhou")
	req.Header.Set("Authorization", "TC3-HMAC-SHA256 Credential=AKIDSECRET/2026-11-23/cvm/tc3_request, SignedHeaders=host, Signature=SECRETSIG")
	resp, err := rt.RoundTrip(req)
	if err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}

// exact are delays without a random part.
func exact() tcretry.Option {
	b := tcretry.Backoff{Initial: time.Second, Max: time.Minute, Multiplier: 2, Jitter: tcretry.NoJitter}
	return tcretry.WithPolicy(tcretry.Policy{Codes: map[string]tcretry.Rule{"InternalError": {Backoff: b}, "ResourceInUse": {Backoff: b}}})
}

// played returns what is gathered after calls of every kind.
func played(t *testing.T, metrics *tcprom.Collector, registry prometheus.Gatherer) prometheus.Gatherer {
	var families []*dto.MetricFamily
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Script("DescribeInstances", tctest.OK(nil), tctest.Fail("InternalError.Db", "m"), tctest.OK(nil))
		api.Script("RunInstances", tctest.Fail("InvalidParameter", "bad"), tctest.GatewayError(502), tctest.DropAfterExecution())
		throttled := tctest.Throttle(tctest.WithCounts(21, 20))
		api.Script("StopInstances", throttled, throttled, tctest.OK(nil))
		api.Latency(func() time.Duration { return 30 * time.Millisecond })
		rt := tcretry.New(api, exact(), tcretry.WithHooks(metrics.Hooks()))
		require.NoError(t, metrics.Watch("default", rt))
		for _, action := range []string{
			"DescribeInstances", "DescribeInstances", "RunInstances", "RunInstances", "RunInstances", "StopInstances",
		} {
			call(t, rt, action)
		}
		var err error
		families, err = registry.Gather()
		require.NoError(t, err)
	})
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, nil })
}

// scrape gets what a Prometheus that asks for OpenMetrics would.
func scrape(t *testing.T, gatherer prometheus.Gatherer) string {
	t.Helper()
	server := httptest.NewServer(promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	require.NoError(t, err)
	req.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.True(t, strings.HasPrefix(resp.Header.Get("Content-Type"), "application/openmetrics-text"))
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(text)
}

// random are the values that follow from the random moments of a pacer.
var random = regexp.MustCompile(`\d+\.\d{5,}(e\+\d+)?`)

func TestAScrapeOverHTTPIsThatOfTheGoldenFile(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{DurationBuckets: []float64{10}, AttemptBuckets: []float64{1, 2}})
	text := random.ReplaceAllString(scrape(t, played(t, metrics, registry)), "#")
	for _, secret := range []string{"AKID", "SECRET"} {
		require.NotContains(t, text, secret)
	}
	if *update {
		require.NoError(t, os.WriteFile("testdata/scrape.txt", []byte(text), 0o644))
	}
	want, err := os.ReadFile("testdata/scrape.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), text, "if this is meant: go test -run %s -update", t.Name())
}

func TestAScrapeInTheClassicFormatWorksToo(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{})
	rt := tcretry.New(tctest.NewAPI(), tcretry.WithHooks(metrics.Hooks()))
	call(t, rt, "DescribeInstances")
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer server.Close()
	resp, err := server.Client().Get(server.URL)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), `tcretry_calls_total{action="DescribeInstances",region="ap-guangzhou",service="cvm",stop_reason="success"} 1`)
}

func TestThereIsNothingToLint(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{})
	problems, err := testutil.GatherAndLint(played(t, metrics, registry))
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestOneCollectorServesSeveralTransports(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{})
	for _, name := range []string{"reads", "writes"} {
		rt := tcretry.New(tctest.NewAPI(), tcretry.WithHooks(metrics.Hooks()))
		require.NoError(t, metrics.Watch(name, rt))
		call(t, rt, "DescribeInstances")
	}
	text := scrape(t, registry)
	require.Contains(t, text, `tcretry_calls_total{action="DescribeInstances",region="ap-guangzhou",service="cvm",stop_reason="success"} 2.0`)
	for _, name := range []string{"reads", "writes"} {
		require.Contains(t, text, `tcretry_budget_tokens{host="cvm.tencentcloudapi.com",transport="`+name+`"} 50.0`)
		require.Contains(t, text, `tcretry_ratelimit_keys{mode="open",transport="`+name+`"} 1.0`)
	}
}

func TestCollectorsWithConstantLabelsShareARegistry(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	for _, account := range []string{"a", "b"} {
		metrics, err := tcprom.NewCollector(tcprom.Options{Namespace: "cloud", ConstLabels: prometheus.Labels{"account": account}})
		require.NoError(t, err)
		require.NoError(t, registry.Register(metrics))
		rt := tcretry.New(tctest.NewAPI(), tcretry.WithHooks(metrics.Hooks()))
		require.NoError(t, metrics.Watch("default", rt))
		call(t, rt, "DescribeInstances")
	}
	text := scrape(t, registry)
	for _, account := range []string{"a", "b"} {
		require.Contains(t, text, `cloud_calls_total{account="`+account+`",action="DescribeInstances",region="ap-guangzhou",service="cvm",stop_reason="success"} 1.0`)
		require.Contains(t, text, `cloud_budget_tokens{account="`+account+`",host="cvm.tencentcloudapi.com",transport="default"} 50.0`)
	}
}

func TestCallsAreCountedWhileOthersScrape(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{})
	rt := tcretry.New(tctest.NewAPI(), tcretry.WithHooks(metrics.Hooks()))
	require.NoError(t, metrics.Watch("default", rt))
	done := make(chan struct{})
	for range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 50 {
				call(t, rt, "DescribeInstances")
			}
		}()
	}
	for range 10 {
		_, err := registry.Gather()
		require.NoError(t, err)
	}
	for range 4 {
		<-done
	}
	require.Contains(t, scrape(t, registry), `region="ap-guangzhou",service="cvm",stop_reason="success"} 200.0`)
}
