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

// beyondModule are the packages of others that a package of the module may need, all
// the way down: users get them with it. Those that are not listed need none.
var beyondModule = map[string][]string{
	"":               retryLibraries,
	"cmd/tcretry":    retryLibraries,
	"proxy":          retryLibraries,
	"proxy/proxycmd": retryLibraries,
}

var retryLibraries = []string{
	"github.com/cenkalti/backoff/v4",
	"github.com/hashicorp/go-cleanhttp", // by way of retryablehttp
	"github.com/hashicorp/go-retryablehttp",
}

func TestEachPackageNeedsItsAllowedModulesAndNoOther(t *testing.T) {
	// What ./... needs, all the way down, in two runs of the go command: one for each
	// package would cost seconds.
	foreign := map[string]bool{}
	for _, path := range strings.Fields(goCommand(t, "list", "-deps", "-f", `{{if not .Standard}}{{.ImportPath}}{{end}}`, "./...")) {
		foreign[path] = path != module && !strings.HasPrefix(path, module+"/")
	}
	packages := strings.Split(strings.TrimSpace(goCommand(t, "list", "-f", `{{.ImportPath}} {{join .Deps " "}}`, "./...")), "\n")
	for _, line := range packages {
		fields := strings.Fields(line)
		pkg, needs := fields[0], fields[1:]
		if strings.HasPrefix(local(pkg), "internal/test/") {
			continue // imported by tests alone
		}
		t.Run(pkg, func(t *testing.T) {
			needs := slices.DeleteFunc(needs, func(path string) bool { return !foreign[path] })
			require.ElementsMatch(t, beyondModule[local(pkg)], needs)
		})
	}
}

// layers lists which packages of the module each of them may import, directly. What
// is not listed does not exist: a new edge is a decision made in this table.
var layers = map[string][]string{
	"": {
		"budget", "internal/base", "internal/bodies", "internal/clock", "internal/codes", "internal/contain",
		"internal/envelope", "internal/fields", "internal/neterr", "internal/replay", "internal/request", "internal/watch", "ratelimit",
	},
	"budget":    {"internal/recent"},
	"label":     {},
	"ratelimit": {"internal/clock", "internal/recent"},

	"internal/base":     {},
	"internal/bodies":   {},
	"internal/clock":    {},
	"internal/codes":    {},
	"internal/contain":  {},
	"internal/envelope": {"internal/bodies"},
	"internal/fields":   {},
	"internal/neterr":   {"internal/contain"},
	"internal/recent":   {},
	"internal/replay":   {"internal/bodies"},
	"internal/request":  {"internal/bodies", "internal/contain"},
	"internal/watch":    {"internal/bodies", "internal/envelope"},

	"cmd/tcretry":    {"", "proxy/proxycmd", "ratelimit"},
	"proxy":          {""},
	"proxy/proxycmd": {"", "proxy"},
	"tc3":            {},
	"tctest":         {"tctest/internal/stream"},

	"tctest/conformance":     {"budget", "ratelimit", "tctest/internal/stream"},
	"tctest/internal/stream": {},

	// For tests only.
	"internal/bodies/bodytest": {"internal/bodies"},
	"internal/test/concurrent": {},
	"internal/test/docs":       {},
	"internal/test/e2e":        {},
	"internal/test/probe":      {"", "budget", "internal/test/race", "tctest"},
	"internal/test/race":       {},
	"internal/test/waitqueue":  {},
}

// Tests of any program can use the fake: it adds no package to their builds that is not its own.
func TestTheFakeAPIImportsTheStandardLibraryOnly(t *testing.T) {
	const format = `{{if not .Standard}}{{.ImportPath}}{{end}}`
	for _, path := range strings.Fields(goCommand(t, "list", "-deps", "-f", format, "./tctest")) {
		if path != module+"/tctest" {
			require.Contains(t, path, module+"/tctest/internal/")
		}
	}
}

func TestEachPackageImportsWhatItsLayerMayAndNoOther(t *testing.T) {
	const format = `{{.ImportPath}} {{join .Imports " "}}`
	found := map[string][]string{}
	for line := range strings.Lines(goCommand(t, "list", "-f", format, "./...")) {
		words := strings.Fields(line)
		name := local(words[0])
		found[name] = []string{}
		for _, path := range words[1:] {
			if path == module || strings.HasPrefix(path, module+"/") {
				found[name] = append(found[name], local(path))
			}
		}
		slices.Sort(found[name])
	}
	require.Equal(t, layers, found)
}

// The imports go one way: each package can be put above all that it imports.
func TestTheLayersHaveAnOrder(t *testing.T) {
	below := map[string]bool{}
	for len(below) < len(layers) {
		before := len(below)
		for name, imports := range layers {
			if !slices.ContainsFunc(imports, func(i string) bool { return !below[i] }) {
				below[name] = true
			}
		}
		require.Greater(t, len(below), before, "a circle among those that are left")
	}
}

// The file list of the root can be read at one look.
func TestTheRootHasAtMost24FilesOfCode(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	files = slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	require.LessOrEqual(t, len(files), 24, files)
}

// local is a path without that of the module; "" is the root.
func local(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
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
	for pkg, file := range map[string]string{
		".": "api.txt", "./budget": "api_budget.txt", "./label": "api_label.txt", "./ratelimit": "api_ratelimit.txt",
		"./proxy": "api_proxy.txt", "./proxy/proxycmd": "api_proxycmd.txt", "./tc3": "api_tc3.txt", "./tctest": "api_tctest.txt",
		"./tctest/conformance": "api_conformance.txt",
	} {
		text := goCommand(t, "doc", "-all", pkg)
		golden, err := os.ReadFile("testdata/" + file)
		if *update || err != nil || words(string(golden)) != words(text) {
			requireGolden(t, file, text)
		}
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
