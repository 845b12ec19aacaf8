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

// times are what differs from run to run.
var times = regexp.MustCompile(`.{5} ms`)

func TestOutputIsThatOfTheGoldenFile(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out))
	got := times.ReplaceAll(out.Bytes(), []byte("    # ms"))
	if *update {
		require.NoError(t, os.WriteFile("testdata/output.txt", got, 0o644))
	}
	want, err := os.ReadFile("testdata/output.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}
