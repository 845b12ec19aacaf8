package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

// TestCallsObeyTheRules shows by calls what the examples show by Explain.
func TestCallsObeyTheRules(t *testing.T) {
	const s = time.Second
	constant := tcretry.Backoff{Initial: s, Max: s, Multiplier: 1, Jitter: tcretry.NoJitter}
	fail := func(code string) tctest.Reply { return tctest.Fail(code, "") }
	internal, throttled, minute := fail("InternalError"), tctest.Throttle(), fail("InvalidParameter.OperationIsTooFrequent")

	rows := []struct {
		name     string
		action   string
		rules    map[string]tcretry.Rule
		bound    time.Duration // MaxDelay
		replies  []tctest.Reply
		attempts int
		delays   []time.Duration // not compared if nil
		reason   tcretry.StopReason
	}{
		{
			name: "two throttles and one InternalError use two sequences and two limits",
			rules: map[string]tcretry.Rule{
				"RequestLimitExceeded": {MaxAttempts: 3, Backoff: tcretry.Backoff{Initial: s, Max: 9 * s, Multiplier: 2, Jitter: tcretry.NoJitter}},
				"InternalError":        {MaxAttempts: 2, Backoff: tcretry.Backoff{Initial: 5 * s, Max: 5 * s, Jitter: tcretry.NoJitter}},
			},
			replies:  []tctest.Reply{throttled, internal, throttled, tctest.OK(nil)},
			attempts: 4, delays: []time.Duration{s, 5 * s, 2 * s}, reason: tcretry.StopSuccess,
		},
		{
			name:     "the second InternalError is the last, whatever else came between",
			rules:    map[string]tcretry.Rule{"InternalError": {MaxAttempts: 2, Backoff: constant}, "RequestLimitExceeded": {Backoff: constant}},
			replies:  []tctest.Reply{internal, throttled, internal},
			attempts: 3, delays: []time.Duration{s, s}, reason: tcretry.StopMaxAttempts,
		},
		{
			name: "a time that is that of the policy restricts nothing, as lint warns",
			rules: map[string]tcretry.Rule{
				"ResourceInUse": {MaxElapsed: 10 * time.Minute, Backoff: probe.Every(90 * s)},
				"InternalError": {MaxElapsed: 2 * time.Minute, Backoff: constant},
			},
			bound: 2 * time.Minute, replies: []tctest.Reply{fail("ResourceInUse"), fail("ResourceInUse"), internal, tctest.OK(nil)},
			attempts: 4, delays: []time.Duration{90 * s, 90 * s, s}, reason: tcretry.StopSuccess,
		},
		{
			name:    "a default turned off",
			rules:   map[string]tcretry.Rule{"InternalError": {Class: tcretry.Terminal}},
			replies: []tctest.Reply{fail("InternalError.ServerBusy")}, attempts: 1, reason: tcretry.StopTerminal,
		},
		{
			name:    "another code turned on",
			rules:   map[string]tcretry.Rule{"ServiceUnavailable": {Class: tcretry.Transient, Backoff: constant}},
			replies: []tctest.Reply{fail("ServiceUnavailable"), tctest.OK(nil)}, attempts: 2,
			delays: []time.Duration{s}, reason: tcretry.StopSuccess,
		},
		{
			name:   "no InternalError repeated for writes",
			action: "RunInstances", rules: tcretry.ConservativePolicy().Codes,
			replies: []tctest.Reply{internal}, attempts: 1, reason: tcretry.StopNotIdempotent,
		},
		{
			name:    "but for reads",
			rules:   tcretry.ConservativePolicy().Codes,
			replies: []tctest.Reply{internal, tctest.OK(nil)}, attempts: 2, reason: tcretry.StopSuccess,
		},
		{
			name:    "a rule for the request's service",
			rules:   map[string]tcretry.Rule{"cvm:ResourceInUse": {Class: tcretry.Terminal}},
			replies: []tctest.Reply{fail("ResourceInUse")}, attempts: 1, reason: tcretry.StopTerminal,
		},
		{
			name:    "a rule for another service",
			rules:   map[string]tcretry.Rule{"vpc:ResourceInUse": {Class: tcretry.Terminal}},
			replies: []tctest.Reply{fail("ResourceInUse"), tctest.OK(nil)}, attempts: 2, reason: tcretry.StopSuccess,
		},
		{
			name:   "a rule for the request's action",
			action: "RunInstances", rules: map[string]tcretry.Rule{"cvm.RunInstances:InternalError": {Class: tcretry.Terminal}},
			replies: []tctest.Reply{internal}, attempts: 1, reason: tcretry.StopTerminal,
		},
		{
			name:    "a rule for another action",
			rules:   map[string]tcretry.Rule{"cvm.RunInstances:InternalError": {Class: tcretry.Terminal}},
			replies: []tctest.Reply{internal, tctest.OK(nil)}, attempts: 2, reason: tcretry.StopSuccess,
		},
		{
			name: "a sequence of one's own, whose Stop ends the call",
			rules: map[string]tcretry.Rule{"InternalError": {Backoff: tcretry.Backoff{New: func() backoff.BackOff {
				return backoff.WithMaxRetries(backoff.NewConstantBackOff(3*s), 1)
			}}}},
			replies: []tctest.Reply{internal, internal}, attempts: 2, delays: []time.Duration{3 * s}, reason: tcretry.StopMaxAttempts,
		},
		{
			name: "a documented wait that MaxDelay does not allow", bound: 30 * s,
			replies: []tctest.Reply{minute}, attempts: 1, reason: tcretry.StopRetryAfterTooLong,
		},
		{
			name: "a documented wait that it does", bound: time.Minute,
			replies: []tctest.Reply{minute, tctest.OK(nil)}, attempts: 2,
			delays: []time.Duration{time.Minute}, reason: tcretry.StopSuccess,
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if row.action == "" {
					row.action = "DescribeInstances"
				}
				api := tctest.NewAPI()
				api.Script(row.action, row.replies...)
				policy := tcretry.Policy{MaxDelay: row.bound, Codes: row.rules}
				var events probe.Events
				rt := tcretry.New(api, tcretry.WithPolicy(policy), tcretry.WithHooks(events.Hooks()))
				_, err := rt.RoundTrip(probe.SDKRequest(t, row.action, strings.NewReader(`{}`)))
				require.NoError(t, err)
				require.Len(t, events.Attempts, row.attempts)
				require.Equal(t, row.reason, events.Done[0].Reason)
				if row.delays != nil {
					require.Equal(t, row.delays, events.Delays())
				}
			})
		})
	}
}

func TestACallInFlightKeepsItsPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := probe.Always(tctest.Fail("InternalError", ""))
		rt := tcretry.New(api, tcretry.WithPolicy(probe.Exact()))
		time.AfterFunc(500*time.Millisecond, func() {
			if err := rt.SetPolicy(tcretry.Policy{MaxAttempts: 1}); err != nil {
				t.Error(err)
			}
		})
		for _, want := range []int{4, 5} {
			resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, resp.StatusCode)
			require.Len(t, api.Recorded(), want, "four attempts of the first call, one of the second")
		}
	})
}

func TestThePolicyOfOneCallReplacesTheTransports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := probe.Always(tctest.Fail("InternalError", ""))
		rt := tcretry.New(api, tcretry.WithPolicy(probe.Exact()))
		ctx := tcretry.ContextWithPolicy(t.Context(), tcretry.Policy{MaxAttempts: 2})
		_, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil).WithContext(ctx))
		require.NoError(t, err)
		require.Len(t, api.Recorded(), 2)
	})
}

func TestACallWithAnInvalidPolicyMakesNoAttempt(t *testing.T) {
	api := tctest.NewAPI()
	var events probe.Events
	rt := tcretry.New(api, tcretry.WithHooks(events.Hooks()))
	bad := tcretry.Policy{MaxAttempts: -3}
	body := &probe.CloseCounter{Reader: strings.NewReader("{}")}
	req := probe.SDKRequest(t, "DescribeInstances", body).WithContext(tcretry.ContextWithPolicy(t.Context(), bad))
	_, err := rt.RoundTrip(req)
	require.EqualError(t, err, "tcretry: DescribeInstances: giving up after 0 attempts (terminal): policy: MaxAttempts: -3: want 0, which means the default, or more")
	require.Empty(t, api.Recorded())
	require.Equal(t, 1, body.Closed)
	require.Equal(t, tcretry.StopTerminal, events.Done[0].Reason)
	require.Error(t, rt.SetPolicy(bad))
}
