package tcprom_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcprom"
)

// answered is what hooks are told of a call that was repeated once.
var (
	failedAttempt = tcretry.AttemptInfo{Operation: asked, Class: tcretry.Throttled, Code: "RequestLimitExceeded", Status: 200}
	answered      = tcretry.AttemptInfo{Operation: asked, Class: tcretry.Success, Status: 200}
	repeated      = tcretry.RetryInfo{Operation: asked, Class: tcretry.Throttled}
	done          = tcretry.CallInfo{
		Operation: asked, Attempts: 2, Reason: tcretry.StopSuccess, Duration: time.Second, Waited: time.Second, RateLimitWait: time.Second / 2,
	}
	asked = tcretry.Operation{Service: "cvm", Action: "DescribeInstances", Region: "ap-guangzhou", Host: "cvm.tencentcloudapi.com"}
)

func tell(hooks tcretry.Hooks) {
	ctx := context.Background()
	hooks.AttemptDone(ctx, failedAttempt)
	hooks.RetryScheduled(ctx, repeated)
	hooks.AttemptDone(ctx, answered)
	hooks.CallDone(ctx, done)
}

func TestACallWithKnownLabelsCostsNoAllocation(t *testing.T) {
	metrics, _ := newCollector(t, tcprom.Options{})
	hooks := metrics.Hooks()
	require.Zero(t, testing.AllocsPerRun(200, func() { tell(hooks) }))
}

func TestACallOfAFoldedTargetCostsNoAllocation(t *testing.T) {
	metrics, _ := newCollector(t, tcprom.Options{MaxTargets: 1, MaxFailures: 1})
	hooks := metrics.Hooks()
	hooks.AttemptDone(context.Background(), attempt("First", tcretry.Success, "", 200))
	hooks.AttemptDone(context.Background(), attempt("Second", tcretry.Terminal, "First", 200))
	require.Zero(t, testing.AllocsPerRun(200, func() { tell(hooks) }))
}

// BenchmarkHooks measures what one call, repeated once, costs in all its hooks.
func BenchmarkHooks(b *testing.B) {
	metrics, _ := newCollector(b, tcprom.Options{})
	hooks := metrics.Hooks()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			tell(hooks)
		}
	})
}

// BenchmarkRoundTrip measures calls that are answered at once out of memory,
// with a Collector and without.
func BenchmarkRoundTrip(b *testing.B) {
	metrics, _ := newCollector(b, tcprom.Options{})
	for name, opts := range map[string][]tcretry.Option{"bare": nil, "metrics": {tcretry.WithHooks(metrics.Hooks())}} {
		b.Run(name, func(b *testing.B) {
			rt := tcretry.New(memory{}, opts...)
			b.ReportAllocs()
			for b.Loop() {
				call(b, rt, "DescribeInstances")
			}
		})
	}
}

// memory answers every request at once.
type memory struct{}

func (memory) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Request: req,
		Body: io.NopCloser(strings.NewReader(`{"Response":{"RequestId":"r"}}`)), ContentLength: 30,
	}, nil
}
