package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/bodies/bodytest"
	"github.com/tcretry/tcretry/internal/test/probe"
)

// What is retried is closed before the next attempt, once, so that its connection is free
// then; the last response is the caller's. No buffer stays in use.
func TestTheResponseOfEachAttemptIsClosedBeforeTheNext(t *testing.T) {
	for name, response := range map[string]struct {
		status int
		text   string
	}{
		"an API error": {http.StatusOK, `{"Response":{"Error":{"Code":"InternalError","Message":"m"},"RequestId":"r"}}`},
		"a page":       {http.StatusBadGateway, "<html>" + strings.Repeat("bad gateway ", 20_000)},
		"nothing":      {http.StatusServiceUnavailable, ""},
	} {
		inUse := bodytest.InUse()
		var closers []*probe.CloseCounter
		base := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
			for _, c := range closers {
				require.Equal(t, 1, c.Closed, name)
			}
			body := &probe.CloseCounter{Reader: strings.NewReader(response.text)}
			closers = append(closers, body)
			return &http.Response{StatusCode: response.status, Header: http.Header{}, Body: body, ContentLength: -1}, nil
		})
		resp, err := tcretry.New(base, tcretry.WithPolicy(probe.Quick())).RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
		require.NoError(t, err, name)
		require.Len(t, closers, 4, name)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 1, closers[3].Closed, name)
		require.Equal(t, inUse, bodytest.InUse(), name)
	}
}
