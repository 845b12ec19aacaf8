package tc3_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tc3"
)

// The zero Transport may be, or be part of, the default transport itself.
func TestANilBaseNeverLeadsBack(t *testing.T) {
	var requests, layer atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	defer srv.Close()
	original := http.DefaultTransport
	defer func() { http.DefaultTransport = original }()
	for name, wrap := range map[string]func(http.RoundTripper) http.RoundTripper{
		"alone": func(rt http.RoundTripper) http.RoundTripper { return rt },
		"wrapped": func(rt http.RoundTripper) http.RoundTripper {
			return baseFunc(func(req *http.Request) (*http.Response, error) {
				layer.Add(1)
				return rt.RoundTrip(req)
			})
		},
	} {
		http.DefaultTransport = wrap(&tc3.Transport{Service: "cvm", Source: tc3.Static(tc3.Credentials{SecretID: "id", SecretKey: "key"})})
		for i := range 3 {
			layer.Store(0)
			req := newRequest(t, strings.NewReader(`{}`))
			req.URL.Scheme, req.URL.Host = "http", strings.TrimPrefix(srv.URL, "http://")
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.EqualValues(t, 1, requests.Swap(0), name)
			require.True(t, i == 0 || layer.Load() <= 1)
		}
		http.DefaultClient.CloseIdleConnections()
	}
}
