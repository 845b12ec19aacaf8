package main

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/examples/internal/golden"
)

// times are what differs from run to run.
var times = regexp.MustCompile(`.{5} ms`)

func TestOutputIsThatOfTheGoldenFile(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out))
	got := times.ReplaceAll(out.Bytes(), []byte("    # ms"))
	golden.RequireOutput(t, got)
}
