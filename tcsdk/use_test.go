package tcsdk_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tc3"
	"github.com/tcretry/tcretry/tcsdk"
	"github.com/tcretry/tcretry/tctest"
	"github.com/tcretry/tcretry/tctest/conformance"
)

func TestUseReportsEveryInvalidSettingAndChangesNoClient(t *testing.T) {
	api, srv := serve(t)
	bad := profileOf(srv)
	bad.NetworkFailureMaxRetries, bad.RateLimitExceededMaxRetries = 1, 1
	bad.UnsafeRetryOnConnectionFailure, bad.DisableRegionBreaker = true, false
	good := newProduct(profileOf(srv))
	err := tcsdk.New().Use(good, newProduct(bad), (*product)(nil), nil, new(product))
	var fields []string
	for _, one := range err.(interface{ Unwrap() []error }).Unwrap() {
		var invalid *tcsdk.ProfileError
		require.ErrorAs(t, one, &invalid)
		require.NotZero(t, invalid.Client)
		require.NotEmpty(t, invalid.Reason)
		fields = append(fields, invalid.Field)
	}
	require.Equal(t, []string{
		"NetworkFailureMaxRetries", "RateLimitExceededMaxRetries", "UnsafeRetryOnConnectionFailure",
		"DisableRegionBreaker", "Client", "Client", "Client",
	}, fields)
	require.ErrorContains(t, err, "tcretry: tcsdk: client 2: NetworkFailureMaxRetries(1): it multiplies the retries of tcretry: set 0")
	api.Script("DescribeZones", tctest.Throttle())
	require.Error(t, send(good, "DescribeZones"))
	requireAttempts(t, api, "DescribeZones", 1)
}

func TestUseWithRegionBreakerAcceptsAClientWhoseBreakerIsOn(t *testing.T) {
	p := profile.NewClientProfile()
	p.DisableRegionBreaker = false
	require.Error(t, tcsdk.New().Use(newProduct(p)))
	require.NoError(t, tcsdk.New().UseWithRegionBreaker(newProduct(p)))
	p.NetworkFailureMaxRetries = 1
	require.Error(t, tcsdk.New().UseWithRegionBreaker(newProduct(p)), "its retries are another matter")
}

func TestNewTransportReturnsTheErrorOfTheOptions(t *testing.T) {
	_, err := tcsdk.NewTransport(tcretry.WithMaxPeekBytes(0))
	var option *tcretry.OptionError
	require.ErrorAs(t, err, &option)
	require.Panics(t, func() { tcsdk.New(nil) })
}

// Nothing nests: the attempts are those of one Transport, the last one.
func TestUseAgainReplacesTheTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Default(tctest.Fail("InternalError", ""))
		client := newProduct(profile.NewClientProfile())
		client.WithHttpTransport(api)
		one := tcsdk.New(tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 3}))
		two := tcsdk.New(tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 2}))
		require.NoError(t, errors.Join(one.Use(client, client), one.Use(client), two.Use(client)))
		require.Error(t, send(client, "DescribeZones"))
		requireAttempts(t, api, "DescribeZones", 2)
	})
}

// WithHttpTransport replaces what Use has set, and another Use puts the Transport back.
func TestWithHttpTransportAfterUseNeedsAnotherUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newProduct(profile.NewClientProfile())
		transport := tcsdk.New(tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 3}))
		require.NoError(t, transport.Use(client))
		for _, want := range []int{1, 3} {
			api := tctest.NewAPI()
			api.Default(tctest.Fail("InternalError", ""))
			client.WithHttpTransport(api)
			if want > 1 {
				require.NoError(t, transport.Use(client))
			}
			require.Error(t, send(client, "DescribeZones"))
			requireAttempts(t, api, "DescribeZones", want)
		}
	})
}

