package main

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tctest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestOutputIsThatOfTheGoldenFile(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out))
	got := out.Bytes()
	if *update {
		require.NoError(t, os.WriteFile("testdata/output.txt", got, 0o644))
	}
	want, err := os.ReadFile("testdata/output.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestAFileThatIsGoneLeavesThePolicyInForce(t *testing.T) {
	api := tctest.NewAPI()
	api.Default(tctest.Fail("InternalError", ""))
	transport := tcretry.New(api, tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 1}))
	require.Contains(t, reload(transport, "no/such/file"), "policy not reloaded, the current one stays in force")
	_, err := transport.RoundTrip(request())
	require.NoError(t, err)
	require.Len(t, api.Recorded(), 1)
}
