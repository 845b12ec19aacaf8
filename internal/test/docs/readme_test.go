package docs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The READMEs start a reader and no more: depth and evidence are in docs/.
func TestTheREADMEsHaveAtMost9KBAndNameNoTest(t *testing.T) {
	for _, name := range []string{"README.md", "README" + chinese} {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.LessOrEqual(t, len(text), 9*1024, name)
		require.NotRegexp(t, `\b(Test|Benchmark|Fuzz)[A-Z]\w+`, string(text), name)
	}
}