// The rate that one client learns holds for the others, each over what it used.
func TestClientsShareTheTransportAndKeepWhatTheyUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		var used [2]int
		transport := tcsdk.New()
		clients := make([]*product, 2)
		for i := range clients {
			clients[i] = newProduct(profile.NewClientProfile())
			clients[i].WithHttpTransport(roundTripperFunc(func(req *http.Request) (*http.Response, error) {
				used[i]++
				return api.RoundTrip(req)
			}))
			require.NoError(t, transport.Use(clients[i]))
		}
		api.Script("DescribeZones", tctest.Throttle())
		require.NoError(t, send(clients[0], "DescribeZones"))
		require.NoError(t, send(clients[1], "DescribeZones"))
		require.Equal(t, [2]int{2, 1}, used)
		require.Len(t, transport.RateLimits(), 1)
	})
}

func TestAClientKeepsItsProxy(t *testing.T) {
	api := tctest.NewAPI()
	var hosts []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		hosts = append(hosts, req.URL.Host)
		api.Handler().ServeHTTP(w, req)
	}))
	defer proxy.Close()
	p := profile.NewClientProfile()
	p.HttpProfile.Scheme, p.HttpProfile.Proxy = "http", proxy.URL
	transport := tcsdk.New()
	before := newProduct(p)
	setDefaultTransport(t, transport)
	var out logged
	after := new(product)
	after.Init("ap-guangzhou").WithLogger(out.logger()).WithCredential(common.NewCredential(testID, testKey)).WithProfile(p)
	require.Contains(t, out.String(), "not supported", "the SDK has no place for the proxy")
	require.NoError(t, transport.Use(before, after))
	for _, client := range []*product{before, after} {
		hosts = nil
		api.Script("DescribeZones", tctest.Fail("InternalError", ""))
		require.NoError(t, send(client, "DescribeZones"))
		require.Equal(t, []string{"cvm.tencentcloudapi.com", "cvm.tencentcloudapi.com"}, hosts)
	}
}

func TestAProxyThatCannotBeSetIsAnErrorWithoutItsPassword(t *testing.T) {
	setDefaultTransport(t, roundTripperFunc(nil))
	transport := tcsdk.New()
	setDefaultTransport(t, transport)
	for _, proxy := range []string{"http://user:password@proxy:3128", "http://user:password@proxy:%%"} {
		client := newProduct(profile.NewClientProfile())
		p := profile.NewClientProfile()
		if strings.HasSuffix(proxy, "3128") {
			p.HttpProfile.Proxy = proxy
			var out logged
			client.WithLogger(out.logger())
			client.WithProfile(p)
		} else {
			client.WithProfile(p)
			p.HttpProfile.Proxy = proxy // the SDK itself panics
		}
		err := transport.Use(client)
		require.ErrorContains(t, err, "HttpProfile.Proxy")
		require.NotContains(t, err.Error(), "password")
	}
}

func TestAClientWithoutAProfileHasNoProxy(t *testing.T) {
	api := tctest.NewAPI()
	setDefaultTransport(t, api)
	transport := tcsdk.New()
	setDefaultTransport(t, transport)
	bare, partial := new(product), newProduct(profile.NewClientProfile())
	bare.Init("ap-guangzhou").WithCredential(common.NewCredential(testID, testKey))
	p := profile.NewClientProfile()
	partial.WithProfile(p)
	p.HttpProfile = nil
	require.NoError(t, transport.Use(bare, partial))
}

