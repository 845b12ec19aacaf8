package tc3_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tc3"
)

// A person may put blank lines anywhere, with spaces in them or without, and the
// editor its own line ends.
func TestBlankLinesInACredentialsFileMeanNothing(t *testing.T) {
	lines := []string{"[default]", "secret_id = AKIDEXAMPLE", "secret_key = KEY"}
	want := tc3.Credentials{SecretID: "AKIDEXAMPLE", SecretKey: "KEY"}
	for _, end := range []string{"\n", "\r\n"} {
		for _, blank := range []string{"", " ", "\t", " \t ", "\ufeff"} {
			for at := range len(lines) + 1 {
				parts := append(append(append([]string{}, lines[:at]...), blank, blank), lines[at:]...)
				path := filepath.Join(t.TempDir(), "credentials")
				require.NoError(t, os.WriteFile(path, []byte(strings.Join(parts, end)+end), 0o600))
				got, err := tc3.Profile{Path: path}.Credentials(t.Context())
				require.NoError(t, err, "%q", parts)
				require.Equal(t, want, got, "%q", parts)
			}
		}
	}
}

// The shortest name of a section has one letter; the error of a line that is none
// names the line as an editor counts it.
func TestALineThatBeginsASectionMustNameIt(t *testing.T) {
	read := func(text, section string) (tc3.Credentials, error) {
		path := filepath.Join(t.TempDir(), "credentials")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return tc3.Profile{Path: path, Section: section}.Credentials(t.Context())
	}
	got, err := read("[a]\nsecret_id=i\nsecret_key=k\n[b]\ntoken=t\n", "a")
	require.NoError(t, err)
	require.Equal(t, tc3.Credentials{SecretID: "i", SecretKey: "k"}, got)
	for _, line := range []string{"[", "[]", "[a", "[ab"} {
		_, err = read("\n"+line+"\n", "a")
		require.ErrorContains(t, err, "line 2 is not a section", line)
		require.NotErrorIs(t, err, tc3.ErrNoCredentials)
	}
}
