package tcretry_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

func TestExplainTakesNumbersStatusesAndTransportErrors(t *testing.T) {
	for text, want := range map[string]struct {
		code  string
		class tcretry.Class
	}{
		"4400":                    {"4400", tcretry.Throttled},
		"4000":                    {"4000", tcretry.Terminal},
		"429":                     {"429", tcretry.Throttled},
		"502":                     {"502", tcretry.Ambiguous},
		"501":                     {"501", tcretry.Terminal},
		"403":                     {"403", tcretry.Terminal},
		"200":                     {"200", tcretry.Success},
		"99":                      {"99", tcretry.Terminal},
		"EOF":                     {"EOF", tcretry.Ambiguous},
		"eof":                     {"EOF", tcretry.Ambiguous},
		"dns":                     {"no such host", tcretry.Transient},
		"connection refused":      {"connection refused", tcretry.Transient},
		"certificate":             {"failed to verify certificate", tcretry.Terminal},
		"timeout":                 {"attempt timed out", tcretry.Ambiguous},
		"REFUSED_STREAM":          {"REFUSED_STREAM", tcretry.Transient},
		"InternalError.EOF":       {"InternalError.EOF", tcretry.Transient},
		"cvm:4400":                {"4400", tcretry.Throttled},
		"Resetting":               {"Resetting", tcretry.Terminal},
		`Post "https://x/": EOF`:  {"EOF", tcretry.Ambiguous},
		"read: unexpected EOF":    {"unexpected EOF", tcretry.Ambiguous},
		"a geofence, NEOF things": {"a geofence, NEOF things", tcretry.Terminal},
		"dial tcp 10.0.0.1:443: connect: connection refused": {"connection refused", tcretry.Transient},
	} {
		e := tcretry.Explain(text)
		require.Equal(t, want.code, e.Code, text)
		require.Equal(t, want.class, e.Class, text)
		require.NotEmpty(t, e.Reason, text)
	}
}

func TestEveryTransportErrorHasANameThatExplainTakes(t *testing.T) {
	names := tcretry.TransportErrors()
	require.IsIncreasing(t, names)
	for _, name := range names {
		require.Equal(t, name, tcretry.Explain(name).Code)
		require.Equal(t, "built in, transport error", tcretry.Explain(name).Rule)
	}
}

func TestAnUnknownCodeIsExplainedWithTheNearestOne(t *testing.T) {
	for code, want := range map[string]string{
		"internalerror":                    "InternalError",
		"Internalerror":                    "InternalError",
		"cvm:InternalErorr":                "InternalError",
		"ResorceInUse":                     "ResourceInUse",
		"REQUESTLIMITEXCEEDED":             "RequestLimitExceeded",
		"FailedOperation.ServerBussy":      "FailedOperation.ServerBusy",
		"InternalError.Tets":               "", // a sub-code of a family that is known
		"InternalError":                    "",
		"NoSuchCode":                       "",
		"InvalidParameterValue.InstanceId": "",
		"":                                 "",
	} {
		require.Equal(t, want, tcretry.Explain(code).DidYouMean, code)
	}
}

func TestAnExplanationListsTheRulesOfNarrowerScopes(t *testing.T) {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{
		"InternalError":                    {MaxAttempts: 3},
		"cvm:InternalError":                {MaxAttempts: 2},
		"cvm.RunInstances:InternalError":   {Class: tcretry.Terminal},
		"vpc.CreateVpc:InternalError.Mine": {Class: tcretry.Terminal},
	}}
	any, cvm := p.Explain("InternalError"), p.Explain("cvm:InternalError")
	require.Equal(t, 3, any.MaxAttempts)
	require.Equal(t, []string{"InternalError"}, any.PolicyRules)
	require.Equal(t, []string{"cvm.RunInstances:InternalError", "cvm:InternalError"}, any.ScopedRules)
	require.Equal(t, 2, cvm.MaxAttempts)
	require.Equal(t, []string{"cvm.RunInstances:InternalError"}, cvm.ScopedRules)
	require.Empty(t, p.Explain("cvm.RunInstances:InternalError").ScopedRules)
}
