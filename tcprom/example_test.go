package tcprom_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcprom"
	"github.com/tcretry/tcretry/tctest"
)

func ExampleNewCollector() {
	metrics, err := tcprom.NewCollector(tcprom.Options{ConstLabels: prometheus.Labels{"account": "test"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)
	transport := tcretry.New(tctest.NewAPI(), tcretry.WithHooks(metrics.Hooks()))
	if err := metrics.Watch("default", transport); err != nil {
		fmt.Println(err)
		return
	}

	resp, err := (&http.Client{Transport: transport}).Get("https://cvm.tencentcloudapi.com/?Action=DescribeZones&Region=ap-guangzhou")
	if err == nil {
		resp.Body.Close()
	}

	handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
	page := httptest.NewRecorder()
	handler.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for lines := bufio.NewScanner(page.Body); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "tcretry_calls_total") || strings.HasPrefix(lines.Text(), "tcretry_budget_tokens") {
			fmt.Println(lines.Text())
		}
	}
	// Output:
	// tcretry_budget_tokens{account="test",host="cvm.tencentcloudapi.com",transport="default"} 50
	// tcretry_calls_total{account="test",action="DescribeZones",region="ap-guangzhou",service="cvm",stop_reason="success"} 1
}
