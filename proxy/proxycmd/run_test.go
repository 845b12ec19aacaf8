package proxycmd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/proxy"
	"github.com/tcretry/tcretry/proxy/proxycmd"
	"github.com/tcretry/tcretry/tctest"
)

var anyPort = []string{"-listen", "127.0.0.1:0", "-admin", "127.0.0.1:0"}

// call makes a call through the process and returns the status and the body.
func call(t *testing.T, client *http.Client, action string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://cvm.tencentcloudapi.com/", strings.NewReader(`{"Password":"hunter2"}`))
	require.NoError(t, err)
	req.Header.Set("X-TC-Action", action)
	req.Header.Set("X-TC-Token", "token-of-mine")
	req.Header.Set("Authorization", "TC3-HMAC-SHA256 Credential=AKIDmine/2026-01-01/cvm/tc3_request, SignedHeaders=host, Signature=abcdef")
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

func TestAProcessMakesCallsReloadsItsPolicyAndDrains(t *testing.T) {
	api := tctest.NewAPI(tctest.Throttle(), tctest.OK(nil))
	policy := filepath.Join(t.TempDir(), "policy.json")
	require.NoError(t, os.WriteFile(policy, []byte(`{"maxAttempts": 2}`), 0o600))
	p := start(t, internet(t, api), append(anyPort, "-policy", policy)...)
	client := p.client()
	status, body := call(t, client, "DescribeZones")
	require.Equal(t, 200, status, body)
	require.Equal(t, 2, api.Attempts("DescribeZones"))
	require.NotContains(t, api.Recorded()[0].Header, "Accept-Encoding", "the client did not ask for compression")

	api.Default(tctest.Fail("InternalError", "the message with hunter2 in it"))
	attempts := func() int {
		before := api.Attempts("")
		_, _ = call(t, client, "DescribeZones")
		return api.Attempts("") - before
	}
	require.Equal(t, 2, attempts())
	require.NoError(t, os.WriteFile(policy, []byte(`{"maxAttempts": 1}`), 0o600))
	p.signal(syscall.SIGHUP)
	p.wait(`(?s)policy read.*(policy read)`)
	require.Equal(t, 1, attempts())
	require.NoError(t, os.WriteFile(policy, []byte(`{"maxAttempts": "many", "maxDelay": 1}`), 0o600))
	p.signal(syscall.SIGHUP)
	p.wait(`level=ERROR msg="tcretry: policy not read, the one before stays in force".*maxAttempts.*maxDelay`)
	require.Equal(t, 1, attempts())

	resp, err := http.Get(p.admin() + "/state")
	require.NoError(t, err)
	defer resp.Body.Close()
	var state proxy.State
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&state))
	require.EqualValues(t, 4, state.Calls.Total)

	p.signal(syscall.SIGTERM)
	require.Equal(t, proxycmd.ExitOK, p.exit(), p.log())
	require.Contains(t, p.log(), "proxy draining")
	require.Contains(t, p.log(), "proxy stopped")
	require.Contains(t, p.log(), `response.code=InternalError`)
	for _, text := range []string{"hunter2", "token-of-mine", "AKIDmine", "abcdef", "Authorization"} {
		require.NotContains(t, p.log(), text)
	}
}

func TestACallInProgressOutlivesSIGTERMAndOneThatDoesNotEndIsCutOff(t *testing.T) {
	for drain, want := range map[string]int{"20s": proxycmd.ExitOK, "100ms": proxycmd.ExitFailed} {
		api := tctest.NewAPI(tctest.Delay(2*time.Second, tctest.OK(nil)))
		p := start(t, internet(t, api), append(anyPort, "-drain-timeout", drain)...)
		client := p.client()
		statuses := make(chan int, 1)
		go func() {
			req, _ := http.NewRequest(http.MethodPost, "http://cvm.tencentcloudapi.com/", nil)
			req.Header.Set("X-TC-Action", "RunInstances")
			resp, err := client.Do(req)
			if err != nil {
				statuses <- 0
				return
			}
			resp.Body.Close()
			statuses <- resp.StatusCode
		}()
		require.Eventually(t, func() bool { return api.Attempts("") == 1 }, patience, time.Millisecond)
		p.signal(syscall.SIGTERM)
		require.Equal(t, want, p.exit(), p.log())
		if want == proxycmd.ExitOK {
			require.Equal(t, 200, <-statuses)
			continue
		}
		require.Zero(t, <-statuses)
		require.Contains(t, p.log(), "1 calls were cut off: they did not end within -drain-timeout, 100ms")
	}
}

func TestWhatCannotStartSaysWhichFlagAndWhatIsAccepted(t *testing.T) {
	first := start(t, nil, anyPort...)
	taken := first.wait(`listen=(\S+)`)
	wrong := filepath.Join(t.TempDir(), "policy.json")
	require.NoError(t, os.WriteFile(wrong, []byte(`{"maxAttempts": -1, "maxDelay": 5}`), 0o600))
	for name, c := range map[string]struct {
		env  string
		args []string
		code int
		want []string
	}{
		"the address is taken": {args: []string{"-listen", taken}, code: 1, want: []string{"-listen: ", "address already in use"}},
		"the admin one, too":   {args: []string{"-listen", "127.0.0.1:0", "-admin", taken}, code: 1, want: []string{"-admin: "}},
		"no policy":            {args: []string{"-policy", "/no/such/file"}, code: 1, want: []string{"-policy: ", "/no/such/file"}},
		"a wrong policy":       {args: []string{"-policy", wrong}, code: 1, want: []string{"maxAttempts", "maxDelay"}},
		"its clients' environment": {
			env: "HTTPS_PROXY=http://localhost:18128", args: []string{"-listen", "127.0.0.1:18128", "-admin", ""}, code: 1,
			want: []string{"HTTPS_PROXY", "unset it"},
		},
		"all mistakes": {
			args: []string{"-listen", ":80", "-admin", "x", "-allow-host", "a/b", "-max-calls", "-1", "-attempt-timeout", "-1s", "-drain-timeout", "-1s"}, code: 2,
			want: []string{"-listen(:80): ", "-admin(x): ", "-allow-host(a/b): ", "-max-calls(-1): ", "-attempt-timeout(-1s): ", "-drain-timeout(-1s): ", "-dangerously-listen-beyond-loopback permits"},
		},
		"an argument": {args: []string{"8080"}, code: 2, want: []string{`unknown argument "8080"`}},
		"a level":     {args: []string{"-log-level", "loud"}, code: 2, want: []string{"-log-level"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, []string{c.env}, c.args...)
			require.Equal(t, c.code, p.exit(), p.log())
			for _, text := range c.want {
				require.Contains(t, p.log(), text)
			}
		})
	}
}

func TestStartedGetsTheTransportAndItsErrorEndsTheCommand(t *testing.T) {
	var got *tcretry.Transport
	command := &proxycmd.Command{Started: func(transport *tcretry.Transport) error {
		got = transport
		return errors.New("no metrics")
	}}
	command.Define(flag.NewFlagSet("", flag.PanicOnError))
	var stderr bytes.Buffer
	require.Equal(t, proxycmd.ExitFailed, command.Run(nil, &stderr))
	require.NotNil(t, got)
	require.Equal(t, "no metrics\n", stderr.String())
}
