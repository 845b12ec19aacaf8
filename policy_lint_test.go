package tcretry_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

// warningsOf returns the warnings of a policy in JSON, each with its path there.
func warningsOf(t *testing.T, text string) []string {
	t.Helper()
	p, err := tcretry.ParsePolicy(strings.NewReader(text))
	require.NoError(t, err)
	all := []string{}
	for _, w := range p.Lint() {
		all = append(all, w.InJSON().String())
	}
	return all
}

func TestLintWarnsOfRulesWithoutEffect(t *testing.T) {
	for text, want := range map[string]string{
		`{"ServiceUnavailable": {"maxAttempts": 3}}`:                                                 `codes["ServiceUnavailable"].maxAttempts: 3: has no effect: ServiceUnavailable is terminal, which is not retried; a Class turns retries on`,
		`{"cvm:ServiceUnavailable": {"maxElapsed": "3m"}}`:                                           `codes["cvm:ServiceUnavailable"].maxElapsed: 3m0s: has no effect: ServiceUnavailable is terminal, which is not retried; a Class turns retries on`,
		`{"ServiceUnavailable": {"class": "terminal"}}`:                                              `codes["ServiceUnavailable"].class: terminal: has no effect: ServiceUnavailable is terminal without it`,
		`{"InternalError.New": {"class": "transient"}}`:                                              `codes["InternalError.New"].class: transient: has no effect: InternalError.New is transient without it`,
		`{"ResourceInUse": {}}`:                                                                      `codes["ResourceInUse"]: has no effect: the rule is empty`,
		`{"ResourceInUse": {"maxAttempts": 4}}`:                                                      `codes["ResourceInUse"].maxAttempts: 4: has no effect: ResourceInUse is treated the same without it`,
		`{"UnsupportedRegion": {"class": "success", "backoff": {"initial": "1s"}}}`:                  `codes["UnsupportedRegion"].backoff.initial: 1s: has no effect: UnsupportedRegion is success, which is not retried; a Class turns retries on`,
		`{"UnsupportedRegion": {"class": "ambiguous", "idempotentOnly": true}}`:                      `codes["UnsupportedRegion"].idempotentOnly: true: has no effect: ambiguous outcomes are retried for idempotent requests only`,
		`{"ResourceInUse": {"maxAttempts": 1, "idempotentOnly": true}}`:                              `codes["ResourceInUse"].idempotentOnly: true: has no effect: MaxAttempts 1 of the rule turns retries off`,
		`{"InternalError": {"idempotentOnly": true}, "cvm:InternalError": {"idempotentOnly": true}}`: `codes["cvm:InternalError"].idempotentOnly: true: has no effect: cvm:InternalError is treated the same without it`,
		`{"InternalError": {"class": "terminal"}, "InternalError.New": {"maxAttempts": 2}}`:          `codes["InternalError.New"].maxAttempts: 2: has no effect: InternalError.New is terminal, which is not retried; a Class turns retries on`,

		// These do something, if only for sub-codes that are documented or named.
		`{"FailedOperation": {"maxAttempts": 3}}`:                                        "",
		`{"NoEntry.Yet": {}}`:                                                            `codes["NoEntry.Yet"]: unknown code "NoEntry.Yet": no family "NoEntry" is documented` + "\n" + `codes["NoEntry.Yet"]: has no effect: the rule is empty`,
		`{"InternalError": {"class": "terminal"}}`:                                       "",
		`{"InternalError.CvmCommon": {"class": "transient"}}`:                            "",
		`{"InternalError.CvmCommon": {"idempotentOnly": true}}`:                          `codes["InternalError.CvmCommon"].idempotentOnly: true: has no effect: InternalError.CvmCommon is treated the same without it`,
		`{"UnsupportedOperation.Mine": {"class": "busy", "maxAttempts": 3}}`:             "",
		`{"FailedOperation.ResourceInOperating": {"class": "busy", "maxAttempts": 30}}`:  "", // the class documents the rule
		`{"ResourceInUse": {"maxAttempts": 2}, "vpc:ResourceInUse": {"maxAttempts": 4}}`: "",
	} {
		require.Equal(t, want, strings.Join(warningsOf(t, `{"codes": `+text+`}`), "\n"), text)
	}
	require.Equal(t, []string{`codes["InternalError"].maxAttempts: 3: has no effect: MaxAttempts 1 of the policy turns retries off`},
		warningsOf(t, `{"maxAttempts": 1, "codes": {"InternalError": {"maxAttempts": 3}}}`))
}

