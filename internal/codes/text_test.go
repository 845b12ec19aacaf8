package codes_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/codes"
)

func TestRateNumbers_AreTheTwoInBackticks(t *testing.T) {
	for text, want := range map[string][2]int{
		"equals to `6` in a second, which exceeds the frequency limit `5` for a second": {6, 5},
		"当前每秒请求 `6` 次，超过了每秒频率上限 `5`":                                                    {6, 5},
		"`2` `1`":                    {2, 1},
		"`1` `1`":                    {1, 1},
		"no numbers":                 {},
		"`6`":                        {},
		"`6` `5` `4`":                {},
		"`six` `5`":                  {},
		"`6` `0`":                    {},
		"`-6` `5`":                   {},
		"`6` `-5`":                   {},
		"`6` `99999999999999999999`": {}, // no int
		"`99999999999999999999` `5`": {},
		"six `` and `5` ":            {},
	} {
		count, limit := codes.RateNumbers(text)
		require.Equal(t, want, [2]int{count, limit}, text)
	}
}

func TestContainsWords_NotAmidLongerOnes(t *testing.T) {
	for text, want := range map[string]bool{
		"6 per second": true, "Per Second, 6": true, "每秒per second": true, "6 per seconds": false, "super second": false, "": false,
	} {
		require.Equal(t, want, codes.ContainsWords(text, "per second"), text)
	}
}

func TestLookupMessage_FindsThrottlingByTheMessage(t *testing.T) {
	const perSecond = "the request count `6` in a second exceeds the limit `5`"
	require.Equal(t, codes.Verdict{Means: codes.Throttled, Size: len("LimitExceeded"), ByText: true}, codes.LookupMessage("LimitExceeded", perSecond))
	for code, message := range map[string]string{
		"LimitExceeded":             "the count `6` exceeds the quota `5`",
		"LimitExceeded.Else":        perSecond,
		"InternalError":             perSecond,
		"ResourceInsufficient.Zone": "",
	} {
		require.Equal(t, codes.Lookup(code), codes.LookupMessage(code, message), code)
	}
	require.Len(t, codes.LookupAll("LimitExceeded"), 2)
	require.Equal(t, []codes.Verdict{codes.Lookup("InternalError")}, codes.LookupAll("InternalError"))
}
