package tcretry_test

import (
	"encoding/json"
	"fmt"
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
	var text strings.Builder
	for _, code := range []string{
		"cvm:ResourceInUse.Any", "Mine.Any", "InternalError", "InternalError.Param", "Once", "Lost", "Fine",
		"FailedOperation.ServerBusy", "InternalError.CvmCommon", "No such: code", "internalerror",
		"RequestLimitExceeded", "ResourceInUse", "429", "502", "404", "4400", "4100", "5000", "EOF",
		`Post "https://cvm.tencentcloudapi.com/": dial tcp: lookup cvm.tencentcloudapi.com: no such host`,
	} {
		fmt.Fprintln(&text, p.Explain(code))
	}
	for _, code := range []string{"InternalError", "RequestLimitExceeded.RotateRateLimited", "certificate"} {
		fmt.Fprintln(&text, tcretry.Explain(code))
	}
	requireGolden(t, "explain.txt", text.String())
}

func TestAnExplanationIsJSONForPrograms(t *testing.T) {
	text, err := json.Marshal(tcretry.ConservativePolicy().Explain("cvm.RunInstances:InternalError.Test"))
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
	require.Contains(t, p.Explain("ResourceInUse").String(), "attempts  any number, within 10m of the start of the call")
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
		"RequestLimitExceeded":                    true,
		"RequestLimitExceeded.UinLimitExceeded":   true,
		"RequestLimitExceeded.NeverHeardOf":       true,
		"FailedOperation.RateLimitExceeded":       true,
		"InvalidParameter.OperationIsTooFrequent": false, // for a minute
	} {
		require.Equal(t, paced, strings.Contains(tcretry.Explain(code).Retry, "at the learned rate limit"), code)
	}
}
