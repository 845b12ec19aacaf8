package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/examples/internal/golden"
	"github.com/tcretry/tcretry/tctest"
)

func TestOutputIsThatOfTheGoldenFile(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out))
	golden.RequireOutput(t, out.Bytes())
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
