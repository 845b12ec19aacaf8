package tcotel_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tcotel"
	"github.com/tcretry/tcretry/tctest"
)

func TestNamesOfSpansAreBounded(t *testing.T) {
	seen := newSeen()
	rt := tcotel.New(tctest.NewAPI(), seen.config())
	for i := range 1001 {
		roundTrip(t, rt, newRequest(t, t.Context(), "Action"+strings.Repeat("x", i%100)+strings.Repeat("y", i/100)))
	}
	names := map[string]bool{}
	for _, span := range seen.ended() {
		names[span.Name()] = true
	}
	require.Len(t, names, 1000+len([]string{"attempt", "tencentcloud"}))
	folded := seen.named("tencentcloud")
	require.Len(t, folded, 1)
	require.Equal(t, "_OTHER", attributes(folded[0])["rpc.method"])
	require.Equal(t, "cvm/Actionyyyyyyyyyy", attributes(folded[0])["rpc.method_original"])
}

func TestARequestThatNamesNoActionHasTheNameOfTheSystem(t *testing.T) {
	seen := newSeen()
	req := newRequest(t, t.Context(), "RunInstances")
	req.Header.Del("X-TC-Action")
	req.Method = "PURGE"
	req.URL.Host = "localhost:8080"
	roundTrip(t, tcotel.New(tctest.NewAPI(), seen.config()), req)
	got := attributes(seen.named("tencentcloud")[0])
	require.NotContains(t, got, "rpc.method")
	require.Equal(t, "_OTHER", got["http.request.method"])
	require.Equal(t, "localhost", got["server.address"])
	require.Equal(t, "8080", got["server.port"])
}

func TestAnActionOfAnUnknownServiceIsNamedByItself(t *testing.T) {
	seen := newSeen()
	req := newRequest(t, t.Context(), "RunInstances")
	req.Host, req.URL.Host = "", "localhost:8080"
	roundTrip(t, tcotel.New(tctest.NewAPI(), seen.config()), req)
	require.Len(t, seen.named("RunInstances"), 1)
}
