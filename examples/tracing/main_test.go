package main

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/examples/internal/golden"
)

// varying is what differs from run to run: times with the blanks that align
// them, and ids.
var varying = regexp.MustCompile(`[0-9.]+(µs|ms|s)\b *|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|took +|waited +`)

func TestOutputIsThatOfTheGoldenFile(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out))
	got := varying.ReplaceAll(out.Bytes(), []byte("# "))
	golden.RequireOutput(t, got)
}
