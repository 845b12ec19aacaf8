package main

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// varying is what differs from run to run: times with the blanks that align
// them, and ids.
var varying = regexp.MustCompile(`[0-9.]+(µs|ms|s)\b *|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|took +|waited +`)

func TestOutputIsThatOfTheGoldenFile(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out))
	got := varying.ReplaceAll(out.Bytes(), []byte("# "))
	if *update {
		require.NoError(t, os.WriteFile("testdata/output.txt", got, 0o644))
	}
	want, err := os.ReadFile("testdata/output.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}
