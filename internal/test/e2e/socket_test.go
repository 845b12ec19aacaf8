package e2e_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
)

// socketCall makes one call to a real address and returns the events of its
// hooks.
func socketCall(t *testing.T, address, action, body string) (*http.Response, probe.Events, error) {
	t.Helper()
	var events probe.Events
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	rt := tcretry.New(base, tcretry.WithHooks(events.Hooks()), tcretry.WithPolicy(probe.Quick()))
	req := probe.SDKRequest(t, action, strings.NewReader(body))
	var err error
	req.URL, err = url.Parse(address)
	require.NoError(t, err)
	resp, err := rt.RoundTrip(req)
	if err == nil {
		t.Cleanup(func() { _ = resp.Body.Close() })
	}
	return resp, events, err
}

func TestAnUntrustedCertificateIsTerminal(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // the handshake's failure is meant
	srv.StartTLS()
	defer srv.Close()
	_, events, err := socketCall(t, srv.URL, "DescribeInstances", `{}`)
	require.ErrorContains(t, err, "certificate")
	require.Len(t, events.Attempts, 1)
	require.Equal(t, tcretry.StopTerminal, events.Done[0].Reason)
}

func TestARefusedConnectionIsRetriedForEveryAction(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := "http://" + listener.Addr().String()
	require.NoError(t, listener.Close())
	_, events, err := socketCall(t, address, "RunInstances", `{}`)
	require.ErrorContains(t, err, "refused")
	require.Len(t, events.Attempts, 4)
	require.Equal(t, tcretry.Transient, events.Attempts[0].Class)
	require.Equal(t, tcretry.StopMaxAttempts, events.Done[0].Reason)
}

func TestAFailedHandshakeIsRetriedForEveryAction(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler()) // speaks no TLS
	defer srv.Close()
	_, events, err := socketCall(t, strings.Replace(srv.URL, "http", "https", 1), "RunInstances", `{}`)
	require.Error(t, err)
	require.Len(t, events.Attempts, 4)
	require.Equal(t, tcretry.Transient, events.Attempts[0].Class)
}

func TestABadSchemeIsTerminal(t *testing.T) {
	_, events, err := socketCall(t, "ftp://127.0.0.1/", "DescribeInstances", `{}`)
	require.ErrorContains(t, err, "unsupported protocol scheme")
	require.Len(t, events.Attempts, 1)
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	srv := httptest.NewServer(http.RedirectHandler("http://elsewhere.invalid/", http.StatusFound))
	defer srv.Close()
	resp, events, err := socketCall(t, srv.URL, "DescribeInstances", `{}`)
	require.NoError(t, err)
	require.Equal(t, http.StatusFound, resp.StatusCode)
	require.Len(t, events.Attempts, 1)
}
