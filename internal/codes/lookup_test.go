package codes_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/codes"
)

// Entries and families, with and without sub-codes.
func TestLookup_DecidesByEntryThenByFamily(t *testing.T) {
	size := func(code string) int { return len(code) }
	for code, want := range map[string]codes.Verdict{
		// Retried families: the longest prefix that has a meaning decides.
		"RequestLimitExceeded":                  {Means: codes.Throttled, Size: size("RequestLimitExceeded")},
		"RequestLimitExceeded.UinLimitExceeded": {Means: codes.Throttled, Size: size("RequestLimitExceeded")}, // has a reason only
		"RequestLimitExceeded.New.Sub":          {Means: codes.Throttled, Size: size("RequestLimitExceeded")},
		"ResourceInUse.New":                     {Means: codes.Busy, Size: size("ResourceInUse")},
		"InternalError.New":                     {Means: codes.Transient, Size: size("InternalError")},
		"InternalError.AuthError":               {Means: codes.Terminal, Size: size("InternalError.AuthError")},
		"InternalError.AuthError.Sub":           {Means: codes.Terminal, Size: size("InternalError.AuthError")},
		"InternalError.Api":                     {Means: codes.Transient, IdempotentOnly: true, Size: size("InternalError.Api")},
		// Others: exactly the code of an entry, or terminal.
		"FailedOperation.ActionIsDoing":           {Means: codes.Busy, Size: size("FailedOperation.ActionIsDoing")},
		"FailedOperation.ActionIsDoing.Sub":       {Means: codes.Terminal},
		"InvalidParameter.OperationIsTooFrequent": {Means: codes.Throttled, LeastDelay: time.Minute, Size: size("InvalidParameter.OperationIsTooFrequent")},
		"CallCvmError":             {Means: codes.Transient, IdempotentOnly: true, Size: size("CallCvmError")},
		"AuthFailure.TokenFailure": {Means: codes.Terminal}, // has a reason only
		"FailedOperation":          {Means: codes.Terminal},
		"InternalErrors":           {Means: codes.Terminal},
		"":                         {Means: codes.Terminal},
	} {
		require.Equal(t, want, codes.Lookup(code), code)
	}
}

func TestEntry_HasProductsAndAReason(t *testing.T) {
	for code, want := range map[string]struct {
		products []string
		reason   bool
	}{
		"AuthFailure.TokenFailure":   {nil, true},
		"AuthFailure.CamException":   {[]string{"tione"}, false},
		"InternalError.Api":          {[]string{"ess", "essbasic"}, true},
		"InternalError.ArgsNotMatch": {[]string{"live"}, false},
	} {
		products, reason, ok := codes.Entry(code)
		require.True(t, ok, code)
		require.Equal(t, want.products, products, code)
		require.Equal(t, want.reason, reason != "", code)
	}
	_, _, ok := codes.Entry("InternalError.New")
	require.False(t, ok)
}
