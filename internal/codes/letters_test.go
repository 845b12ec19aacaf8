package codes_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/codes"
)

// Every byte, the first and the last letter and digit among them.
func TestIsWord_OfEveryByte(t *testing.T) {
	anyCase, lower := regexp.MustCompile(`^[A-Za-z0-9_-]+$`), regexp.MustCompile(`^[a-z0-9_-]+$`)
	for c := range 256 {
		for _, s := range []string{string([]byte{byte(c)}), string([]byte{'a', byte(c)}), string([]byte{byte(c), 'a'})} {
			require.Equal(t, anyCase.MatchString(s), codes.IsWord(s, false), "%q", s)
			require.Equal(t, lower.MatchString(s), codes.IsWord(s, true), "%q", s)
		}
	}
	require.False(t, codes.IsWord("", false))
}

func TestContainsWords_BesideEveryByte(t *testing.T) {
	letter := regexp.MustCompile(`^[A-Za-z0-9]$`)
	for c := range 128 {
		other := string([]byte{byte(c)})
		want := !letter.MatchString(other)
		require.Equal(t, want, codes.ContainsWords(other+"per second", "per second"), "%q", other)
		require.Equal(t, want, codes.ContainsWords("per second"+other, "per second"), "%q", other)
	}
}
