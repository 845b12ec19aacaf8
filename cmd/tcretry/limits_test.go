package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLimitsPrintsWhatWasSavedAndMarksWhatIsNotUsed(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	text := `{"version": 1, "limits": [
		{"host": "cvm.tencentcloudapi.com", "action": "DescribeInstances", "limit": 20, "learnedAt": "` + now.Format(time.RFC3339) + `"},
		{"host": "cvm.tencentcloudapi.com", "action": "RunInstances", "limit": 5, "rate": 2.5, "learnedAt": "` + now.Add(-30*24*time.Hour).Format(time.RFC3339) + `"}]}`
	code, out, errs := command(text, "limits", "-")
	require.Equal(t, exitOK, code, errs)
	require.Regexp(t, `"DescribeInstances" +20 +0 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d *\n`, out)
	require.Regexp(t, `"RunInstances" +5 +2.5 .* old or invalid\n`, out)

	file := filepath.Join(t.TempDir(), "limits.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"version": 1, "limits": [{"host": "\u001b[2J", "action": "A", "limit": -1}]}`), 0o600))
	code, out, errs = command("", "limits", file)
	require.Equal(t, exitFinding, code)
	require.Contains(t, errs, file+`: tcretry: loading limits: "A" of "\x1b[2J": limit -1: want 0 to `)
	require.NotContains(t, out+errs, "\x1b")

	code, _, errs = command("", "limits", "/no/such/file")
	require.Equal(t, exitFinding, code)
	require.Contains(t, errs, "no such file")
	code, _, _ = command("", "limits")
	require.Equal(t, exitUsage, code)
}

func TestPolicyCheckCountsLimits(t *testing.T) {
	code, out, errs := command(`{"limits": {"cvm": 10}}`, "policy", "check", "-")
	require.Equal(t, exitOK, code, errs)
	require.Equal(t, "-: ok, 0 rules, 1 limits\n", out)
}
