package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/examples/internal/golden"
)

// tokens are what differs from run to run.
var tokens = regexp.MustCompile(`(token +|ClientToken":")[0-9A-F-]{36}`)

// lines are command lines; their output is in testdata/output.txt.
var lines = [][]string{
	{},
	{"-action", "DescribeInstances", "-param", "Limit=1", "-param", `InstanceIds=["ins-1"]`, "-param", "Name=a b"},
	{"-action", "RunInstances", "-json", `{ "ImageId": "img-1" }`, "-region", ""},
	{"-service", "C", "-action", "run it", "-version", "1", "-region", "!", "-json", "[]", "-param", "x", "-param", "=1", "-param", "A=1", "-param", "A=2"},
	{"-json", "null", "RunInstances"},
	{"-json", "{"},
	{"-limit", "1"},
	{"-real"},
}

func TestOutputIsThatOfTheGoldenFile(t *testing.T) {
	t.Setenv("TENCENTCLOUD_SECRET_ID", "")
	t.Setenv("TENCENTCLOUD_SECRET_KEY", "")
	var out bytes.Buffer
	for _, args := range lines {
		out.WriteString("$ signed " + strings.Join(args, " ") + "\n")
		code := run(t.Context(), args, &out, &out)
		out.WriteString("exit " + string(rune('0'+code)) + "\n\n")
	}
	got := tokens.ReplaceAll(out.Bytes(), []byte("${1}a-random-token"))
	golden.RequireOutput(t, got)
}

// A key in the environment alone must not send anything.
func TestTheRealAPIIsCalledOnlyWhenAskedFor(t *testing.T) {
	t.Setenv("TENCENTCLOUD_SECRET_ID", "AKIDOTHER")
	t.Setenv("TENCENTCLOUD_SECRET_KEY", "SKOTHER")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1") // nothing could leave
	var out bytes.Buffer
	require.Zero(t, run(t.Context(), nil, &out, &out))
	require.Contains(t, out.String(), "an API inside of this program")
	require.NotContains(t, out.String(), "AKIDOTHER")
}

func TestHelpListsTheFlags(t *testing.T) {
	var out, errs bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"-h"}, &out, &errs))
	require.Contains(t, out.String(), "-param Name=value")
	require.Empty(t, errs.String())
}
