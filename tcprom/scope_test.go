package tcprom_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcprom"
	"github.com/tcretry/tcretry/tctest"
)

func TestARequestToAnotherServiceIsInNoMetric(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{})
	api := tctest.NewAPI()
	api.Default(tctest.Status(http.StatusTooManyRequests, ""))
	rt := tcretry.New(api, tcretry.WithHooks(metrics.Hooks()))
	require.NoError(t, metrics.Watch("default", rt))
	before := scrape(t, registry)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://example.com/?Action=Buy", nil)
	require.NoError(t, err)
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, before, scrape(t, registry))
}
