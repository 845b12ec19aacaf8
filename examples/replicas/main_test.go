package main

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/examples/internal/golden"
)

// The program starts itself again; in a test that is the test binary.
func TestMain(m *testing.M) {
	if job, ok := jobOfProcess(); ok {
		exit(job.run())
	}
	os.Exit(m.Run())
}

// quick is a run of a few seconds.
var quick = size{processes: 2, callers: 4, calls: 60, limit: 40}

var (
	numbers = regexp.MustCompile(` +[0-9.]+`)
	redisIs = regexp.MustCompile(`Redis is .*\.`)
)

func TestOutputIsThatOfTheGoldenFile(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, false, quick))
	got := numbers.ReplaceAll(out.Bytes(), []byte(" #"))
	got = redisIs.ReplaceAll(got, []byte("Redis is there."))
	golden.RequireOutput(t, got)
}

func TestALineShowsProgressOnATerminal(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, true, quick))
	require.Regexp(t, "\rtogether, over Redis +█+░* +[0-9]+ of 60", out.String())
}

// As after Ctrl-C: run waits for the processes that it started.
func TestAnInterruptEndsTheProcesses(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := run(ctx, new(bytes.Buffer), false, size{processes: 2, callers: 4, calls: 4000, limit: 1})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// The run without flags is the one of the package comment and docs/rate-limiting.md. How long
// it takes is up to the machine: its time is tested in virtual time, in bench.
func TestTheRunIsAsDocumented(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 12 seconds")
	}
	page, err := os.ReadFile("../../docs/rate-limiting.md")
	require.NoError(t, err)
	require.Contains(t, string(page), "`go run ./examples/replicas`, 240 calls in about six")
	require.Equal(t, size{processes: 8, callers: 4, calls: 240, limit: 40}, small)
	require.Contains(t, source, "API takes 40 calls per second, and eight processes make 240.")

	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, false, small))
	runs := regexp.MustCompile(`[0-9.]+ s = [0-9.]+ times the optimum; throttled +([0-9]+) = .*; failed calls ([0-9]+);`).FindAllStringSubmatch(out.String(), -1)
	require.Len(t, runs, 2)
	var throttled [2]int
	for i, text := range runs {
		throttled[i], err = strconv.Atoi(text[1])
		require.NoError(t, err)
		require.Equal(t, "0", text[2], out.String())
	}
	require.Less(t, throttled[1], throttled[0], out.String())
}

func TestAnInvalidSizeIsAnError(t *testing.T) {
	require.NoError(t, small.validate())
	require.NoError(t, size{processes: 10, callers: 4, calls: 2000, limit: 20}.validate())
	require.EqualError(t, size{processes: 0, calls: 3}.validate(),
		"-processes 0: want 1 or more\n-limit 0: want 1 or more")
	require.EqualError(t, size{processes: 7, calls: 100, limit: 20}.validate(), "-calls 100: want a multiple of -processes above -limit")
	require.EqualError(t, size{processes: 8, calls: 40, limit: 40}.validate(), "-calls 40: want a multiple of -processes above -limit")
}
