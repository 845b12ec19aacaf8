package tc3_test

import (
	"cmp"
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

// layer is a layer around a base, with connections to close.
type layer struct {
	http.RoundTripper
	closed int
}

func (l *layer) CloseIdleConnections() { l.closed++ }

// The mark against endless loops is in a copy of the request, which nobody sees.
func TestANilBaseReturnsWhatTheDefaultTransportReturns(t *testing.T) {
	original := http.DefaultTransport
	defer func() { http.DefaultTransport = original }()
	other := newRequest(t, nil)
	for name, row := range map[string]struct {
		respond func(req *http.Request) (*http.Response, error)
		request *http.Request // of the response, if it is not that of the caller
		err     error
	}{
		"the request": {respond: func(req *http.Request) (*http.Response, error) { return &http.Response{Request: req}, nil }},
		"another":     {respond: func(*http.Request) (*http.Response, error) { return &http.Response{Request: other}, nil }, request: other},
		"an error":    {respond: func(*http.Request) (*http.Response, error) { return nil, errBroken }, err: errBroken},
	} {
		http.DefaultTransport = baseFunc(row.respond)
		req := newRequest(t, nil)
		req.Header.Set("Authorization", "SKIP")
		resp, err := new(tc3.Transport).RoundTrip(req)
		require.Equal(t, row.err, err, name)
		if err == nil {
			require.Same(t, cmp.Or(row.request, req), resp.Request, name)
		}
	}
}

func TestANilBaseClosesTheIdleConnectionsOfTheDefaultTransport(t *testing.T) {
	original := http.DefaultTransport
	defer func() { http.DefaultTransport = original }()
	outside := &layer{}
	http.DefaultTransport = outside
	rt := &tc3.Transport{}
	for i := range 2 {
		rt.CloseIdleConnections()
		require.Equal(t, i+1, outside.closed)
	}
}
