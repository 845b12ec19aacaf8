package tcretry_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

// lines returns the lines of an error without their common prefix.
func lines(t *testing.T, err error) []string {
	t.Helper()
	require.Error(t, err)
	all := strings.Split(err.Error(), "\n")
	for i, line := range all {
		var found bool
		all[i], found = strings.CutPrefix(line, "tcretry: policy: ")
		require.True(t, found, line)
	}
	return all
}

func TestTheZeroPolicyIsValid(t *testing.T) {
	require.NoError(t, tcretry.Policy{}.Validate())
	require.NoError(t, tcretry.Policy{Codes: map[string]tcretry.Rule{"InternalError": {}}}.Validate())
	require.NoError(t, tcretry.ConservativePolicy().Validate())
}

func TestValidateReportsEveryInvalidValueWithItsPath(t *testing.T) {
	p := tcretry.Policy{
		MaxAttempts: -1, MaxElapsed: -2, MaxDelay: -3,
		Codes: map[string]tcretry.Rule{
			"A": {Class: 7, MaxAttempts: -4, MaxElapsed: -6, Backoff: tcretry.Backoff{
				Initial: -5, Max: 25 * time.Hour, Multiplier: 0.5, Jitter: 1.5,
			}},
			"B": {Backoff: tcretry.Backoff{Initial: 2 * time.Second, Max: time.Second, Multiplier: math.NaN(), Jitter: math.NaN()}},
			"C": {Backoff: tcretry.Backoff{Initial: 1, New: func() backoff.BackOff { return nil }}},
			"D": {Backoff: tcretry.Backoff{Multiplier: math.Inf(1), Jitter: -0.5}},
			"":  {},
		},
	}
	const code = `want a code or family such as "InternalError" or "InternalError.Test"; a family covers its sub-codes, without a "*"`
	require.Equal(t, []string{
		`MaxAttempts: -1: want 0, which means the default, or more`,
		`MaxElapsed: -2ns: want 0, which means the default, or more`,
		`MaxDelay: -3ns: want 0, which means the default, or more`,
		`Codes[""]: ` + code,
		`Codes["A"].Class: class(7): want one of success, terminal, throttled, busy, transient, ambiguous`,
		`Codes["A"].MaxAttempts: -4: want 0, which means the default, or more`,
		`Codes["A"].MaxElapsed: -6ns: want 0, which means the default, or more`,
		`Codes["A"].Backoff.Initial: -5ns: want 0, which means the default, to 24h0m0s`,
		`Codes["A"].Backoff.Max: 25h0m0s: want 0, which means the default, to 24h0m0s`,
		`Codes["A"].Backoff.Multiplier: 0.5: want 1 to 1000`,
		`Codes["A"].Backoff.Jitter: 1.5: want more than 0 and at most 1, or NoJitter`,
		`Codes["B"].Backoff.Initial: 2s: want at most Max, which is 1s`,
		`Codes["B"].Backoff.Multiplier: NaN: want 1 to 1000`,
		`Codes["B"].Backoff.Jitter: NaN: want more than 0 and at most 1, or NoJitter`,
		`Codes["C"].Backoff: New replaces the other fields: leave them zero`,
		`Codes["D"].Backoff.Multiplier: +Inf: want 1 to 1000`,
		`Codes["D"].Backoff.Jitter: -0.5: want more than 0 and at most 1, or NoJitter`,
	}, lines(t, p.Validate()))
}

func TestAnInvalidValueIsAPolicyError(t *testing.T) {
	err := tcretry.Policy{Codes: map[string]tcretry.Rule{"InternalError": {MaxAttempts: -1}}}.Validate()
	var invalid *tcretry.PolicyError
	require.True(t, errors.As(err, &invalid))
	require.Equal(t, `Codes["InternalError"].MaxAttempts`, invalid.Path)
	require.Equal(t, -1, invalid.Value)
}

func TestKeysOfRulesFollowOneGrammar(t *testing.T) {
	for key, valid := range map[string]bool{
		"InternalError":                   true,
		"InternalError.Test":              true,
		"A.B.C":                           true,
		"Internal_Error.4-4":              true,
		"cvm:InternalError":               true,
		"cvm:InternalError.Test":          true,
		"cvm.RunInstances:InternalError":  true,
		"":                                false,
		".":                               false,
		"InternalError.":                  false,
		".InternalError":                  false,
		"InternalError..Test":             false,
		"InternalError.*":                 false,
		"*":                               false,
		" InternalError":                  false,
		"Internal Error":                  false,
		"Fehler.Ü":                        false,
		":InternalError":                  false,
		"cvm:":                            false,
		"CVM:InternalError":               false,
		"cvm.:InternalError":              false,
		".RunInstances:InternalError":     false,
		"cvm.Run.Instances:InternalError": false,
		"cvm:vpc:InternalError":           false,
		"cvm.*:InternalError":             false,
	} {
		err := tcretry.Policy{Codes: map[string]tcretry.Rule{key: {}}}.Validate()
		require.Equal(t, valid, err == nil, "%q: %v", key, err)
	}
}

func TestTurningAFamilyOffTurnsItsDocumentedExceptionsOff(t *testing.T) {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{"InternalError": {Class: tcretry.Terminal}}}
	require.Equal(t, tcretry.Terminal, p.Explain("InternalError.ServerBusy").Class)
	require.Equal(t, tcretry.Terminal, p.Explain("InternalError.NoSuchCode").Class)
}

func TestARuleForAFamilyLeavesItsDocumentedExceptionsTerminal(t *testing.T) {
	for _, key := range []string{"InternalError", "cvm:InternalError", "cvm.RunInstances:InternalError"} {
		p := tcretry.Policy{Codes: map[string]tcretry.Rule{key: {Class: tcretry.Busy}}}
		require.Equal(t, tcretry.Terminal, p.Explain("cvm.RunInstances:InternalError.Test").Class, key)
		require.Equal(t, tcretry.Busy, p.Explain("cvm.RunInstances:InternalError.NoSuchCode").Class, key)
	}
}

func TestARuleForTheSameCodeOverridesTheCatalogue(t *testing.T) {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{"cvm:InternalError.Test": {Class: tcretry.Busy}}}
	require.Equal(t, tcretry.Busy, p.Explain("cvm:InternalError.Test").Class)
	require.Equal(t, tcretry.Terminal, p.Explain("vpc:InternalError.Test").Class)
}

func TestAnEntryWithoutAClassHasThatOfItsFamily(t *testing.T) {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{"RequestLimitExceeded": {Class: tcretry.Busy}}}
	require.Equal(t, tcretry.Busy, p.Explain("RequestLimitExceeded.UinLimitExceeded").Class)
}

func TestConservativePolicyRetriesInternalErrorsOfIdempotentRequestsOnly(t *testing.T) {
	for code, want := range map[string]bool{
		"InternalError": true, "InternalError.NoSuchCode": true, "InternalError.ServerBusy": true,
		"RequestLimitExceeded": false, "ResourceInUse": false, "InternalError.Test": false,
	} {
		require.Equal(t, want, tcretry.ConservativePolicy().Explain(code).IdempotentOnly, code)
		require.False(t, tcretry.Explain(code).IdempotentOnly, code)
		require.Equal(t, tcretry.Explain(code).Class, tcretry.ConservativePolicy().Explain(code).Class, code)
	}
}

func TestConservativePolicyReturnsACopy(t *testing.T) {
	p := tcretry.ConservativePolicy()
	p.Codes["InternalError"] = tcretry.Rule{}
	require.True(t, tcretry.ConservativePolicy().Codes["InternalError"].IdempotentOnly)
}
