package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"github.com/tcretry/tcretry/tctest"
)

// nodeModules returns the folder of the official Node SDK. Without it or without node
// the test is skipped, but in the step of CI that installs them.
func nodeModules(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("TCRETRY_NODE_MODULES")
	if folder == "" {
		folder = "node/node_modules"
	}
	folder, err := filepath.Abs(folder)
	require.NoError(t, err)
	_, err = exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(folder, "tencentcloud-sdk-nodejs-common"))
	}
	if err != nil && os.Getenv("TCRETRY_NEED_NODE") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skipf("%v: install node, then run npm ci --prefix examples/proxy/node", err)
	}
	return folder
}

// nodeResult is what node/call.js prints.
type nodeResult struct {
	Succeeded int      `json:"succeeded"`
	Errors    []string `json:"errors"`
}

// node runs the program of the Node SDK with settings.
func node(t *testing.T, modules string, settings map[string]any) (r nodeResult) {
	t.Helper()
	settings["secretId"], settings["secretKey"] = secretID, secretKey
	text, err := json.Marshal(settings)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "node", "node/call.js", string(text))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "NODE_PATH=" + modules}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(out, &r))
	return r
}

// signedAPI takes ten calls per second, and checks their signatures.
func signedAPI() *tctest.API {
	api := tctest.NewAPI()
	api.RateLimit("DescribeZones", 10, tctest.FixedWindow)
	api.CheckSignatures(map[string]string{secretID: secretKey})
	return api
}

// overTLS is the way to the API over TLS.
func overTLS(t *testing.T, api *tctest.API) *http.Transport {
	base := api.StartTLS(t).Transport()
	base.DisableCompression = true
	return base
}

// Fifty calls at once with the official Node SDK and fifty with the Go SDK, to an API
// that takes ten per second: none fails.
func TestTheNodeAndTheGoSDKShareOneRateLimiter(t *testing.T) {
	modules := nodeModules(t)
	const calls = 50
	t.Run("over the proxy", func(t *testing.T) {
		api := signedAPI()
		address, stop, err := startProxy(overTLS(t, api))
		require.NoError(t, err)
		defer stop()
		started, fromGo := time.Now(), make(chan result, 1)
		go func() { fromGo <- callAtOnce(overProxy(address), calls) }()
		fromNode := node(t, modules, map[string]any{
			"calls": calls, "action": "DescribeZones", "protocol": "http://", "proxy": "http://" + address,
		})
		require.Equal(t, result{succeeded: calls}, <-fromGo)
		require.Empty(t, fromNode.Errors)
		require.Equal(t, calls, fromNode.Succeeded)
		require.Equal(t, 2*calls, api.Executions("DescribeZones"))
		t.Logf("%d calls in %.1f s, %d attempts", 2*calls, time.Since(started).Seconds(), api.Attempts(""))
	})
	t.Run("without it", func(t *testing.T) {
		api := signedAPI()
		way, stop, err := wayTo(api, false)
		require.NoError(t, err)
		defer stop()
		p := profileOf(way)
		fromGo := make(chan result, 1)
		go func() { fromGo <- callAtOnce(way, calls) }()
		fromNode := node(t, modules, map[string]any{
			"calls": calls, "action": "DescribeZones", "protocol": p.Scheme + "://", "endpoint": p.Endpoint,
		})
		one := <-fromGo
		require.NoError(t, one.err)
		require.Greater(t, one.failed+len(fromNode.Errors), calls)
		t.Logf("of %d calls %d fail", 2*calls, one.failed+len(fromNode.Errors))
	})
}

// What the proxy refuses is in the error that the Node SDK shows: it shows the status
// line of a response and nothing else.
func TestTheErrorOfTheNodeSDKSaysWhatToSetAndWhatHappened(t *testing.T) {
	modules := nodeModules(t)
	api := signedAPI()
	api.Script("RunInstances", tctest.DropAfterExecution())
	address, stop, err := startProxy(overTLS(t, api))
	require.NoError(t, err)
	defer stop()
	r := node(t, modules, map[string]any{"calls": 1, "action": "DescribeZones", "protocol": "https://", "proxy": "http://" + address})
	require.Len(t, r.Errors, 1)
	require.Contains(t, r.Errors[0], "set the protocol of the client to HTTP")
	r = node(t, modules, map[string]any{"calls": 1, "action": "RunInstances", "protocol": "http://", "proxy": "http://" + address})
	require.Len(t, r.Errors, 1)
	require.Contains(t, r.Errors[0], "the request may have been executed")
	require.Equal(t, 1, api.Executions("RunInstances"))
}

// profileOf is what a program sets.
func profileOf(way func(*profile.HttpProfile)) *profile.HttpProfile {
	p := profile.NewHttpProfile()
	way(p)
	return p
}
