package proxy_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/proxy"
	"github.com/tcretry/tcretry/tctest"
)

func (r *running) page(host, path string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, "http://"+r.AdminAddr().String()+path, nil)
	require.NoError(r.t, err)
	req.Host = host
	resp, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	return resp.StatusCode, string(text)
}

func TestTheStateShowsWhatTheLimiterAndTheBudgetKnow(t *testing.T) {
	api := newAPI(tctest.Throttle(), tctest.Fail("InternalError", ""), tctest.Fail("InternalError", ""))
	r := serve(t, overTLS(t, api), proxy.Config{Admin: "127.0.0.1:0", Options: []tcretry.Option{
		tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 2}),
	}})
	require.Equal(t, "InternalError", r.call("RunInstances").code)
	require.Equal(t, 403, r.raw("GET http://example.com/ HTTP/1.0\r\n\r\n").status)
	r.nothingLeft()
	status, text := r.page("", "/state")
	require.Equal(t, 200, status)
	var state map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &state))
	require.Equal(t, map[string]any{
		"inProgress": 0.0, "max": 1000.0, "total": 1.0, "failed": 0.0, "abandoned": 0.0, "refused": 1.0, "overloaded": 0.0,
	}, state["calls"])
	require.Equal(t, false, state["draining"])
	require.Equal(t, 0.0, state["bufferedBytes"])
	limit := state["rateLimits"].([]any)[0].(map[string]any)
	require.Equal(t, apiHost, limit["host"])
	require.Equal(t, "RunInstances", limit["action"])
	require.Contains(t, []any{"open", "own", "shared"}, limit["mode"])
	require.Subset(t, keys(limit), []string{"limit", "rate", "waiting", "inFlight"})
	host := state["budgets"].([]any)[0].(map[string]any)
	require.Equal(t, apiHost, host["host"])
	require.Equal(t, 49.0, math.Floor(host["tokens"].(float64)))
	require.Equal(t, []string{"action", "deferred", "open", "tokens"}, keys(host["actions"].([]any)[0].(map[string]any)))
	for _, value := range []string{secret.SecretID, `"Limit"`, "TC3"} {
		require.NotContains(t, text, value, "nothing of a header or a body")
	}
}

func keys(m map[string]any) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestTheAdminAddressServesItsPagesAndForwardsNothing(t *testing.T) {
	r := serve(t, roundTripper(nil), proxy.Config{
		Admin: "127.0.0.1:0",
		AdminPages: map[string]http.Handler{"/metrics": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "metric 1\n")
		})},
	})
	for path, want := range map[string]string{"/metrics": "200 metric 1\n", "/healthz": "200 ok\n", "/": "404"} {
		status, text := r.page("", path)
		require.Contains(t, fmt.Sprint(status, " ", text), want)
	}
	require.Equal(t, "ProxyError.HostNotAllowed", r.raw("GET /state HTTP/1.1\r\nHost: "+r.Addr().String()+"\r\n\r\n").code, "clients get no page")
	status, _ := r.page(apiHost, "/healthz")
	require.Equal(t, 403, status, "a name that leads here, in a browser")
	for _, host := range []string{"localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:80"} {
		status, _ := r.page(host, "/healthz")
		require.Equal(t, 200, status, host)
	}
}
