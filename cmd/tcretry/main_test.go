package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// command runs a command and returns its exit code and its output.
func command(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, strings.NewReader(stdin), &out, &err)
	return code, out.String(), err.String()
}

const good = `{"codes": {"InternalError": {"class": "terminal"}}}`

func TestExplainPrintsWhatEachCodeMeans(t *testing.T) {
	code, out, _ := command("", "explain", "InternalError", "cvm:InternalError.Test")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "InternalError: transient\n")
	require.Contains(t, out, "cvm:InternalError.Test: terminal\n")
}

func TestExplainUsesThePolicy(t *testing.T) {
	code, out, _ := command(good, "explain", "-policy", "-", "InternalError")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, `rule     policy, rule "InternalError"`)
	require.Contains(t, out, "changes  class: transient → terminal\n", "what the policy changes")
}

func TestExplainWritesJSON(t *testing.T) {
	code, out, _ := command("", "explain", "-json", "InternalError", "cvm:ResourceInUse")
	require.Equal(t, exitOK, code)
	var explanations []map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &explanations))
	require.Len(t, explanations, 2)
	require.Equal(t, "transient", explanations[0]["class"])
	require.Equal(t, "cvm", explanations[1]["service"])
}

func TestPolicyCheckReportsEveryInvalidValueOfEveryFile(t *testing.T) {
	dir := t.TempDir()
	fine, wrong := filepath.Join(dir, "fine.json"), filepath.Join(dir, "wrong.json")
	require.NoError(t, os.WriteFile(fine, []byte(good), 0o600))
	require.NoError(t, os.WriteFile(wrong, []byte(`{"maxAttempts": -1, "maxDelay": 5}`), 0o600))

	code, out, errs := command("", "policy", "check", wrong, fine)
	require.Equal(t, exitFinding, code)
	require.Equal(t, fine+": ok, 1 rules\n", out)
	require.Equal(t, 2, strings.Count(errs, wrong+": tcretry: policy: "))

	code, _, _ = command("", "policy", "check", fine)
	require.Equal(t, exitOK, code)
}

func TestCodesListsByClassAndProduct(t *testing.T) {
	code, out, _ := command("", "codes", "-class", "throttled", "-product", "dnspod")
	require.Equal(t, exitOK, code)
	require.Equal(t, ""+
		"FailedOperation.FrequencyLimit           throttled  dnspod,ses  too many calls; ses counts them per recipient\n"+
		"InvalidParameter.OperationIsTooFrequent  throttled  dnspod      the documentation requires a wait of one minute\n", out)

	_, all, _ := command("", "codes")
	require.Greater(t, strings.Count(all, "\n"), 813)
}

func TestCodesWritesJSON(t *testing.T) {
	code, out, _ := command("", "codes", "-json", "-product", "kms")
	require.Equal(t, exitOK, code)
	var found []map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &found))
	require.NotEmpty(t, found)

	code, out, _ = command("", "codes", "-json", "-product", "nosuchproduct")
	require.Equal(t, exitFinding, code)
	require.Equal(t, "[]\n", out)
}

func TestHelpShowsExamplesAndIsNoError(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}, {"explain", "-h"}, {"codes", "-help"}, {"policy", "check", "-h"}, {"policy", "-h"}, {"policy", "schema", "-h"}, {"completion", "-h"}, {"version", "-h"}, {"proxy", "-h"}} {
		code, out, errs := command("", args...)
		require.Equal(t, exitOK, code, args)
		require.Contains(t, out, "Examples:", args)
		require.Empty(t, errs, args)
	}
}

func TestExitCodesDistinguishAFindingFromWrongUsage(t *testing.T) {
	for call, want := range map[string]int{
		"":                                  exitUsage,
		"nosuchcommand":                     exitUsage,
		"explain":                           exitUsage,
		"explain Internal..Error":           exitUsage,
		"explain -nosuchflag X":             exitUsage,
		"explain -policy /no/such/file X":   exitFinding,
		"policy":                            exitUsage,
		"policy print":                      exitUsage,
		"policy schema extra":               exitUsage,
		"version extra":                     exitUsage,
		"proxy extra":                       exitUsage,
		"proxy -max-calls many":             exitUsage,
		"completion":                        exitUsage,
		"completion tcsh":                   exitUsage,
		"codes -class busy,nosuch":          exitUsage,
		"codes -prefix Nosuch":              exitFinding,
		"explain -policy - -":               exitUsage,
		"version":                           exitOK,
		"policy check":                      exitUsage,
		"policy check /no/such/file":        exitFinding,
		"codes -class nosuchclass":          exitUsage,
		"codes extra":                       exitUsage,
		"codes -class busy -product nosuch": exitFinding,
		"codes -class undecided":            exitUsage,
		"explain NoSuchCode":                exitOK,
	} {
		code, out, errs := command("", strings.Fields(call)...)
		require.Equal(t, want, code, call)
		if want == exitUsage {
			require.Contains(t, errs, "see tcretry help", call)
			require.Empty(t, out, call)
		}
	}
}

func TestTheProxyReportsItsMistakesByFlag(t *testing.T) {
	code, out, errs := command("", "proxy", "-listen", "0.0.0.0:8128", "-idle-timeout", "-1s")
	require.Equal(t, exitUsage, code)
	require.Empty(t, out)
	require.Contains(t, errs, "-listen(0.0.0.0:8128): it is not a loopback address")
	require.Contains(t, errs, "-idle-timeout(-1s): it is negative")
}
