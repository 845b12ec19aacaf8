package tc3_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tc3"
)

// What a program put around the default transport sees every request, signed: only a
// request that comes back goes past it.
func TestANilBaseKeepsTheLayersOfTheDefaultTransport(t *testing.T) {
	original := http.DefaultTransport
	defer func() { http.DefaultTransport = original }()
	requests := 0
	var sent *http.Request
	http.DefaultTransport = baseFunc(func(req *http.Request) (*http.Response, error) {
		requests++
		sent = req
		resp := newResponse("", "")
		resp.Request = req
		return resp, nil
	})
	rt := &tc3.Transport{Source: tc3.Static(keyA)}
	for i := range 3 {
		req := newRequest(t, strings.NewReader("{}"))
		resp, err := rt.RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, i+1, requests)
		require.NotEmpty(t, sent.Header.Get("Authorization"))
		require.Same(t, req, resp.Request)
	}
}