func TestLintWarnsOfUnknownNames(t *testing.T) {
	for key, want := range map[string]string{
		"Internalerror":                   `unknown code "Internalerror": no family "Internalerror" is documented; did you mean "InternalError"?`,
		"cvm:InternalErorr":               `unknown code "InternalErorr": no family "InternalErorr" is documented; did you mean "InternalError"?`,
		"InternalErorr.New":               `unknown code "InternalErorr.New": no family "InternalErorr" is documented; did you mean "InternalError.New"?`,
		"FailedOperation.ServerBussy":     `unknown code "FailedOperation.ServerBussy"; did you mean "FailedOperation.ServerBusy"?`,
		"Nosuch.Code":                     `unknown code "Nosuch.Code": no family "Nosuch" is documented`,
		"cmv:InternalError":               `unknown service "cmv"; did you mean "cvm"?`,
		"nosuchservice:InternalError":     `unknown service "nosuchservice"`,
		"cvm.RunInstance:InternalError":   `unknown action "RunInstance" of cvm; did you mean "RunInstances"?`,
		"cvm.runInstances:InternalError":  `unknown action "runInstances" of cvm; did you mean "RunInstances"?`,
		"cvm.RunInstances:InternalError":  "",
		"cvm.NoTokenAction:InternalError": "", // products add actions
		"sts:InternalError":               "",
		"FailedOperation.NewOfAProduct":   "",
		"InvalidParameterValue":           "",
	} {
		got := []string{}
		for _, w := range (tcretry.Policy{Codes: map[string]tcretry.Rule{key: {Class: tcretry.Busy, MaxAttempts: 2}}}).Lint() {
			require.Equal(t, `Codes["`+key+`"]`, w.Path)
			got = append(got, strings.TrimPrefix(w.String(), w.Path+": "))
		}
		require.Equal(t, want, strings.Join(got, "\n"), key)
	}
}

func TestLintWarnsOfLimitsThatContradictEachOther(t *testing.T) {
	for text, want := range map[string]string{
		`{"maxElapsed": "1m", "codes": {"ResourceInUse": {"maxAttempts": 30}}}`: `codes["ResourceInUse"].maxAttempts: 30: 30 attempts cannot be reached: MaxElapsed, which is 1m, leaves time for at most 5`,
		`{"codes": {"ResourceInUse": {"maxAttempts": 30, "maxElapsed": "1m"}}}`: `codes["ResourceInUse"].maxAttempts: 30: 30 attempts cannot be reached: MaxElapsed, which is 1m, leaves time for at most 5`,
		`{"maxAttempts": 9, "codes": {"ResourceInUse": {"maxElapsed": "1m"}}}`:  `codes["ResourceInUse"].maxElapsed: 1m0s: 9 attempts cannot be reached: MaxElapsed, which is 1m, leaves time for at most 5`,
		`{"maxAttempts": 4, "codes": {"ResourceInUse": {"maxElapsed": "9m"}}}`:  `codes["ResourceInUse"].maxElapsed: 9m0s: the delays of 4 attempts add up to 39s at most: raise MaxAttempts as well`,
		`{"codes": {"ResourceInUse": {"backoff": {"initial": "1m"}}}}`:          `codes["ResourceInUse"].backoff.initial: 1m0s: delays are cut to MaxDelay, which is 30s`,
		`{"maxDelay": "5s", "codes": {"Mine": {"class": "busy", "backoff": {"max": "9s"}}}}`: `codes["Mine"]: unknown code "Mine": no family "Mine" is documented
codes["Mine"].backoff.max: 9s: delays are cut to MaxDelay, which is 5s`,
		`{"maxDelay": "5m"}`: `maxDelay: 5m0s: has no effect: MaxElapsed, which is 2m, ends a call before such a delay`,
		`{"maxDelay": "5s", "codes": {"InvalidParameter.OperationIsTooFrequent": {"maxAttempts": 2}}}`: `codes["InvalidParameter.OperationIsTooFrequent"].maxAttempts: 2: has no effect: the minimum delay of InvalidParameter.OperationIsTooFrequent is 1m0s, and MaxDelay, which is 5s, ends the call`,

		`{"codes": {"ResourceInUse": {"maxAttempts": 30}}}`:                       "", // no limit of time
		`{"codes": {"ResourceInUse": {"maxElapsed": "10m"}}}`:                     "", // nor of attempts
		`{"codes": {"InternalError": {"maxAttempts": 30, "maxElapsed": "1m"}}}`:   "", // a delay may be 0
		`{"codes": {"ResourceInUse": {"maxAttempts": 30, "maxElapsed": "12m"}}}`:  "",
		`{"maxDelay": "5m", "maxElapsed": "1h", "codes": {}}`:                     "",
		`{"maxElapsed": "1m", "codes": {"ResourceInUse": {"maxAttempts": 4}}}`:    `codes["ResourceInUse"].maxAttempts: 4: has no effect: ResourceInUse is treated the same without it`,
		`{"codes": {"ResourceInUse": {"class": "terminal"}}, "maxAttempts": 100}`: "",
	} {
		require.Equal(t, want, strings.Join(warningsOf(t, text), "\n"), text)
	}
}

