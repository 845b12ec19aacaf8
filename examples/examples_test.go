package examples_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// programs are the names of the examples, which are built into the folder.
func programs(t *testing.T, folder string) []string {
	mains, err := filepath.Glob("*/main.go")
	require.NoError(t, err)
	require.NotEmpty(t, mains)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", folder, "./...")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	var names []string
	for _, main := range mains {
		names = append(names, filepath.Dir(main))
	}
	return names
}

// start runs a program in a folder and returns what it writes and its exit status.
func start(t *testing.T, program string, args ...string) (stdout, stderr string, status int) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), &out, &errs
	_ = cmd.Run()
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestEveryExampleHasTheSameCommandLine(t *testing.T) {
	folder := t.TempDir()
	for _, name := range programs(t, folder) {
		program := filepath.Join(folder, name)
		t.Run(name, func(t *testing.T) {
			requireHelp(t, name, program)
			requireUsageError(t, name, program)
		})
	}
}

// requireHelp: -h describes the example, how to start it, and its flags.
func requireHelp(t *testing.T, name, program string) {
	source, err := os.ReadFile(name + "/main.go")
	require.NoError(t, err)
	for _, help := range []string{"-h", "-help", "--help"} {
		stdout, stderr, status := start(t, program, help)
		require.Zero(t, status)
		require.Empty(t, stderr)
		require.True(t, strings.HasPrefix(stdout, "usage: go run ./examples/"+name+" "), stdout)
		require.Contains(t, stdout, "Command "+name+" ")
		require.Contains(t, stdout, "\tgo run ./examples/"+name)
		for _, flag := range regexp.MustCompile(`flags\.\w+\("(\w+)"`).FindAllStringSubmatch(string(source), -1) {
			require.Contains(t, stdout, "\n  -"+flag[1]+" ")
		}
	}
}

// requireUsageError: unknown flags and arguments are errors, and the example does not
// run.
func requireUsageError(t *testing.T, name, program string) {
	for _, arg := range []string{"-nonsense", "stray"} {
		stdout, stderr, status := start(t, program, arg)
		require.Equal(t, 2, status)
		require.Empty(t, stdout)
		require.Contains(t, stderr, strings.Trim(arg, "-"), "it names the argument")
		require.Contains(t, stderr, "usage: go run ./examples/"+name+" ")
	}
}
