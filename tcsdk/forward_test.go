package tcsdk_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcsdk"
	"github.com/tcretry/tcretry/tctest"
)

// named is a RoundTripper that has the service of its requests, and counts how often
// its idle connections were closed.
type named struct {
	*tctest.API
	closed *int
}

func (named) ServiceOf(*http.Request) string { return "cvm" }

func (n named) CloseIdleConnections() { *n.closed++ }

func TestTheServiceOfAClientsRoundTripperIsFound(t *testing.T) {
	p := profile.NewClientProfile()
	p.SignMethod, p.HttpProfile.Endpoint = "HmacSHA256", "gateway.local"
	client := newProduct(p)
	client.WithHttpTransport(named{tctest.NewAPI(), new(int)})
	service := ""
	require.NoError(t, tcsdk.New(tcretry.WithHooks(tcretry.Hooks{
		CallDone: func(_ context.Context, i tcretry.CallInfo) { service = i.Service },
	})).Use(client))
	require.NoError(t, send(client, "DescribeZones"))
	require.Equal(t, "cvm", service)
}

func TestIdleConnectionsAreClosedWhereTheClientHasThem(t *testing.T) {
	ofClient, ofDefault := 0, 0
	setDefaultTransport(t, named{tctest.NewAPI(), &ofDefault})
	transport := tcsdk.New()
	shared := &http.Client{Transport: named{tctest.NewAPI(), &ofClient}}
	common.DefaultHttpClient = shared
	defer func() { common.DefaultHttpClient = nil }()
	require.NoError(t, transport.Use(newProduct(profile.NewClientProfile())))
	shared.CloseIdleConnections()
	require.Equal(t, []int{1, 0}, []int{ofClient, ofDefault})
	transport.CloseIdleConnections()
	require.Equal(t, []int{1, 1}, []int{ofClient, ofDefault})
}

func TestIdleConnectionsOfAClientWithoutATransportAreThoseOfTheDefaultOne(t *testing.T) {
	ofDefault := 0
	setDefaultTransport(t, named{tctest.NewAPI(), &ofDefault})
	shared := new(http.Client)
	common.DefaultHttpClient = shared
	defer func() { common.DefaultHttpClient = nil }()
	require.NoError(t, tcsdk.New().Use(newProduct(profile.NewClientProfile())))
	shared.CloseIdleConnections()
	require.Equal(t, 1, ofDefault)
}

// Callers read the request of a response: the SDK its context, others its URL.
func TestTheResponseIsToTheCallersRequest(t *testing.T) {
	shared := &http.Client{Transport: tctest.NewAPI()}
	common.DefaultHttpClient = shared
	defer func() { common.DefaultHttpClient = nil }()
	require.NoError(t, tcsdk.New().Use(newProduct(profile.NewClientProfile())))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://cvm.tencentcloudapi.com/", nil)
	require.NoError(t, err)
	resp, err := shared.Transport.RoundTrip(req)
	require.NoError(t, err)
	require.Same(t, req, resp.Request)
	require.NoError(t, resp.Body.Close())
}

// A RoundTripper that follows redirects, for example, returns the response to its own
// request.
func TestAResponseToAnotherRequestKeepsIt(t *testing.T) {
	other, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://cvm.tencentcloudapi.com/other", nil)
	require.NoError(t, err)
	shared := &http.Client{Transport: roundTripperFunc(func(*http.Request) (*http.Response, error) {
		return tctest.NewAPI().RoundTrip(other)
	})}
	common.DefaultHttpClient = shared
	defer func() { common.DefaultHttpClient = nil }()
	require.NoError(t, tcsdk.New().Use(newProduct(profile.NewClientProfile())))
	req := other.Clone(t.Context())
	resp, err := shared.Transport.RoundTrip(req)
	require.NoError(t, err)
	require.Same(t, other, resp.Request)
	require.NoError(t, resp.Body.Close())
}
