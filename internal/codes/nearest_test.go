package codes_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/codes"
)

func TestNearest_FindsMisspellingsOfCodesAndFamilies(t *testing.T) {
	for text, want := range map[string]string{
		"InternalEror":              "InternalError",
		"internalerror":             "InternalError",
		"RequestLimitExceded":       "RequestLimitExceeded",
		"AuthFailure.SignatureFail": "",
		"AuthFailure.TokenFailuer":  "AuthFailure.TokenFailure",
		"InternalError":             "",
		"SomethingElse":             "",
		"":                          "",
	} {
		require.Equal(t, want, codes.Nearest(text), text)
	}
}

func TestNearestName_PrefersTheFewestEdits(t *testing.T) {
	names := []string{"alpha", "alphb", "beta"}
	for text, want := range map[string]string{
		"ALPHA": "alpha", "alpa": "alpha", "alpah": "alpha", "bta": "beta", "eta": "beta", "alpha": "", "gamma": "", "alphaxx": "",
	} {
		require.Equal(t, want, codes.NearestName(text, names, 1), text)
	}
	require.Equal(t, "alpha", codes.NearestName("alphaxx", names, 2))
	require.Equal(t, "ab", codes.NearestName("ba", []string{"bx", "ab"}, 1), "a swap is more likely than a substitution")
	require.Equal(t, "delta", codes.NearestName("DELTX", []string{"delta"}, 1), "edits are counted without regard to case")
	require.Equal(t, "allow", codes.NearestName("allaw", []string{"allow"}, 1), "two equal letters are not swapped")
	require.Empty(t, codes.NearestName("xydel", []string{"delab"}, 2), "what is in front counts as what is behind")
	// A swap is half an edit; with an edit it is more than one.
	for text, most := range map[string]int{"delta": -1, "edlta": 1, "xdelta": 1, "dxelta": 1, "deltax": 1, "edlat": 1, "elta": 1, "edlt": 2, "edltax": 2, "elt": 2, "edl": 3} {
		if most > 0 {
			require.Equal(t, "delta", codes.NearestName(text, []string{"delta"}, most), text)
		}
		require.Empty(t, codes.NearestName(text, []string{"delta"}, most-1), text)
	}
}
