// Package golden compares the output of an example with a file, in its tests.
package golden

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// file is where each example keeps its output.
const file = "testdata/output.txt"

// RequireOutput fails t unless the output of the example is that of its golden file.
func RequireOutput(t *testing.T, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, got, 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}