func TestLintWarnsOfNoLimitThatIsReachedExactly(t *testing.T) {
	const second = `"backoff": {"initial": "1s", "max": "1s", "jitter": 0}`
	for _, text := range []string{
		`{"maxDelay": "2m"}`,
		`{"codes": {"ResourceInUse": {"backoff": {"initial": "30s"}}}}`,
		`{"codes": {"ResourceInUse": {"maxAttempts": 6, "maxElapsed": "5s", ` + second + `}}}`,
		`{"maxAttempts": 4, "maxElapsed": "3s", "codes": {"ResourceInUse": {"maxElapsed": "9s", ` + second + `}}}`,
	} {
		require.Empty(t, warningsOf(t, text), text)
	}
	require.Len(t, warningsOf(t, `{"codes": {"ResourceInUse": {"maxAttempts": 7, "maxElapsed": "5s", `+second+`}}}`), 1)
	require.Len(t, warningsOf(t, `{"maxAttempts": 3, "maxElapsed": "3s", "codes": {"ResourceInUse": {"maxElapsed": "9s", `+second+`}}}`), 1)
}

// A value that is the one of the class has no effect, any other has one. The documented
// sub-codes of ResourceInUse have several classes, an unknown one has that of the family.
func TestLintComparesAFieldWithTheClass(t *testing.T) {
	for field, values := range map[string][2]string{
		"backoff.initial": {`"2.5s"`, `"1s"`}, "backoff.max": {`"25s"`, `"20s"`}, "backoff.multiplier": {"3", "1"},
		"backoff.jitter": {"0.2", "1"}, "maxAttempts": {"4", "3"}, "maxElapsed": {`"2m0s"`, `"100s"`},
	} {
		for i, value := range values {
			rule := `"` + field + `": ` + value
			if name, ok := strings.CutPrefix(field, "backoff."); ok {
				rule = `"backoff": {"` + name + `": ` + value + `}`
			}
			warnings := warningsOf(t, `{"codes": {"ResourceInUse.Mine": {`+rule+`}}}`)
			require.Len(t, warnings, 1-i, rule)
			if i == 0 {
				require.Contains(t, warnings[0], `"].`+field+": "+strings.Trim(value, `"`)+": has no effect: ")
			}
		}
	}
}

// A field of a rule may have an effect only where another rule changes more.
func TestLintCountsTheEffectOfAFieldInEveryScopeThatRulesName(t *testing.T) {
	const four = `"ResourceInUse": {"maxAttempts": 4}`
	require.Equal(t, []string{`codes["ResourceInUse"].maxAttempts: 4: has no effect: ResourceInUse is treated the same without it`},
		warningsOf(t, `{"codes": {`+four+`}}`))
	for _, scope := range []string{"cvm", "cvm.RunInstances"} {
		// Without the four attempts there this time would be the only limit.
		warnings := warningsOf(t, `{"codes": {`+four+`, "`+scope+`:ResourceInUse": {"maxElapsed": "10m"}}}`)
		require.NotContains(t, strings.Join(warnings, "\n"), "no effect", scope)
	}
}

func TestLintIgnoresFunctionsAndInvalidValues(t *testing.T) {
	constant := func() backoff.BackOff { return backoff.NewConstantBackOff(time.Minute) }
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{
		"ResourceInUse": {MaxAttempts: 30, MaxElapsed: time.Minute, Backoff: tcretry.Backoff{New: constant}},
		"a b":           {MaxAttempts: 3},
		"InternalError": {MaxAttempts: -3},
	}}
	require.Empty(t, p.Lint())
	p = tcretry.Policy{Codes: map[string]tcretry.Rule{"NoSuchProduct": {Backoff: tcretry.Backoff{New: constant}}}}
	require.Len(t, p.Lint(), 1)
	require.Empty(t, tcretry.Policy{}.Lint())
	require.Empty(t, tcretry.ConservativePolicy().Lint())
}

func TestLintWarnsOfRateLimitsWithoutEffect(t *testing.T) {
	for text, want := range map[string]string{
		`{"RequestLimitExceeded": {"rateLimit": false}}`:                                                  "",
		`{"RequestLimitExceeded": {"class": "terminal", "rateLimit": false}}`:                             "", // otherwise the limiter learns from it
		`{"RequestLimitExceeded": {"rateLimit": false}, "cvm:RequestLimitExceeded": {"rateLimit": true}}`: "",
		`{"InvalidParameter.OperationIsTooFrequent": {"rateLimit": true}}`:                                "",
		`{"LimitExceeded": {"rateLimit": false}}`:                                                         "", // by its message
		`{"RequestLimitExceeded": {"rateLimit": true}}`:                                                   `codes["RequestLimitExceeded"].rateLimit: true: has no effect: RequestLimitExceeded is treated the same without it`,
		`{"InvalidParameter.OperationIsTooFrequent": {"rateLimit": false}}`:                               `codes["InvalidParameter.OperationIsTooFrequent"].rateLimit: false: has no effect: InvalidParameter.OperationIsTooFrequent is treated the same without it`,
		`{"InternalError": {"rateLimit": true}}`:                                                          `codes["InternalError"].rateLimit: true: has no effect: InternalError is transient, and only throttled codes are rate limited`,
		`{"ServiceUnavailable": {"rateLimit": false}}`:                                                    `codes["ServiceUnavailable"].rateLimit: false: has no effect: ServiceUnavailable is terminal, and only throttled codes are rate limited`,
	} {
		require.Equal(t, want, strings.Join(warningsOf(t, `{"codes": `+text+`}`), "\n"), text)
	}
}
