package tcotel_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcotel"
	"github.com/tcretry/tcretry/tctest"
)

func TestARequestToAnotherServiceHasNoSpanAndIsInNoMetric(t *testing.T) {
	seen := newSeen()
	var sent *http.Request
	rt := tcotel.New(baseFunc(func(req *http.Request) (*http.Response, error) {
		sent = req
		return echo(req)
	}), seen.config())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://example.com/?Action=Buy", nil)
	require.NoError(t, err)
	require.False(t, rt.InScope(req))
	roundTrip(t, rt, req)
	require.Same(t, req, sent)
	require.Empty(t, seen.tree())
	require.Empty(t, seen.counted(t, "tcretry.calls"))
}

// The base may ask other services, such as the one that gives a virtual machine
// its credentials, with the context of an attempt and over the same client: as
// part of the attempt, or beside it and for longer.
func TestARequestThatTheBaseMakesToAnotherServiceIsNoAttempt(t *testing.T) {
	seen, api := newSeen(), tctest.NewAPI()
	ended, asked := make(chan struct{}), make(chan struct{})
	var rt *tcotel.Transport
	rt = tcotel.New(baseFunc(func(req *http.Request) (*http.Response, error) {
		if req.URL.Host == "metadata.tencentyun.com" {
			return echo(req)
		}
		ctx := context.WithoutCancel(req.Context())
		metadata, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://metadata.tencentyun.com/latest", nil)
		require.NoError(t, err)
		roundTrip(t, rt, metadata)
		go func() {
			defer close(asked)
			<-ended
			if resp, err := rt.RoundTrip(metadata); err == nil {
				_ = resp.Body.Close()
			}
		}()
		return api.RoundTrip(req)
	}), seen.config())
	roundTrip(t, rt, newRequest(t, t.Context(), "RunInstances"))
	close(ended)
	<-asked
	seen.requireAllEnded(t)
	require.Equal(t, "cvm/RunInstances (client)\n  attempt (internal)\n", seen.tree())
}

// Of two in one chain the outer one makes the attempts and the spans.
func TestTheInnerOfTwoHasNoSpans(t *testing.T) {
	seen, api := newSeen(), tctest.NewAPI()
	api.Default(tctest.Fail("InternalError", ""))
	rt := tcotel.New(tcotel.New(api, seen.config()), seen.config(), tcretry.WithPolicy(soon))
	roundTrip(t, rt, newRequest(t, t.Context(), "RunInstances"))
	seen.requireAllEnded(t)
	require.Equal(t, "cvm/RunInstances (client)\n"+strings.Repeat("  attempt (internal)\n", 4), seen.tree())
	require.Len(t, api.Recorded(), 4)
}

// A nil base means what it means for tcretry.New, also in the place of the default
// transport itself.
func TestOneWithoutABaseAsTheDefaultTransportMakesOneHop(t *testing.T) {
	original := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = original })
	for _, base := range []http.RoundTripper{nil, new(tcretry.Transport)} {
		api := tctest.NewAPI()
		srv := api.Start(t)
		seen := newSeen()
		address, err := url.Parse(srv.URL)
		require.NoError(t, err)
		http.DefaultTransport = srv.Transport()
		http.DefaultTransport = tcotel.New(base, seen.config())
		for range 2 {
			req := newRequest(t, t.Context(), "DescribeZones")
			req.URL, req.Host = address, ""
			roundTrip(t, http.DefaultTransport, req)
		}
		require.Len(t, api.Recorded(), 2)
		seen.requireAllEnded(t)
		require.Len(t, seen.named("attempt"), 2)
		resp, err := http.Get(srv.URL)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Len(t, seen.named("attempt"), 2)
	}
}
