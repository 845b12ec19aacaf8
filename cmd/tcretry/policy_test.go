package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

func TestPolicyCheckWarnsAndStrictMakesItAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.json")
	for text, want := range map[string]string{
		`{"codes": {"ServiceUnavailable": {"maxAttempts": 3}}}`: `codes["ServiceUnavailable"].maxAttempts: 3: has no effect`,
		`{"codes": {"Internalerror": {"maxAttempts": 3}}}`:      `codes["Internalerror"]: unknown code "Internalerror": no family "Internalerror" is documented; did you mean "InternalError"?`,
		`{"codes": {"cvm:InternalErorr": {"maxAttempts": 3}}}`:  `did you mean "InternalError"?`,
		`{"maxDelay": "9m"}`: `maxDelay: 9m0s: has no effect`,
	} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		code, out, errs := command("", "policy", "check", file)
		require.Equal(t, exitOK, code, text)
		require.Contains(t, out, ", 1 warnings\n", text)
		require.True(t, strings.HasPrefix(errs, file+": warning: "), errs)
		require.Contains(t, errs, want, text)

		code, out, strict := command("", "policy", "check", "-strict", file)
		require.Equal(t, exitFinding, code, text)
		require.NotContains(t, out, "ok", text)
		require.Equal(t, errs, strict)
	}
	code, out, errs := command(good, "policy", "check", "-strict", "-")
	require.Equal(t, exitOK, code)
	require.Equal(t, "-: ok, 1 rules\n", out)
	require.Empty(t, errs)
}

func TestPolicySchemaPrintsTheSchema(t *testing.T) {
	code, out, _ := command("", "policy", "schema")
	require.Equal(t, exitOK, code)
	require.Equal(t, tcretry.PolicySchema(), out)
}
