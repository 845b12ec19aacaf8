package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The program starts itself again; in a test that is the test.
func TestMain(m *testing.M) {
	if job, ok := jobOfProcess(); ok {
		exit(job.run())
	}
	os.Exit(m.Run())
}

// small is a fleet that is done within seconds.
var small = size{processes: 2, callers: 4, calls: 60, quota: 40}

var (
	numbers = regexp.MustCompile(` +[0-9.]+`)
	redisIs = regexp.MustCompile(`Redis is .*\.`)
)

func TestOutputIsThatOfTheGoldenFile(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, false, small))
	got := numbers.ReplaceAll(out.Bytes(), []byte(" #"))
	got = redisIs.ReplaceAll(got, []byte("Redis is there."))
	if *update {
		require.NoError(t, os.WriteFile("testdata/output.txt", got, 0o644))
	}
	want, err := os.ReadFile("testdata/output.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestALineShowsTheFleetOnATerminal(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, true, small))
	require.Regexp(t, "\rtogether, over Redis +█+░* +[0-9]+ of 60", out.String())
}

// As after Ctrl-C. run waits for what it started.
func TestAnInterruptEndsTheProcesses(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := run(ctx, new(bytes.Buffer), false, size{processes: 2, callers: 4, calls: 4000, quota: 1})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
