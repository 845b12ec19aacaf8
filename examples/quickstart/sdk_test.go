package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	cvm "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/cvm/v20170312"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

// What follows is about settings of the official SDK, which is the real one here.

// newSDKClient returns a client with a profile, over http.
func newSDKClient(t *testing.T, change func(*profile.ClientProfile)) (*cvm.Client, *profile.ClientProfile) {
	p := profile.NewClientProfile()
	p.HttpProfile.Scheme = "http"
	change(p)
	client, err := cvm.NewClient(common.NewCredential("an-id", "a-key"), "ap-guangzhou", p)
	require.NoError(t, err)
	client.WithLogger(log.New(io.Discard, "", 0))
	return client, p
}

// A proxy gets the requests for cvm.tencentcloudapi.com, and the API itself is not
// reached in any other way.
func TestTheSDKKeepsItsProxy(t *testing.T) {
	api := tctest.NewAPI()
	api.Script("DescribeZones", tctest.Fail("InternalError", ""), tctest.OK(map[string]any{"TotalCount": 1}))
	var hosts []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		hosts = append(hosts, req.URL.Host)
		api.Handler().ServeHTTP(w, req)
	}))
	defer proxy.Close()
	client, p := newSDKClient(t, func(p *profile.ClientProfile) { p.HttpProfile.Proxy = proxy.URL })
	client.WithHttpTransport(tcretry.New(sdkBase(p)))
	_, err := client.DescribeZones(cvm.NewDescribeZonesRequest())
	require.NoError(t, err)
	require.Equal(t, []string{"cvm.tencentcloudapi.com", "cvm.tencentcloudapi.com"}, hosts)
}

// TestTheSDKKeepsItsIdleTimeout, whichever line of the documents it is given.
func TestTheSDKKeepsItsIdleTimeout(t *testing.T) {
	for name, transport := range map[string]func(*profile.ClientProfile) http.RoundTripper{
		"none of ours": nil,
		"New(nil)":     func(*profile.ClientProfile) http.RoundTripper { return tcretry.New(nil) },
		"New(sdkBase)": func(p *profile.ClientProfile) http.RoundTripper { return tcretry.New(sdkBase(p)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := tctest.NewAPI().PipeTransport(t)
				closed := probe.ClosedConns(base)
				base.IdleConnTimeout = 90 * time.Second
				original := http.DefaultTransport
				http.DefaultTransport = base
				defer func() { http.DefaultTransport = original }()
				client, p := newSDKClient(t, func(*profile.ClientProfile) {})
				if transport != nil {
					client.WithHttpTransport(transport(p))
				}
				_, err := client.DescribeZones(cvm.NewDescribeZonesRequest())
				require.NoError(t, err)
				time.Sleep(30*time.Second - time.Nanosecond)
				synctest.Wait()
				require.Zero(t, closed.Load())
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				require.EqualValues(t, 1, closed.Load())
			})
		})
	}
}

// The SDK marks every request as idempotent when its retries after connection failures
// are on: nevertheless no write is executed twice.
func TestTheSDKsUnsafeRetryExecutesNoOrderTwice(t *testing.T) {
	for name, answer := range map[string]tctest.Reply{
		"a gateway returns 502":        tctest.AfterExecution(tctest.GatewayError(http.StatusBadGateway)),
		"the connection ends":          tctest.DropAfterExecution(),
		"it is reset amid the headers": tctest.ResetInHeaders(),
		"half of the body comes":       tctest.Truncate(40, tctest.OK(nil)),
	} {
		for _, options := range [][]tcretry.Option{nil, {tcretry.WithPolicy(tcretry.ConservativePolicy())}} {
			t.Run(name, func(t *testing.T) {
				api := tctest.NewAPI()
				api.Script("RunInstances", answer, tctest.OK(nil))
				srv := api.Start(t)
				client, _ := newSDKClient(t, func(p *profile.ClientProfile) {
					p.UnsafeRetryOnConnectionFailure = true
					p.HttpProfile.Endpoint = strings.TrimPrefix(srv.URL, "http://")
				})
				client.WithHttpTransport(tcretry.New(srv.Transport(), options...))
				_, err := client.DescribeZones(cvm.NewDescribeZonesRequest()) // the connection is used then
				require.NoError(t, err)
				_, err = client.RunInstances(cvm.NewRunInstancesRequest())
				require.Error(t, err)
				require.Equal(t, 1, api.Executions("RunInstances"))
				require.Equal(t, []string{"x"}, api.Recorded()[1].Header["X-Idempotency-Key"])
			})
		}
	}
}

// The SDK's breaker counts calls, not attempts: it fails over to another region
// when five have failed. What docs/tcsdk.md says to set follows from this.
func TestTheSDKsRegionBreakerCountsCalls(t *testing.T) {
	for attempts, want := range map[int]int{0: 20, 2: 10, 1: 5} {
		synctest.Test(t, func(t *testing.T) {
			api := tctest.NewAPI()
			api.Default(tctest.Fail("InternalError", ""))
			before, elsewhere := 0, false
			base := roundTripperFunc(func(req *http.Request) (*http.Response, error) {
				if elsewhere = strings.HasPrefix(req.URL.Host, "cvm.ap-"); !elsewhere {
					before++
				}
				return api.RoundTrip(req)
			})
			client, _ := newSDKClient(t, func(p *profile.ClientProfile) { p.DisableRegionBreaker = false })
			client.WithHttpTransport(tcretry.New(base, tcretry.WithPolicy(tcretry.Policy{MaxAttempts: attempts}), tcretry.WithoutBudget()))
			for !elsewhere {
				_, err := client.DescribeZones(cvm.NewDescribeZonesRequest())
				require.Error(t, err)
			}
			require.Equal(t, want, before)
		})
	}
}

type roundTripperFunc func(*http.Request) (*http.Response, error)

func (f roundTripperFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
