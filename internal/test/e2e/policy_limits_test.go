package e2e_test

import (
	"cmp"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tc3"
	"github.com/tcretry/tcretry/tctest"
)

const inOperating = "FailedOperation.ResourceInOperating"

// A load balancer that is being changed is busy for minutes.
func TestTheMaxAttemptsOfARuleOverrideThoseOfThePolicy(t *testing.T) {
	for name, row := range map[string]struct {
		policy   int
		rule     tcretry.Rule
		attempts int
	}{
		"above the default":            {0, tcretry.Rule{Class: tcretry.Busy, MaxAttempts: 30}, 30},
		"above a number of the policy": {5, tcretry.Rule{MaxAttempts: 30, Backoff: probe.Every(time.Second)}, 30},
		"below it":                     {5, tcretry.Rule{MaxAttempts: 2}, 2},
		"none":                         {5, tcretry.Rule{}, 5},
		"retries are off":              {1, tcretry.Rule{MaxAttempts: 30}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := tcretry.Policy{MaxAttempts: row.policy, Codes: map[string]tcretry.Rule{inOperating: row.rule}}
				events := probe.CallOf(t, p, probe.Always(tctest.Fail(inOperating, "")))
				require.Equal(t, row.attempts, events.Done[0].Attempts)
				require.Equal(t, tcretry.StopMaxAttempts, events.Done[0].Reason)
				require.Equal(t, row.attempts, p.Explain(inOperating).MaxAttempts)
			})
		})
	}
}

func TestARulesNumberIsThatOfItsCodeAndSubCodesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		// Three classes, and a delay of its own: three sequences, one number.
		api.Script("DescribeInstances", tctest.Fail("InternalError", ""), tctest.Fail("InternalError.ServerBusy", ""),
			tctest.Fail("InternalError.Mine", ""), tctest.OK(nil))
		events := probe.CallOf(t, tcretry.Policy{Codes: map[string]tcretry.Rule{
			"InternalError":      {MaxAttempts: 3},
			"InternalError.Mine": {Backoff: probe.Every(time.Second)},
		}}, api)
		require.Equal(t, 3, events.Done[0].Attempts)
	})
}

func TestOtherCodesKeepTheirAttemptsWhileOneIsBusyForMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		var replies []tctest.Reply
		for range 3 {
			replies = append(replies, tctest.Fail("InternalError", ""))
			for range 9 {
				replies = append(replies, tctest.Fail(inOperating, ""))
			}
		}
		api.Script("DescribeInstances", append(replies, tctest.OK(nil))...)
		events := probe.CallOf(t, tcretry.Policy{Codes: map[string]tcretry.Rule{inOperating: {MaxAttempts: 30}}}, api)
		require.Equal(t, 31, events.Done[0].Attempts)
		require.Equal(t, tcretry.StopSuccess, events.Done[0].Reason)
	})
}

func TestOneRuleIsEnoughToWaitTenMinutesForACode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := tcretry.Policy{Codes: map[string]tcretry.Rule{"ResourceInUse": {MaxElapsed: 10 * time.Minute}}}
		start := time.Now()
		api := tctest.NewAPI()
		api.Default(tctest.Func(func(tctest.Attempt) tctest.Reply {
			if time.Since(start) < 9*time.Minute {
				return tctest.Fail("ResourceInUse", "")
			}
			return tctest.OK(nil)
		}))
		events := probe.CallOf(t, p, api)
		require.Equal(t, tcretry.StopSuccess, events.Done[0].Reason)
		require.GreaterOrEqual(t, events.Done[0].Duration, 9*time.Minute)

		events = probe.CallOf(t, p, probe.Always(tctest.Fail("ResourceInUse", "")))
		require.Equal(t, tcretry.StopMaxElapsed, events.Done[0].Reason)
		require.Greater(t, events.Done[0].Duration, 9*time.Minute+30*time.Second-time.Second)
		require.LessOrEqual(t, events.Done[0].Duration, 10*time.Minute)
	})
}

