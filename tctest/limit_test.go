package tctest_test

import (
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tctest"
)

// offer sends n attempts, one per interval, and returns which were accepted: "+", or
// throttled: "-".
func offer(t *testing.T, api *tctest.API, n int, interval time.Duration) string {
	t.Helper()
	var got string
	for range n {
		if code(t, see(t, api, newRequest(t, "A", "{}"))) == "" {
			got += "+"
		} else {
			got += "-"
		}
		time.Sleep(interval)
	}
	return got
}

func TestRateLimit_acceptsSoManyPerSecond(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name  string
		kind  tctest.LimitKind
		start time.Duration // into the second
		n     int
		every time.Duration
		want  string
	}{
		{"fixed window, at the same time", tctest.FixedWindow, 0, 5, 0, "+++--"},
		{"fixed window, over the boundary", tctest.FixedWindow, 700 * ms, 6, 100 * ms, "++++++"},
		{"fixed window, a second and a half", tctest.FixedWindow, 0, 8, 200 * ms, "+++--+++"},
		{"sliding window, over the boundary", tctest.SlidingWindow, 700 * ms, 6, 100 * ms, "+++---"},
		{"sliding window, throttled ones count", tctest.SlidingWindow, 0, 10, 250 * ms, "+++-------"},
		{"sliding window, at its rate", tctest.SlidingWindow, 0, 8, 334 * ms, "++++++++"},
		{"token bucket, at the same time", tctest.TokenBucket, 0, 5, 0, "+++--"},
		{"token bucket, at its rate", tctest.TokenBucket, 0, 8, time.Second / 3, "++++++++"},
		{"token bucket, a little too early", tctest.TokenBucket, 0, 4, 332 * ms / 3, "+++-"},
		{"token bucket, too fast", tctest.TokenBucket, 0, 10, 250 * ms, "+++++++++-"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := tctest.NewAPI()
				api.RateLimit("A", 3, tt.kind)
				time.Sleep(tt.start)
				require.Equal(t, tt.want, offer(t, api, tt.n, tt.every))
			})
		})
	}
}

func TestRateLimit_tokenBucketRefillsForAtMostOneSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.RateLimit("A", 3, tctest.TokenBucket)
		require.Equal(t, "+++-", offer(t, api, 4, 0))
		time.Sleep(time.Minute)
		require.Equal(t, "+++-", offer(t, api, 4, 0))
	})
}

func TestRateLimit_slidingWindowForgetsAfterExactlyOneSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.RateLimit("A", 3, tctest.SlidingWindow)
		require.Equal(t, "+++", offer(t, api, 3, 0))
		time.Sleep(time.Second)
		require.Equal(t, "+++-", offer(t, api, 4, 0))
	})
}

func TestRateLimit_messageHasCountAndLimit(t *testing.T) {
	counts := regexp.MustCompile("`(\\d+)`.*`(\\d+)`")
	for _, kind := range []tctest.LimitKind{tctest.FixedWindow, tctest.SlidingWindow, tctest.TokenBucket} {
		for _, opts := range [][]tctest.ThrottleOption{nil, {tctest.Chinese(), tctest.WithCounts(1, 1)}} {
			synctest.Test(t, func(t *testing.T) {
				api := tctest.NewAPI()
				api.RateLimit("A", 2, kind, opts...)
				offer(t, api, 3, 0)
				got := see(t, api, newRequest(t, "A", "{}"))
				require.Equal(t, []string{"4", "2"}, counts.FindStringSubmatch(got.Body)[1:])
			})
		}
	}
}

// A token bucket throttles attempts of which the second has not so many.
func TestRateLimit_messageHasACountOverTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.RateLimit("A", 2, tctest.TokenBucket)
		time.Sleep(900 * time.Millisecond)
		require.Equal(t, "++", offer(t, api, 2, 0))
		time.Sleep(200 * time.Millisecond)
		require.Contains(t, see(t, api, newRequest(t, "A", "{}")).Body, "`3` in a second, which exceeds the frequency limit `2`")
	})
}

func TestRateLimit_options(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.RateLimit("A", 1, tctest.TokenBucket, tctest.SubCode("UinLimitExceeded"), tctest.WithoutCounts())
		see(t, api, newRequest(t, "A", "{}"))
		got := see(t, api, newRequest(t, "A", "{}"))
		require.Equal(t, "RequestLimitExceeded.UinLimitExceeded", code(t, got))
		require.NotContains(t, got.Body, "`")
	})
}

func TestRateLimit_throttledAttemptsConsumeNoReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Script("A", tctest.OK(nil), tctest.Status(299, "second"))
		api.RateLimit("A", 1, tctest.FixedWindow)
		require.Equal(t, "+---", offer(t, api, 4, 0))
		require.Equal(t, 1, api.Executions("A"))
		require.Equal(t, "RateLimit", api.Recorded()[3].Reply)
		time.Sleep(time.Second)
		require.Equal(t, 299, see(t, api, newRequest(t, "A", "{}")).Status)
	})
}

func TestRateLimit_countsByActionHostAndCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.RateLimit("", 1, tctest.FixedWindow)
		for _, target := range []struct{ action, host, secretID string }{
			{"A", "cvm.tencentcloudapi.com", ""},
			{"B", "cvm.tencentcloudapi.com", ""},
			{"A", "cvm.ap-guangzhou.tencentcloudapi.com", ""},
			{"A", "cvm.tencentcloudapi.com", "id"},
		} {
			for _, want := range []string{"", "RequestLimitExceeded"} {
				req := newRequest(t, target.action, "{}")
				req.Host = target.host
				req.Header.Set("Authorization", "TC3-HMAC-SHA256 Credential="+target.secretID+"/2000-01-01/cvm/tc3_request")
				require.Equal(t, want, code(t, see(t, api, req)), target)
			}
		}
	})
}

func TestRateLimit_mayChangeAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.RateLimit("A", 1, tctest.FixedWindow)
		require.Equal(t, "+-", offer(t, api, 2, 0))
		api.RateLimit("A", 4, tctest.FixedWindow)
		require.Equal(t, "++-", offer(t, api, 3, 0), "the count of the second is kept")
		api.RateLimit("A", 0, tctest.FixedWindow)
		require.Equal(t, "+++", offer(t, api, 3, 0))
	})
}
