package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/examples/internal/golden"
)

func TestOutputIsThatOfTheGoldenFile(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out))
	golden.RequireOutput(t, out.Bytes())
}
