package codes

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Codes come from the network. One that is longer than every entry means what its
// longest prefix that has one does, as a shorter one would.
func TestACodeThatIsLongerThanEveryEntryMeansWhatItsPrefixDoes(t *testing.T) {
	longest := slices.MaxFunc(All(), func(a, b string) int { return len(a) - len(b) })
	require.Equal(t, len(longest), builtin().longest)
	require.False(t, isFamily(longest), "else the cut must be tested at its length, too")
	for more := range len(longest) + 3 {
		for code, want := range map[string]Verdict{
			"InternalError":      {Means: Transient, Size: len("InternalError")},
			"InternalError.Test": {Means: Terminal, Size: len("InternalError.Test")},
			"NoSuch":             {Means: Terminal},
			longest:              {Means: Terminal}, // its entry is about the very code only
		} {
			long := code + "." + strings.Repeat("x", more+1)
			require.Equal(t, want, Lookup(long), long)
			_, _, ok := Entry(long)
			require.False(t, ok, long)
		}
	}
	for _, code := range All() {
		_, _, ok := Entry(code)
		require.True(t, ok, code)
	}
}

func isFamily(code string) bool {
	family, _ := familyOf(code)
	return family != ""
}

func TestCutEndsAtTheLastDotWithinTheBound(t *testing.T) {
	for _, row := range []struct {
		code    string
		longest int
		want    string
	}{
		{"A.B.C", 5, "A.B.C"},
		{"A.B.C", 6, "A.B.C"},
		{"A.B.C", 4, "A.B"},
		{"A.B.C", 3, "A.B"},
		{"A.B.C", 2, "A"},
		{"A.B.C", 1, "A"},
		{"ABC", 2, ""},
		{"A.BC", 3, "A"},
	} {
		require.Equal(t, row.want, Cut(row.code, row.longest), row)
	}
}