func TestWhatFailsInPassingDuringALongWaitIsRetriedAsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		api := tctest.NewAPI()
		api.Default(tctest.Func(func(tctest.Attempt) tctest.Reply {
			if time.Since(start) < 5*time.Minute {
				return tctest.Fail("ResourceInUse", "")
			}
			return tctest.Fail("InternalError", "")
		}))
		events := probe.CallOf(t, tcretry.Policy{Codes: map[string]tcretry.Rule{"ResourceInUse": {MaxElapsed: 10 * time.Minute}}}, api)
		require.Equal(t, "InternalError", events.Done[0].Code)
		require.Equal(t, tcretry.StopMaxAttempts, events.Done[0].Reason)
		last := events.Attempts[len(events.Attempts)-4:]
		require.Equal(t, "InternalError", last[0].Code, "four attempts end with it, five minutes after the start")
	})
}

func TestAShorterTimeOfARuleIsAboutItsOwnCode(t *testing.T) {
	p := tcretry.Policy{MaxAttempts: 20, Codes: map[string]tcretry.Rule{
		"InternalError": {MaxElapsed: 10 * time.Second, Backoff: probe.Every(3 * time.Second)},
		"ResourceInUse": {Backoff: probe.Every(3 * time.Second)},
	}}
	for code, want := range map[string]int{"InternalError": 4, "ResourceInUse": 20} {
		synctest.Test(t, func(t *testing.T) {
			require.Equal(t, want, probe.CallOf(t, p, probe.Always(tctest.Fail(code, ""))).Done[0].Attempts, code)
		})
	}
}

// The longest time of a policy does not outlast what the caller allows, nor a
// signature that is made outside.
func TestTheDeadlineAndASignatureEndALongWaitSooner(t *testing.T) {
	wait := tcretry.Policy{Codes: map[string]tcretry.Rule{"ResourceInUse": {MaxElapsed: 10 * time.Minute}}}
	key := tc3.Credentials{SecretID: "AKIDEXAMPLE", SecretKey: "SKEXAMPLE"}
	for name, row := range map[string]struct {
		deadline time.Duration
		signed   bool // outside
		below    bool // inside, each attempt anew
		reason   tcretry.StopReason
		most     time.Duration
	}{
		"deadline":                   {deadline: time.Minute, reason: tcretry.StopDeadlineExceeded, most: time.Minute},
		"signature made outside":     {signed: true, reason: tcretry.StopSignatureExpired, most: 5 * time.Minute},
		"signature made anew below":  {signed: true, below: true, reason: tcretry.StopMaxElapsed, most: 10 * time.Minute},
		"none of them, by the rule":  {reason: tcretry.StopMaxElapsed, most: 10 * time.Minute},
		"deadline after all of them": {deadline: time.Hour, reason: tcretry.StopMaxElapsed, most: 10 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(row.deadline, 24*time.Hour))
			defer cancel()
			var events probe.Events
			opts := []tcretry.Option{tcretry.WithPolicy(wait), tcretry.WithHooks(events.Hooks())}
			api := probe.Always(tctest.Fail("ResourceInUse", ""))
			rt := tcretry.New(api, opts...)
			if row.below {
				rt = tcretry.New(&tc3.Transport{Source: tc3.Static(key), Base: api}, opts...)
			}
			req := probe.SDKRequest(t, "DescribeInstances", strings.NewReader("{}")).WithContext(ctx)
			if row.signed {
				req.Header.Set("X-TC-Timestamp", probe.Timestamp(time.Now()))
				req.Header.Set("Authorization", "TC3-HMAC-SHA256 Credential=OTHER/2000-01-01/cvm/tc3_request, …")
			}
			_, err := rt.RoundTrip(req)
			require.NoError(t, err)
			require.Equal(t, row.reason, events.Done[0].Reason, name)
			require.LessOrEqual(t, events.Done[0].Duration, row.most, name)
			require.Greater(t, events.Done[0].Duration, row.most-41*time.Second, name) // a delay, and the margin of a signature
		})
	}
}
