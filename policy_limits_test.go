package tcretry_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tctest"
)

// perSecond are policies with a limit for the action of the calls below.
func perSecond(n int) tcretry.Policy {
	return tcretry.Policy{Limits: map[string]int{"cvm": 1000, "cvm.DescribeInstances": n}}
}

// callsAtOnce makes n calls at once and returns how long they take.
func callsAtOnce(t *testing.T, rt *tcretry.Transport, action string, n int) time.Duration {
	t.Helper()
	start := time.Now()
	done := make(chan error, n)
	for range n {
		go func() {
			resp, err := rt.RoundTrip(probe.SDKRequest(t, action, strings.NewReader("{}")))
			if err == nil {
				err = errors.Join(tcretry.CheckResponse(resp), resp.Body.Close())
			}
			done <- err
		}()
	}
	for range n {
		require.NoError(t, <-done)
	}
	return time.Since(start)
}

func TestPolicyLimits_limitAnActionFromItsFirstCallOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		rt := tcretry.New(api, tcretry.WithPolicy(perSecond(5)))
		require.InDelta(t, 2.0, callsAtOnce(t, rt, "DescribeInstances", 15).Seconds(), 0.1)
		require.Zero(t, callsAtOnce(t, rt, "DescribeZones", 15))
		require.Len(t, api.Recorded(), 30, "none was throttled")
		states := rt.RateLimits()
		require.Equal(t, 5, states[0].Configured)
		require.Equal(t, 1000, states[1].Configured, "the limit of the service")

		require.NoError(t, rt.SetPolicy(perSecond(50)))
		time.Sleep(2 * time.Second)
		require.Zero(t, callsAtOnce(t, rt, "DescribeInstances", 50))
		require.NoError(t, rt.SetPolicy(tcretry.Policy{}))
		require.Zero(t, rt.RateLimits()[0].Configured)
	})
}

func TestPolicyLimits_useTheServiceOfTheOptionForOtherHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := tcretry.New(tctest.NewAPI(), tcretry.WithService("cvm"), tcretry.WithPolicy(perSecond(5)))
		req := probe.SDKRequest(t, "DescribeInstances", nil)
		req.URL.Host, req.Host = "gateway.local", "gateway.local"
		resp, err := rt.RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 5, rt.RateLimits()[0].Configured)
	})
}

func TestPolicyLimits_areAnErrorWhereTheyHaveNoEffect(t *testing.T) {
	_, err := tcretry.NewTransport(nil, tcretry.WithoutRateLimiter(), tcretry.WithPolicy(perSecond(5)))
	const noLimiter = "tcretry: policy: Limits: want a Transport whose rate limiter has SetLimits, as ratelimit.Adaptive has"
	require.EqualError(t, err, "tcretry: WithPolicy: "+strings.TrimPrefix(noLimiter, "tcretry: "))
	rt := tcretry.New(nil, tcretry.WithoutRateLimiter())
	require.EqualError(t, rt.SetPolicy(perSecond(5)), noLimiter)
	require.NoError(t, rt.SetPolicy(tcretry.Policy{MaxAttempts: 2}))

	ctx := tcretry.ContextWithPolicy(t.Context(), perSecond(5))
	_, err = tcretry.New(tctest.NewAPI()).RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil).WithContext(ctx))
	require.ErrorContains(t, err, "policy: Limits: they concern a Transport: use WithPolicy or SetPolicy")
}

// A policy without limits leaves those of the program as they are.
func TestPolicyLimits_doNotRemoveThoseOfTheLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := new(ratelimit.Adaptive)
		limiter.SetLimits(func(ratelimit.Key) int { return 7 })
		rt := tcretry.New(tctest.NewAPI(), tcretry.WithRateLimiter(limiter))
		require.NoError(t, rt.SetPolicy(tcretry.Policy{MaxAttempts: 2}))
		callsAtOnce(t, rt, "DescribeInstances", 1)
		require.Equal(t, 7, rt.RateLimits()[0].Configured)

		require.NoError(t, rt.SetPolicy(tcretry.Policy{Limits: map[string]int{"cvm": 9}}))
		require.Equal(t, 9, rt.RateLimits()[0].Configured)
		require.NoError(t, rt.SetPolicy(tcretry.Policy{}))
		require.Zero(t, rt.RateLimits()[0].Configured)
		limiter.SetLimits(func(ratelimit.Key) int { return 8 })
		require.NoError(t, rt.SetPolicy(tcretry.Policy{}))
		require.Equal(t, 8, rt.RateLimits()[0].Configured, "they were set after those of the policy")
	})
}

func TestPolicyLimits_areReadAndWrittenAsJSON(t *testing.T) {
	const text = `{"limits":{"cvm":10,"cvm.DescribeInstances":20}}`
	p, err := tcretry.ParsePolicy(strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, map[string]int{"cvm": 10, "cvm.DescribeInstances": 20}, p.Limits)
	written, err := json.Marshal(p)
	require.NoError(t, err)
	require.JSONEq(t, text, string(written))

	_, err = tcretry.ParsePolicy(strings.NewReader(`{"limits": {"CVM": 1, "cvm.": 1, "cvm": 0, "vpc": "9", "cbs": 70000}}`))
	const form = `want a service in lower case such as "cvm", or service and action such as "cvm.DescribeInstances"`
	require.ElementsMatch(t, []string{
		`limits["vpc"]: "9": want a whole number`, `limits["CVM"]: ` + form, `limits["cvm."]: ` + form,
		`limits["cvm"]: 0: want 1 to 65536 requests per second`, `limits["cbs"]: 70000: want 1 to 65536 requests per second`,
	}, lines(t, err))
}

func TestLintWarnsOfLimitsOfUnknownActions(t *testing.T) {
	p := tcretry.Policy{Limits: map[string]int{"cmv": 10, "cvm.RunInstance": 10, "cvm.DescribeInstances": 20}}
	var found []string
	for _, w := range p.Lint() {
		found = append(found, w.String())
	}
	require.Equal(t, []string{
		`Limits["cmv"]: unknown service "cmv"; did you mean "cvm"?`,
		`Limits["cvm.RunInstance"]: unknown action "RunInstance" of cvm; did you mean "RunInstances"?`,
	}, found)
}
