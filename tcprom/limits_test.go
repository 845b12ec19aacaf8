package tcprom_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcprom"
)

func attempt(action string, class tcretry.Class, code string, status int) tcretry.AttemptInfo {
	return tcretry.AttemptInfo{
		Operation: tcretry.Operation{Service: "cvm", Action: action, Region: "ap-guangzhou"},
		Class:     class, Code: code, Status: status, RequestID: "id-" + code,
	}
}

// series returns the number of series of a family.
func series(t *testing.T, registry prometheus.Gatherer, name string) int {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == name {
			return len(family.Metric)
		}
	}
	return 0
}

func TestTargetsBeyondTheLimitFoldIntoOther(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{MaxTargets: 2})
	hooks := metrics.Hooks()
	for i := range 10 {
		hooks.AttemptDone(context.Background(), attempt(fmt.Sprint("Action", i), tcretry.Success, "", 200))
	}
	text := scrape(t, registry)
	require.Contains(t, text, `tcretry_attempts_total{action="Action0",class="success",region="ap-guangzhou",service="cvm"} 1.0`)
	require.Contains(t, text, `tcretry_attempts_total{action="Action1",class="success",region="ap-guangzhou",service="cvm"} 1.0`)
	require.Contains(t, text, `tcretry_attempts_total{action="other",class="success",region="other",service="cvm"} 8.0`)
	require.Equal(t, 3, series(t, registry, "tcretry_attempts_total"))
}

func TestTheDefaultLimitsAreTheDocumentedOnes(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{})
	hooks := metrics.Hooks()
	for i := range 300 {
		hooks.AttemptDone(context.Background(), attempt("RunInstances", tcretry.Terminal, fmt.Sprint("Made.Up", i), 200))
	}
	require.Equal(t, 50+1, series(t, registry, "tcretry_failures_total"))
	for i := range 300 {
		hooks.AttemptDone(context.Background(), attempt(fmt.Sprint("Action", i), tcretry.Success, "", 200))
	}
	text := scrape(t, registry)
	require.Contains(t, text, `action="Action198"`, "RunInstances and 199 more")
	require.NotContains(t, text, `action="Action199"`)
	require.Contains(t, text, `tcretry_attempts_total{action="other",class="success",region="other",service="cvm"} 101.0`)
}

func TestFailuresBeyondTheLimitOfATargetFoldIntoOther(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{MaxFailures: 2})
	hooks := metrics.Hooks()
	for i := range 10 {
		hooks.AttemptDone(context.Background(), attempt("RunInstances", tcretry.Terminal, fmt.Sprint("Made.Up", i), 200))
	}
	hooks.AttemptDone(context.Background(), attempt("StopInstances", tcretry.Busy, "ResourceInUse", 200))
	text := scrape(t, registry)
	require.Contains(t, text, `tcretry_failures_total{action="RunInstances",class="terminal",code="Made.Up1",family="Made",region="ap-guangzhou",service="cvm",status="200"} 1.0`)
	require.Contains(t, text, `tcretry_failures_total{action="RunInstances",class="terminal",code="other",family="other",region="ap-guangzhou",service="cvm",status="other"} 8.0`)
	require.Contains(t, text, `tcretry_failures_total{action="StopInstances",class="busy",code="ResourceInUse",family="ResourceInUse",`, "each target has its own")
	require.Equal(t, 4, series(t, registry, "tcretry_failures_total"))
}

func TestWhateverIsAskedAndAnsweredTheSeriesAreBounded(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{MaxTargets: 5, MaxFailures: 5})
	hooks := metrics.Hooks()
	for i := range 3000 {
		info := attempt(fmt.Sprint("Action", i%40), tcretry.Terminal+tcretry.Class(i%5), fmt.Sprint("Code", i), i%1000)
		info.Service = fmt.Sprint("service", i%300)
		hooks.AttemptDone(context.Background(), info)
		hooks.RetryScheduled(context.Background(), tcretry.RetryInfo{Operation: info.Operation, Class: info.Class})
		hooks.CallDone(context.Background(), tcretry.CallInfo{
			Operation: info.Operation, Reason: tcretry.StopReason(1 + i%11), Waited: 3, RateLimitWait: 1, BudgetWait: 1,
		})
	}
	const targets, classes, reasons, kinds = 5 + 101, 5, 11, 3
	for name, most := range map[string]int{
		"tcretry_attempts_total": targets * classes, "tcretry_failures_total": targets * (5 + classes),
		"tcretry_retries_total": targets * classes, "tcretry_calls_total": targets * reasons,
		"tcretry_call_duration_seconds": targets, "tcretry_call_attempts": targets, "tcretry_call_wait_seconds": targets * kinds,
	} {
		n := series(t, registry, name)
		require.Positive(t, n, name)
		require.LessOrEqual(t, n, most, name)
	}
}

