package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// small is a repository of two published modules, as small as they can be.
var small = map[string]string{
	"CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- **API** `New`.\n",
	"LICENSE":      "MIT License\n",
	"README.md":    "# tcretry\n",
	"go.mod":       "module github.com/tcretry/tcretry\n\ngo 1.25.0\n",
	"tcretry.go": `// Package tcretry is small.
package tcretry

import "net/http"

// New returns a RoundTripper.
func New(base http.RoundTripper) http.RoundTripper { return http.DefaultTransport }

// Explain returns a text.
func Explain(code string) string { return code }
`,
	"cmd/tcretry/main.go": `package main

import (
	"fmt"
	"runtime/debug"
)

func main() {
	info, _ := debug.ReadBuildInfo()
	fmt.Println("tcretry " + info.Main.Version + ", small")
}
`,
	"tcotel/LICENSE":   "MIT License\n",
	"tcotel/README.md": "# tcotel\n",
	"tcotel/go.mod": `module github.com/tcretry/tcretry/tcotel

go 1.25.0

require github.com/tcretry/tcretry v0.1.0

replace github.com/tcretry/tcretry => ../
`,
	"tcotel/go.sum": "",
	"tcotel/tcotel.go": `// Package tcotel is small.
package tcotel

import (
	"net/http"

	"github.com/tcretry/tcretry"
)

// Config is empty.
type Config struct{}

// New returns a RoundTripper.
func New(base http.RoundTripper, _ Config) http.RoundTripper { return tcretry.New(base) }
`,
}

// tree makes a small repository without commits, some of whose files have other
// contents: pairs of a name and a content, "" for no such file.
func tree(t *testing.T, others ...string) string {
	t.Helper()
	t.Setenv("GOPROXY", "off") // whatever is needed is in the pack
	root := t.TempDir()
	for name, content := range small {
		put(t, root, name, content)
	}
	put(t, root, ".gitignore", "ignored.go\n")
	for i := 0; i < len(others); i += 2 {
		put(t, root, others[i], others[i+1])
	}
	git(t, root, "init", "-q")
	return root
}

func put(t *testing.T, root, name, content string) {
	t.Helper()
	name = filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o777))
	require.NoError(t, os.WriteFile(name, []byte(content), 0o666))
}

func get(t *testing.T, root, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(data)
}

func git(t *testing.T, root string, args ...string) {
	t.Helper()
	args = append([]string{"-C", root, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)
	out, err := exec.Command("git", args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// commit commits a tree as a release.
func commit(t *testing.T, root, tag string) {
	t.Helper()
	git(t, root, "add", "-A")
	git(t, root, "commit", "-q", "-m", tag)
	git(t, root, "tag", tag)
}

// release runs the command on a tree.
func release(root string, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(append([]string{"-root", root}, args...), &out, &err)
	return code, out.String(), err.String()
}

func TestCheckGetsAndBuildsEachModuleAloneAndInstallsTheCommand(t *testing.T) {
	code, stdout, stderr := release(tree(t), "check")
	require.Equal(t, 0, code, "%s%s", stdout, stderr)
	for _, line := range []string{
		"a fresh program gets and builds github.com/tcretry/tcretry@v0.1.0\n",
		"a fresh program gets and builds github.com/tcretry/tcretry/tcotel@v0.1.0\n",
		"go install github.com/tcretry/tcretry/cmd/tcretry@v0.1.0 works\n",
		"gorelease github.com/tcretry/tcretry/tcotel, v0.1.0 after none:\n",
	} {
		require.Contains(t, stdout, line)
	}
}

// A file that git ignores is there for every build in the work tree, thanks to
// replace, and for no user.
func TestCheckFailsIfAModuleNeedsWhatThePackDoesNotHave(t *testing.T) {
	root := tree(
		t, "ignored.go", small["tcretry.go"], "tcretry.go", "package tcretry\n",
	)
	code, _, stderr := release(root, "check")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "a fresh program with github.com/tcretry/tcretry:")
	require.Contains(t, stderr, "a fresh program with github.com/tcretry/tcretry/tcotel:")
	require.Contains(t, stderr, "undefined: tcretry.New")
}

func TestCheckFailsIfAPublishedCommandCannotBeInstalled(t *testing.T) {
	root := tree(t, "go.mod", small["go.mod"]+"\nreplace example.com/a => example.com/b v1.0.0\n")
	code, _, stderr := release(root, "check")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "go install github.com/tcretry/tcretry/cmd/tcretry@v0.1.0")
	require.Contains(t, stderr, "replace directives")
}

func TestCheckReportsEveryMistakeOfEveryModule(t *testing.T) {
	root := tree(
		t,
		"tcotel/go.mod", "module github.com/tcretry/tcretry/tcotel\n\ngo 1.25.0\n\nrequire github.com/tcretry/tcretry v0.0.0\n",
		"bench/go.mod", strings.ReplaceAll(small["tcotel/go.mod"], "tcretry/tcotel\n", "tcretry/bench\n"),
		"new/go.mod", "module github.com/tcretry/tcretry/new\n\ngo 1.25.0\n",
		"CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n## [0.3.0] - 2026-01-02\n",
	)
	require.NoError(t, os.Remove(filepath.Join(root, "tcotel/LICENSE")))
	require.NoError(t, os.Remove(filepath.Join(root, "tcotel/README.md")))
	code, _, stderr := release(root, "check")
	require.Equal(t, 1, code)
	require.Equal(t, `release: new/go.mod: enter it in tools/release/modules.go, as published or not
tcotel/go.mod requires github.com/tcretry/tcretry@v0.0.0, which nobody can get
tcotel/go.mod has no replace for github.com/tcretry/tcretry
github.com/tcretry/tcretry/tcotel has no LICENSE
github.com/tcretry/tcretry/tcotel has no README.md
the modules require each other at 2 versions, not at one: v0.0.0, v0.1.0
the last release in CHANGELOG.md is v0.3.0, the modules require v0.0.0, v0.1.0
`, stderr)
}

// After v1.0.0 an addition needs a minor version.
func TestCheckFailsIfTheVersionDoesNotAllowForTheChanges(t *testing.T) {
	root := tree(t, "tcotel/go.mod", strings.ReplaceAll(small["tcotel/go.mod"], "v0.1.0", "v1.0.0"))
	commit(t, root, "v1.0.0")

	// Between releases the modules still require the last one.
	put(t, root, "added.go", "package tcretry\n\n// Added is new.\nfunc Added() {}\n")
	code, stdout, stderr := release(root, "check")
	require.Equal(t, 0, code, "%s%s", stdout, stderr)
	require.Contains(t, stdout, "gorelease github.com/tcretry/tcretry, v1.1.0 after v1.0.0:\n")
	require.Contains(t, stdout, "Added: added")

	code, stdout, stderr = release(root, "prepare", "v1.0.1")
	require.Equal(t, 0, code, "%s%s", stdout, stderr)
	code, _, stderr = release(root, "check")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "v1.0.1 is not a valid semantic version for this release.")
}

func TestACallThatIsNoneOfTheTwoPrintsTheUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"check", "v1.0.0"}, {"prepare"}, {"publish"}, {"-x"}} {
		code, _, stderr := release(".", args...)
		require.Equal(t, 2, code, args)
		require.Contains(t, stderr, "usage: release")
	}
}
