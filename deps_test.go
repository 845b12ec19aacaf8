package tcretry_test

import (
	"flag"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const module = "github.com/tcretry/tcretry"

// beyondStd are the packages outside the standard library that a package of the
// module may need, all the way down: users get them with the package. Those that
// are not listed get none.
var beyondStd = map[string][]string{
	module: {
		"github.com/cenkalti/backoff/v4",
		"github.com/hashicorp/go-cleanhttp", // by way of retryablehttp
		"github.com/hashicorp/go-retryablehttp",
	},
	module + "/cmd/tcretry": {
		module,
		"github.com/cenkalti/backoff/v4",
		"github.com/hashicorp/go-cleanhttp",
		"github.com/hashicorp/go-retryablehttp",
	},
}

func TestEachPackageNeedsOnlyItsAllowedImports(t *testing.T) {
	const format = `{{if not .Standard}}{{.ImportPath}}{{end}}`
	for _, pkg := range strings.Fields(goCommand(t, "list", "./...")) {
		t.Run(pkg, func(t *testing.T) {
			needs := strings.Fields(goCommand(t, "list", "-deps", "-f", format, pkg))
			needs = slices.DeleteFunc(needs, func(p string) bool { return p == pkg })
			require.Subset(t, beyondStd[pkg], needs)
		})
	}
}

func TestEveryAllowedImportIsNeeded(t *testing.T) {
	imports := strings.Fields(goCommand(t, "list", "-deps", "."))
	require.Subset(t, imports, beyondStd[module])
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
	golden(t, filepath.Join("testdata", "api.txt"), goCommand(t, "doc", "-all", "."))
}

// golden compares got with a file, or writes it there with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "if this is meant: go test -run %s -update", t.Name())
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
