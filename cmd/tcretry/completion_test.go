package main

import (
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// discarded is an io.Writer.
type discarded struct{}

func (*discarded) Write(p []byte) (int, error) { return len(p), nil }

// cut returns the first line of a text, and the others.
func cut(text string) (line, rest string, found bool) { return strings.Cut(text, "\n") }

func TestEveryShellCompletesEveryCommandAndFlag(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		code, script, _ := command("", "completion", shell)
		require.Equal(t, exitOK, code)
		for _, c := range commands() {
			require.Contains(t, script, c.name, shell)
			for _, f := range c.flags() {
				require.Contains(t, script, "-"+f.Name, "%s %s", shell, c.name)
			}
		}
		require.Contains(t, script, "tcretry codes -names", shell)
		if path, err := exec.LookPath(shell); err == nil {
			check := exec.Command(path, "-n")
			check.Stdin = strings.NewReader(script)
			out, err := check.CombinedOutput()
			require.NoError(t, err, "%s: %s", shell, out)
		}
	}
}

func TestBashCompletesWords(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	_, script, _ := command("", "completion", "bash")
	// A function stands in for the command.
	script += "\ntcretry() { printf 'InternalError\\nInternalError.Test\\nResourceInUse\\n'; }\n" +
		`complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tcretry; echo "${COMPREPLY[*]}"; }` + "\n"
	for line, want := range map[string]string{
		"tcretry ex":                 "explain",
		"tcretry explain -p":         "-policy",
		"tcretry explain Int":        "InternalError InternalError.Test",
		"tcretry policy ":            "check schema",
		"tcretry policy check -":     "-strict",
		"tcretry codes -class tr":    "transient",
		"tcretry completion f":       "fish",
		"tcretry proxy -log-level d": "debug",
		"tcretry proxy -li":          "-listen",
		"tcretry codes -":            "-class -json -names -prefix -product",
		"tcretry explain -policy x_": "",
	} {
		words := strings.Split(line, " ")
		args := append([]string{"-c", script + `complete_words "$@"`, "bash"}, words...)
		out, err := exec.Command(bash, args...).Output()
		require.NoError(t, err, line)
		require.Equal(t, want, strings.TrimSpace(string(out)), line)
	}
}

func TestVersionNamesTheModulesTheCommitAndGo(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.25.1", Main: debug.Module{Version: "v1.2.3"}}
	require.Equal(t, "tcretry v1.2.3, go1.25.1", versionOf(info))
	info.Settings = []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}}
	require.Equal(t, "tcretry v1.2.3, commit abc with changes, go1.25.1", versionOf(info))
	require.True(t, strings.HasPrefix(versionOf(&debug.BuildInfo{}), "tcretry (devel), "))
	code, out, _ := command("", "version")
	require.Equal(t, exitOK, code)
	require.True(t, strings.HasPrefix(out, "tcretry "))
}

func TestCodesFiltersByClassesAndPrefixAndWritesNames(t *testing.T) {
	_, out, _ := command("", "codes", "-class", "busy,throttled", "-prefix", "OperationDenied.Freq", "-names")
	require.Equal(t, "OperationDenied.FreqOverLimit\n", out)
	_, out, _ = command("", "codes", "-prefix", "InternalError.CvmCommon")
	require.Regexp(t, `^InternalError.CvmCommon +transient, idempotent requests only +tke +wraps any error of CVM`, out)
	for _, class := range []string{"throttled", "busy", "transient"} {
		code, out, _ := command("", "codes", "-class", class)
		require.Equal(t, exitOK, code)
		for line := range strings.Lines(out) {
			require.Contains(t, line, " "+class)
			require.Greater(t, len(strings.Fields(line)), 2, "it has a reason: %s", line)
		}
	}
}
