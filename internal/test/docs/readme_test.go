package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
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

var badge = regexp.MustCompile(`\[!\[[^\]]*\]\((\S+)\)\]\((\S+)\)`)

// A badge that shows another repository, or a workflow that does not exist, is worse than
// none. The first two of a README are badges.
func TestTheBadgesOfTheREADMEsAreThoseOfThisRepository(t *testing.T) {
	gomod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	module := strings.Fields(string(gomod))[1]
	for _, name := range []string{"README.md", "README" + chinese} {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		badges := badge.FindAllStringSubmatch(string(text), -1)
		require.GreaterOrEqual(t, len(badges), 2, name)
		workflow := "https://" + module + "/actions/workflows/ci.yml"
		require.Equal(t, []string{workflow + "/badge.svg?branch=main", workflow}, badges[0][1:], name)
		require.Equal(t, []string{"https://pkg.go.dev/badge/" + module + ".svg", "https://pkg.go.dev/" + module}, badges[1][1:], name)
	}
	ci, err := os.ReadFile(filepath.Join(root, ".github/workflows/ci.yml"))
	require.NoError(t, err, "the workflow of the badge")
	require.Regexp(t, `push:\s+branches: \[main\]`, string(ci), "it runs on the branch of the badge")
}
