package tcretry_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/require"
	"github.com/tcretry/tcretry"
)

func TestAnExplanationIsTextForPeople(t *testing.T) {
	p := tcretry.Policy{MaxAttempts: 14, Codes: map[string]tcretry.Rule{
		"ResourceInUse":     {MaxAttempts: 3},
		"cvm:ResourceInUse": {Backoff: tcretry.Backoff{Initial: 5 * time.Second, Max: 5 * time.Second, Jitter: tcretry.NoJitter}},
		"Mine":              {Class: tcretry.Busy, Backoff: tcretry.Backoff{New: func() backoff.BackOff { return nil }}},
		"InternalError":     {Class: tcretry.Terminal},
		"Once":              {Class: tcretry.Busy, MaxAttempts: 1},
		"Lost":              {Class: tcretry.Ambiguous, MaxAttempts: 2},
		"Fine":              {Class: tcretry.Success},
	}}
	for code, want := range map[string]string{
		"cvm:ResourceInUse.Any": `cvm:ResourceInUse.Any: busy
  reason    the resource is occupied, mostly by an operation in progress
  repeat    for every action, after longer waits: something is in progress or occupied
  rule      built in, family ResourceInUse
  policy    cvm:ResourceInUse, ResourceInUse
  attempts  3 at most, within 2m of the start of the call
  delays    5s, 5s`,
		"Mine.Any": `Mine.Any: busy
  reason    what it means is for the policy to say
  repeat    for every action, after longer waits: something is in progress or occupied
  rule      policy, rule "Mine"
  attempts  14 at most, within 2m of the start of the call
  delays    as Backoff.New makes them`,
		"InternalError": `InternalError: terminal
  reason  something failed inside the service; also what a backend that timed out looks like, so the operation may have happened
  repeat  no
  rule    policy, rule "InternalError"`,
		"Once": `Once: busy
  reason  what it means is for the policy to say
  repeat  no, one attempt is all that the policy allows
  rule    policy, rule "Once"`,
		"Lost": `Lost: ambiguous
  reason    what it means is for the policy to say
  repeat    only if that is harmless, as it is for a read or with a ClientToken: it may have been executed
  rule      policy, rule "Lost"
  attempts  2 at most, within 2m of the start of the call
  delays    0s to 200ms`,
		"Fine": `Fine: success
  reason  what it means is for the policy to say
  repeat  no, it is taken for a success
  rule    policy, rule "Fine"`,
		"FailedOperation.ServerBusy": `FailedOperation.ServerBusy: busy
  reason    documented as a failure that passes by itself
  repeat    for every action, after longer waits: something is in progress or occupied
  rule      built in, code FailedOperation.ServerBusy
  attempts  14 at most, within 2m of the start of the call
  delays    2s to 3s, 6s to 9s, 18s to 27s, 20s to 30s, 20s to 30s, 20s to 30s, 20s to 30s, 20s to 30s, 20s to 30s, 20s to 30s and so on
  products  ie`,
		"InternalError.Param": `InternalError.Param: terminal
  reason    documented as a failure that does not pass by itself
  repeat    no
  rule      policy, rule "InternalError"
  products  asr`,
		"No such: code": `No such: code: terminal
  reason  not known to pass by itself; a rule in the policy can say that it does
  repeat  no
  rule    none, terminal by default`,
	} {
		got := p.Explain(code)
		if code == "InternalError.Param" {
			got.Products = []string{"asr"} // they are for another test
		}
		require.Equal(t, want, got.String())
	}
}

func TestAnExplanationIsJSONForPrograms(t *testing.T) {
	text, err := json.Marshal(tcretry.Careful().Explain("cvm.RunInstances:InternalError.Test"))
	require.NoError(t, err)
	require.JSONEq(t, `{
		"code": "InternalError.Test", "service": "cvm", "action": "RunInstances", "class": "terminal",
		"rule": "built in, code InternalError.Test", "policyRules": ["InternalError"],
		"reason": "the alternative specification is sold out", "repeat": "no", "maxAttempts": 1
	}`, string(text))

	text, err = json.Marshal(tcretry.DelayRange{Min: time.Second, Max: 2 * time.Second})
	require.NoError(t, err)
	require.Equal(t, `{"min":"1s","max":"2s"}`, string(text))
}

func TestExplainedDelaysAreWithinMaxDelay(t *testing.T) {
	e := tcretry.Policy{MaxDelay: 2500 * time.Millisecond}.Explain("ResourceInUse")
	require.Equal(t, []tcretry.DelayRange{
		{Min: 2 * time.Second, Max: 2500 * time.Millisecond},
		{Min: 2500 * time.Millisecond, Max: 2500 * time.Millisecond},
		{Min: 2500 * time.Millisecond, Max: 2500 * time.Millisecond},
	}, e.Delays)
}

func TestAnExplanationTellsTheTimeOfARule(t *testing.T) {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{"ResourceInUse": {MaxElapsed: 10 * time.Minute}, "InternalError": {MaxAttempts: 30}}}
	require.Contains(t, p.Explain("ResourceInUse").String(), "attempts  any number within 10m of the start of the call")
	require.Contains(t, p.Explain("ResourceInUse").String(), " and so on")
	require.Contains(t, p.Explain("InternalError").String(), "attempts  30 at most\n")
	text, err := json.Marshal(p.Explain("ResourceInUse"))
	require.NoError(t, err)
	require.Contains(t, string(text), `"maxAttempts":0,`)
	require.Contains(t, string(text), `"maxElapsed":"10m"`)
}

func TestOneAttemptExplainsNoDelays(t *testing.T) {
	e := tcretry.Policy{MaxAttempts: 1}.Explain("InternalError")
	require.Equal(t, 1, e.MaxAttempts)
	require.Empty(t, e.Delays)
}

func TestTheTextOfAnExplanationCanBeShownWhateverTheCode(t *testing.T) {
	for _, code := range []string{"InternalError.\x1b[2J\n", "\xff:InternalError", "InternalError." + strings.Repeat("a.", 50000)} {
		requirePrintable(t, tcretry.Explain(code).String(), 1<<10, "\n")
	}
}

func TestExplainSaysWhichThrottlesThePacerPaces(t *testing.T) {
	for code, paced := range map[string]bool{
		"RequestLimitExceeded":                  true,
		"RequestLimitExceeded.UinLimitExceeded": true,
		"RequestLimitExceeded.NeverHeardOf":     false,
		"FailedOperation.RateLimitExceeded":     false,
	} {
		require.Equal(t, paced, strings.Contains(tcretry.Explain(code).Repeat, "at the pace of the quota"), code)
	}
}
