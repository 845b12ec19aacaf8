package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoCallFailsOverTheProxyAndMostDoWithoutIt(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, scene{calls: 20, limit: 20}.run(&out))
	require.Regexp(t, `over the proxy +20 succeed, 0 fail +20 succeed, 0 fail `, out.String())
	require.NotRegexp(t, `without the proxy +20 succeed, 0 fail +20 succeed`, out.String())
}
