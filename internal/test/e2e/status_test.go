package e2e_test

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

// statuses are the statuses without an envelope that are retried, and how many
// attempts a read-only request and another one make. All others make one.
var statuses = map[int]struct{ read, write int }{
	http.StatusRequestTimeout:  {4, 1},
	http.StatusTooEarly:        {4, 1},
	http.StatusTooManyRequests: {4, 4},
}

func TestEveryHTTPStatusWithoutAnEnvelopeIsRetriedOrNot(t *testing.T) {
	for status := 200; status < 600; status++ {
		want, listed := statuses[status]
		switch {
		case status >= 500 && status != http.StatusNotImplemented:
			want.read, want.write = 4, 1
		case !listed:
			want.read, want.write = 1, 1
		}
		for action, attempts := range map[string]int{"DescribeInstances": want.read, "RunInstances": want.write} {
			synctest.Test(t, func(t *testing.T) {
				api := probe.Always(tctest.Status(status, "<html>"))
				var events probe.Events
				rt := tcretry.New(api, tcretry.WithoutRateLimiter(), tcretry.WithoutBudget(), tcretry.WithHooks(events.Hooks()))
				resp, err := rt.RoundTrip(probe.SDKRequest(t, action, nil))
				require.NoError(t, err)
				require.Equal(t, status, resp.StatusCode)
				require.NoError(t, resp.Body.Close())
				require.Len(t, api.Recorded(), attempts, "%d %s", status, action)
				require.Equal(t, status < 400, events.Done[0].Class == tcretry.Success, status)
			})
		}
	}
}
