package tcretry_test

import (
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/tcretry/tcretry"

// beyondStd are the packages outside the standard library that a package of the
// module may need, all the way down: users get them with the package. Those that
// are not listed get none.
var beyondStd = map[string][]string{
	module: {
		module + "/internal/base",
		module + "/internal/object",
		"github.com/cenkalti/backoff/v4",
		"github.com/hashicorp/go-cleanhttp", // by way of retryablehttp
		"github.com/hashicorp/go-retryablehttp",
	},
	module + "/tctest": {
		module,
		module + "/internal/base",
		module + "/internal/object",
		"github.com/cenkalti/backoff/v4",
		"github.com/hashicorp/go-cleanhttp",
		"github.com/hashicorp/go-retryablehttp",
	},
	module + "/internal/scene": {
		module,
		module + "/internal/base",
		module + "/internal/object",
		module + "/tctest",
		"github.com/cenkalti/backoff/v4",
		"github.com/hashicorp/go-cleanhttp",
		"github.com/hashicorp/go-retryablehttp",
	},
	module + "/cmd/tcretry": {
		module,
		module + "/internal/base",
		module + "/internal/object",
		"github.com/cenkalti/backoff/v4",
		"github.com/hashicorp/go-cleanhttp",
		"github.com/hashicorp/go-retryablehttp",
	},
}

func TestEachPackageNeedsItsAllowedImportsAndNoOther(t *testing.T) {
	const format = `{{if not .Standard}}{{.ImportPath}}{{end}}`
	for _, pkg := range strings.Fields(goCommand(t, "list", "./...")) {
		t.Run(pkg, func(t *testing.T) {
			needs := strings.Fields(goCommand(t, "list", "-deps", "-f", format, pkg))
			require.ElementsMatch(t, append(beyondStd[pkg], pkg), needs)
		})
	}
}

// Logging is a hook: the call itself knows no logger.
func TestOnlyLogImportsSlog(t *testing.T) {
	require.Equal(t, []string{"log.go"}, importersOf(t, "log/slog"))
}

// A program that uses the library must not get the flags of go test.
func TestNoFileOfTheLibraryImportsTesting(t *testing.T) {
	require.Empty(t, importersOf(t, "testing"))
}

// A change of this file is a change of what users rely on: look at it, then
// write it into the CHANGELOG, and run go test -run TestExportedAPI -update.
func TestExportedAPIIsThatOfTheGoldenFile(t *testing.T) {
	text := goCommand(t, "doc", "-all", ".")
	golden, err := os.ReadFile("testdata/api.txt")
	require.NoError(t, err)
	if *update || words(string(golden)) != words(text) {
		requireGolden(t, "api.txt", text)
	}
}

// words is a text without what the releases of Go differ in: where lines are wrapped,
// and the brackets of links.
func words(text string) string {
	links := regexp.MustCompile(`\[([A-Z][\w.]*)\]`)
	return strings.Join(strings.Fields(links.ReplaceAllString(text, "$1")), " ")
}

// importersOf returns the files of the root package, less the tests, that
// import a path.
func importersOf(t *testing.T, path string) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			if spec.Path.Value == `"`+path+`"` {
				found[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// goCommand returns what the go command prints.
func goCommand(t *testing.T, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	return string(out)
}
