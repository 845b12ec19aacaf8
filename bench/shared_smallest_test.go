package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/bench/scene"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tctest"
)

// The smallest scenes in which a rate limiter once did harm that plain exponential
// backoff does not.

func TestABurstOfOthersJustBeforeOursCostsAboutItsLength(t *testing.T) {
	for _, others := range []int{50, 100, 200} {
		for seed := uint64(1); seed <= 5; seed++ {
			s := scene.BurstOfOthers(others, seed)
			out := s.Play(t, seeded(false, 100*seed))
			require.Zero(t, out.Failed, "%d others, seed %d: %v", others, seed, out.Errs)
			t.Logf("%d others, seed %d: %v over the optimum", others, seed, out.Completion-out.Best)
			require.LessOrEqual(t, out.Completion, out.Best+4500*time.Millisecond, "%d others, seed %d", others, seed)
		}
	}
}

func TestNoCallOfFiftyUncoordinatedProcessesFails(t *testing.T) {
	for seed := uint64(1); seed <= 2; seed++ {
		s := scene.Shared{Seed: seed, Limit: 20, OneWay: 10 * time.Millisecond, Processes: 50, Workers: 1, Calls: 1000, Load: "1 worker each", Neighbor: "nobody"}
		out := s.Play(t, seeded(false, 1000*seed))
		require.Zero(t, out.Failed, "seed %d: %v", seed, out.Errs)
		require.Equal(t, 1000, out.Attempts-out.Throttled)
	}
}

// strayHosts take the calls that follow a stray throttling response.
var strayHosts = []string{"cvm", "vpc", "cbs"}

// stray makes 201 sequential calls of 30 ms, the first attempt of which is throttled,
// though there is no limit, and returns how long they take. With spread, each call has
// another action and host than the one before.
func stray(t *testing.T, seed uint64, spread bool, throttle tctest.Reply) time.Duration {
	t.Helper()
	api := tctest.NewAPI()
	api.Latency(func() time.Duration { return 30 * time.Millisecond })
	api.Script("DescribeInstances", throttle)
	rt := tcretry.New(api, tcretry.WithRateLimiter(&ratelimit.Adaptive{Seed: seed}))
	start := time.Now()
	for i := range 201 {
		host, action := strayHosts[0], "DescribeInstances"
		if spread && i > 0 {
			host, action = strayHosts[i%3], fmt.Sprintf("DescribeThings%d", i%5)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+host+".tencentcloudapi.com/", strings.NewReader("{}"))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-TC-Action", action)
		resp, err := rt.RoundTrip(req)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.NoError(t, tcretry.CheckResponse(resp))
		require.NoError(t, resp.Body.Close())
	}
	return time.Since(start)
}

func TestAStrayThrottlingResponseCostsASequentialProgramLittle(t *testing.T) {
	for _, code := range []string{"", "UinLimitExceeded", "IPLimitExceeded", "GlobalRegionUinLimitExceeded"} {
		for _, wording := range []struct {
			name string
			opts []tctest.ThrottleOption
		}{
			{"a count of us alone", []tctest.ThrottleOption{tctest.WithCounts(21, 20)}},
			{"a count of many", []tctest.ThrottleOption{tctest.WithCounts(400, 20)}},
			{"Chinese", []tctest.ThrottleOption{tctest.WithCounts(21, 20), tctest.Chinese()}},
			{"no numbers", []tctest.ThrottleOption{tctest.WithoutCounts()}},
		} {
			for _, spread := range []bool{false, true} {
				if spread && code != "IPLimitExceeded" && code != "GlobalRegionUinLimitExceeded" {
					continue
				}
				t.Run(fmt.Sprintf("%s, %s, other actions %v", code, wording.name, spread), func(t *testing.T) {
					for seed := uint64(1); seed <= 5; seed++ {
						synctest.Test(t, func(t *testing.T) {
							took := stray(t, seed, spread, tctest.Throttle(append(wording.opts, tctest.SubCode(code))...))
							t.Logf("seed %d: %v", seed, took)
							require.LessOrEqual(t, took, 8*time.Second, "seed %d", seed)
						})
					}
				})
			}
		}
	}
}