func TestAStatusThatIsNoneOfHTTPsIsOther(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{})
	hooks := metrics.Hooks()
	for _, status := range []int{599, 799, http.StatusBadGateway, 0} {
		hooks.AttemptDone(context.Background(), attempt("RunInstances", tcretry.Ambiguous, "", status))
	}
	text := scrape(t, registry)
	for label, count := range map[string]string{"other": "2.0", "502": "1.0", "": "1.0"} {
		require.Contains(t, text, `tcretry_failures_total{action="RunInstances",class="ambiguous",code="",family="",region="ap-guangzhou",service="cvm",status="`+label+`"} `+count)
	}
}

func TestAFailureHasItsRequestIDAsExemplarIfThatFits(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{})
	hooks := metrics.Hooks()
	for length, fits := range map[int]bool{36: true, 118: true, 119: false, 128: false} {
		info := attempt(fmt.Sprint("Action", length), tcretry.Transient, "InternalError", 200)
		info.RequestID = strings.Repeat("é", length)
		hooks.AttemptDone(context.Background(), info)
		hooks.CallDone(context.Background(), tcretry.CallInfo{
			Operation: info.Operation, RequestID: info.RequestID, Reason: tcretry.StopMaxAttempts, Duration: time.Second,
		})
		text := scrape(t, registry)
		require.Contains(t, text, fmt.Sprintf(`tcretry_failures_total{action="Action%d",`, length), "it is counted all the same")
		require.Contains(t, text, fmt.Sprintf(`tcretry_call_duration_seconds_count{action="Action%d",`, length))
		want := 0
		if fits {
			want = 2
		}
		require.Equal(t, want, strings.Count(text, fmt.Sprintf(`{request_id="%s"}`, info.RequestID)), length)
	}
}

func TestEachKindOfWaitThatACallHadIsObservedOnce(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{})
	target := tcretry.Operation{Service: "cvm", Action: "RunInstances", Region: "ap-guangzhou"}
	metrics.Hooks().CallDone(context.Background(), tcretry.CallInfo{
		Operation: target, Reason: tcretry.StopSuccess, Waited: 7 * time.Second, BudgetWait: 2 * time.Second, RateLimitWait: 4 * time.Second,
	})
	metrics.Hooks().CallDone(context.Background(), tcretry.CallInfo{Operation: target, Reason: tcretry.StopSuccess})
	text := scrape(t, registry)
	for kind, seconds := range map[string]string{"backoff": "1.0", "budget": "2.0", "rate_limit": "4.0"} {
		labels := `{action="RunInstances",kind="` + kind + `",region="ap-guangzhou",service="cvm"} `
		require.Contains(t, text, "tcretry_call_wait_seconds_sum"+labels+seconds)
		require.Contains(t, text, "tcretry_call_wait_seconds_count"+labels+"1\n")
	}
}

// What hooks are told is a part of the request's memory, which must be free when
// the call is over.
func TestACollectorKeepsNoMemoryOfARequest(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{MaxTargets: 1})
	for _, service := range []string{"aaa", "bbb"} { // told apart, and folded
		memory := []byte(service + "RunInstancesap-regionInternalError.DbID-1")
		text := unsafe.String(&memory[0], len(memory))
		metrics.Hooks().AttemptDone(context.Background(), tcretry.AttemptInfo{
			Operation: tcretry.Operation{Service: text[:3], Action: text[3:15], Region: text[15:24]},
			Class:     tcretry.Transient, Code: text[24:40], RequestID: text[40:], Status: 200,
		})
		clear(memory)
	}
	text := scrape(t, registry)
	require.Contains(t, text, `{action="RunInstances",class="transient",code="InternalError.Db",family="InternalError",region="ap-region",service="aaa",status="200"} 1.0 # {request_id="ID-1"}`)
	require.Contains(t, text, `{action="other",class="transient",code="InternalError.Db",family="InternalError",region="other",service="bbb",status="200"} 1.0 # {request_id="ID-1"}`)
}
