package tcretry_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tctest"
)

// A product that answers with the error of another service, whatever that was, may
// have executed a part of the action, and may be refused for good.
func TestAnErrorOfAnotherServiceIsRetriedForIdempotentRequestsOnly(t *testing.T) {
	wrapped := 0
	for _, row := range readTSV(t, "internal/codes/codes.tsv") {
		if row[1] != "transient-idempotent" {
			continue
		}
		wrapped++
		e := tcretry.Explain(row[0])
		require.Equal(t, tcretry.Transient, e.Class, row[0])
		require.True(t, e.IdempotentOnly, row[0])
		require.Contains(t, e.Reason, "wraps whatever ", row[0])
		require.NotEmpty(t, e.Products, row[0])
	}
	require.Equal(t, 81, wrapped)
	for _, code := range []string{"InternalError.CvmCommon", "InternalError.VpcCommon", "InternalError.VpcCommon.Sub", "CallCvmError"} {
		for action, attempts := range map[string]int{"CreateCluster": 1, "DescribeClusters": 4} {
			require.Equal(t, attempts, attemptsOf(t, tcretry.Policy{}, action, code), "%s %s", action, code)
		}
	}
}

func TestARuleForTheVeryCodeLetsTheErrorOfAnotherServiceBeRetried(t *testing.T) {
	transient := tcretry.Rule{Class: tcretry.Transient}
	for key, attempts := range map[string]int{
		"InternalError.CvmCommon":                   4,
		"tke:InternalError.CvmCommon":               4,
		"tke.CreateCluster:InternalError.CvmCommon": 4,
		"InternalError":                             1, // the entry of the catalogue is the more specific
		"cvm:InternalError.CvmCommon":               1,
	} {
		p := tcretry.Policy{Codes: map[string]tcretry.Rule{key: transient}}
		require.Equal(t, attempts, attemptsOf(t, p, "CreateCluster", "InternalError.CvmCommon"), key)
	}
}

// attemptsOf is how many attempts a call of tke makes that is always answered with
// a code.
func attemptsOf(t *testing.T, p tcretry.Policy, action, code string) (attempts int) {
	synctest.Test(t, func(t *testing.T) {
		var told told
		rt := tcretry.New(always(tctest.Fail(code, "")), tcretry.WithPolicy(p), tcretry.WithHooks(told.hooks()))
		req := sdkRequest(t, action, nil)
		req.URL.Host, req.Host = "tke.tencentcloudapi.com", ""
		_, err := rt.RoundTrip(req)
		require.NoError(t, err)
		attempts = told.done[0].Attempts
	})
	return attempts
}