func TestAClientKeepsItsIdleTimeout(t *testing.T) {
	for name, setUp := range map[string]func(*testing.T) *product{
		"Use": func(t *testing.T) *product {
			client := newProduct(overHTTP())
			require.NoError(t, tcsdk.New().Use(client))
			return client
		},
		"http.DefaultTransport": func(t *testing.T) *product {
			setDefaultTransport(t, tcsdk.New())
			return newProduct(overHTTP())
		},
		"common.DefaultHttpClient": func(t *testing.T) *product {
			common.DefaultHttpClient = &http.Client{Transport: tcsdk.New()}
			t.Cleanup(func() { common.DefaultHttpClient = nil })
			return newProduct(overHTTP())
		},
		"http.DefaultTransport, a proxy, and Use": func(t *testing.T) *product {
			transport := tcsdk.New()
			setDefaultTransport(t, transport)
			client, p := new(product), overHTTP()
			p.HttpProfile.Proxy = "http://proxy:3128"
			client.Init("ap-guangzhou").WithLogger(new(logged).logger()).WithCredential(common.NewCredential(testID, testKey)).WithProfile(p)
			require.NoError(t, transport.Use(client))
			return client
		},
		"common.DefaultHttpClient without a transport, and Use": func(t *testing.T) *product {
			common.DefaultHttpClient = new(http.Client)
			t.Cleanup(func() { common.DefaultHttpClient = nil })
			client := newProduct(overHTTP())
			require.NoError(t, tcsdk.New().Use(client))
			return client
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := tctest.NewAPI().PipeTransport(t)
				closed := probe.ClosedConns(base)
				base.IdleConnTimeout = 90 * time.Second
				setDefaultTransport(t, base)
				require.NoError(t, send(setUp(t), "DescribeZones"))
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

func overHTTP() *profile.ClientProfile {
	p := profile.NewClientProfile()
	p.HttpProfile.Scheme = "http"
	return p
}

func TestReqTimeoutLimitsAllAttemptsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Default(tctest.Fail("ResourceInUse", ""))
		p := profile.NewClientProfile()
		p.HttpProfile.ReqTimeout = 5
		client := newProduct(p)
		client.WithHttpTransport(api)
		require.NoError(t, tcsdk.New().Use(client))
		start := time.Now()
		require.Error(t, send(client, "RunInstances"))
		require.Less(t, time.Since(start), 5*time.Second)
		requireAttempts(t, api, "RunInstances", 2)
	})
}

// A signer below signs each attempt anew, so a call outlives its signature; and the
// calls of its own that it makes with the context of an attempt do not come back to it.
func TestASignerInsideAClientIsRecognisedAndDoesNotCallItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.CheckSignatures(map[string]string{testID: testKey})
		setDefaultTransport(t, api)
		transport := tcsdk.New(tcretry.WithPolicy(tcretry.Policy{
			MaxElapsed: time.Hour, MaxDelay: time.Hour, Codes: map[string]tcretry.Rule{"ResourceInUse": {Backoff: tcretry.Backoff{Initial: 20 * time.Minute}}},
		}))
		setDefaultTransport(t, transport)
		reads := 0
		source := tc3.SourceFunc(func(ctx context.Context) (tc3.Credentials, error) {
			if reads++; reads > 2 {
				return tc3.Credentials{}, errors.New("the signer was led to itself")
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://sts.tencentcloudapi.com/", nil)
			require.NoError(t, err)
			req.Header.Set("X-TC-Action", "GetCallerIdentity")
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			return tc3.Credentials{SecretID: testID, SecretKey: testKey}, resp.Body.Close()
		})
		p := profile.NewClientProfile()
		p.HttpProfile.ReqTimeout = 7200
		client := newProduct(p)
		client.WithHttpTransport(&tc3.Transport{Source: source, Base: api})
		require.NoError(t, transport.Use(client))
		require.NoError(t, transport.Use(client), "again, which would hide a signer if it nested")
		api.Script("RunInstances", tctest.Fail("ResourceInUse", ""))
		require.NoError(t, send(client, "RunInstances"))
		requireAttempts(t, api, "RunInstances", 2)
		requireAttempts(t, api, "GetCallerIdentity", 2)
	})
}

func TestRequestsOfOtherServicesPassThroughTheDefaultTransport(t *testing.T) {
	calls := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer srv.Close()
	setDefaultTransport(t, tcsdk.New())
	resp, err := http.Get(srv.URL)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 1, calls)
}

func TestTheWrapperKeepsTheContractOfARoundTripper(t *testing.T) {
	conformance.TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper {
		shared := &http.Client{Transport: base}
		common.DefaultHttpClient = shared
		defer func() { common.DefaultHttpClient = nil }()
		require.NoError(t, tcsdk.New().Use(newProduct(profile.NewClientProfile())))
		return shared.Transport
	})
}
