package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain is the program itself when a test starts it.
func TestMain(m *testing.M) {
	if os.Getenv("BE_THE_PROGRAM") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// requireMetrics waits until the address in the first line of out serves the
// metrics of a call that ended.
func requireMetrics(t *testing.T, out *bufio.Reader) {
	t.Helper()
	line, err := out.ReadString('\n')
	require.NoError(t, err)
	url := strings.TrimSpace(strings.TrimPrefix(line, "metrics: "))
	require.Eventually(t, func() bool {
		resp, err := http.Get(url)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		return err == nil && resp.StatusCode == http.StatusOK && strings.Contains(string(text), "tcretry_calls_total{")
	}, time.Minute, 10*time.Millisecond)
}

func TestMetricsAreServedWhileTheAPIIsCalledAndShownAtTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error)
	go func() {
		err := run(ctx, in, "localhost:0")
		_ = in.CloseWithError(err)
		ended <- err
	}()
	lines := bufio.NewReader(out)
	requireMetrics(t, lines)
	cancel()
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.NoError(t, <-ended)
	require.Contains(t, string(rest), `reason="canceled"`, "calls under way end with the program")
}

func TestCtrlCEndsItCleanly(t *testing.T) {
	program := exec.CommandContext(t.Context(), os.Args[0], "-for", "0")
	program.Env = append(os.Environ(), "BE_THE_PROGRAM=1")
	program.Stderr = os.Stderr
	out, err := program.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, program.Start())
	lines := bufio.NewReader(out)
	requireMetrics(t, lines)
	require.NoError(t, program.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.NoError(t, program.Wait(), "its status is 0")
	require.Contains(t, string(rest), "tcretry_calls_total")
}

func TestItEndsByItselfAfterTheTimeGiven(t *testing.T) {
	program := exec.CommandContext(t.Context(), os.Args[0], "-for", "200ms")
	program.Env = append(os.Environ(), "BE_THE_PROGRAM=1")
	out, err := program.Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "tcretry_calls_total")
}

func TestAnAddressThatCannotBeServedIsAnError(t *testing.T) {
	require.Error(t, run(t.Context(), io.Discard, "localhost:-1"))
}
