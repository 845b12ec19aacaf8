package main

import (
	"bytes"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/examples/internal/golden"
)

// times are what differs from run to run.
var times = regexp.MustCompile(`.{5} ms`)

func TestOutputIsThatOfTheGoldenFile(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out, false))
	got := times.ReplaceAll(out.Bytes(), []byte("    # ms"))
	golden.RequireOutput(t, got)
}

func TestColorsComeOnlyWhenAskedFor(t *testing.T) {
	var out bytes.Buffer
	(&page{w: &out}).line("caller gets", good, "7 zones", "")
	require.NotContains(t, out.String(), "\x1b")
	(&page{w: &out, color: true}).line("caller gets", good, "7 zones", "")
	require.Contains(t, out.String(), "\x1b[32m7 zones")
}

func TestAFileIsNoTerminal(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/out")
	require.NoError(t, err)
	defer f.Close()
	require.False(t, colored(f))
}
