package main

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The test binary is the command as well.
func TestMain(m *testing.M) {
	if os.Getenv("TCRETRY_TEST_PROXY") != "" {
		main()
	}
	os.Exit(m.Run())
}

// output is written by a process and read by the test.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) find(pattern string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if found := regexp.MustCompile(pattern).FindStringSubmatch(o.text.String()); found != nil {
		return found[1]
	}
	return ""
}

func TestTheAdminAddressHasMetricsOfTheCalls(t *testing.T) {
	var log output
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-listen", "127.0.0.1:0", "-admin", "127.0.0.1:0", "-max-body-bytes", "10")
	// Nothing leaves this machine: the way to the API is a port that nobody listens on.
	cmd.Env = append(os.Environ(), "TCRETRY_TEST_PROXY=1", "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=")
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	require.Eventually(t, func() bool { return log.find(`admin=(\S+)`) != "" }, 20*time.Second, 5*time.Millisecond)

	at := &url.URL{Scheme: "http", Host: log.find(`listen=(\S+)`)}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(at)}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://cvm.tencentcloudapi.com/", nil)
	require.NoError(t, err)
	req.Header.Set("X-TC-Action", "RunInstances")
	resp, err := client.Do(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadGateway, resp.StatusCode)
	resp.Body.Close()

	resp, err = http.Get("http://" + log.find(`admin=(\S+)`) + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Regexp(t, `tcretry_attempts_total\{action="RunInstances",class="transient",region="[^"]*",service="cvm"\} 4`, string(text))
	require.Contains(t, string(text), `transport="proxy"`)
	require.Contains(t, string(text), "go_goroutines")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())
}

func TestItsCommandLineIsThatOfTheProxy(t *testing.T) {
	for args, want := range map[string]string{"-h": "-dangerously-listen-beyond-loopback", "-nonsense": "", "-listen=:80": "", "stray": ""} {
		var stdout, stderr bytes.Buffer
		code := run([]string{args}, &stdout, &stderr)
		require.Contains(t, stdout.String(), want)
		require.Equal(t, want == "", code == 2, args)
		require.Equal(t, want == "", stderr.Len() > 0, args)
	}
}
