package e2e_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tc3"
	"github.com/tcretry/tcretry/tctest"
)

// setDefault makes rt http.DefaultTransport for one test.
func setDefault(t *testing.T, rt http.RoundTripper) {
	original := http.DefaultTransport
	http.DefaultTransport = rt
	t.Cleanup(func() { http.DefaultTransport = original })
}

// instrumented is what a program wraps a transport in: tracing, metrics, a log.
type instrumented struct {
	http.RoundTripper
	requests *atomic.Int32
}

func (i instrumented) RoundTrip(req *http.Request) (*http.Response, error) {
	i.requests.Add(1)
	return i.RoundTripper.RoundTrip(req.Clone(req.Context()))
}

func (i instrumented) CloseIdleConnections() {
	i.RoundTripper.(interface{ CloseIdleConnections() }).CloseIdleConnections()
}

func TestOneOfUsAsTheDefaultTransportMakesOneHop(t *testing.T) {
	var layer atomic.Int32
	signer := func() *tc3.Transport {
		return &tc3.Transport{Service: "cvm", Source: tc3.Static(tc3.Credentials{SecretID: "id", SecretKey: "key"})}
	}
	wrap := func(rt http.RoundTripper) http.RoundTripper { return instrumented{rt, &layer} }
	for name, set := range map[string]func() http.RoundTripper{
		"New(nil)":                  func() http.RoundTripper { return tcretry.New(nil) },
		"the zero Transport":        func() http.RoundTripper { return new(tcretry.Transport) },
		"over a zero tc3":           func() http.RoundTripper { return tcretry.New(signer()) },
		"a zero tc3":                func() http.RoundTripper { return signer() },
		"wrapped, New(nil)":         func() http.RoundTripper { return wrap(tcretry.New(nil)) },
		"wrapped, zero":             func() http.RoundTripper { return wrap(new(tcretry.Transport)) },
		"wrapped twice, zero":       func() http.RoundTripper { return tcretry.New(wrap(wrap(new(tcretry.Transport)))) },
		"wrapped, over a zero tc3":  func() http.RoundTripper { return wrap(tcretry.New(wrap(signer()))) },
		"zero over one made before": func() http.RoundTripper { http.DefaultTransport = tcretry.New(nil); return new(tcretry.Transport) },
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				requests.Add(1)
				_, _ = io.WriteString(w, `{"Response":{"RequestId":"1"}}`)
			}))
			defer srv.Close()
			setDefault(t, http.DefaultTransport)
			rt := set()
			http.DefaultTransport = rt
			for i := range 3 {
				layer.Store(0)
				req := probe.SDKRequest(t, "DescribeZones", strings.NewReader(`{}`))
				req.URL, req.Host = mustURL(t, srv.URL), ""
				resp, err := http.DefaultClient.Do(req)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, 1, int(requests.Swap(0)))
				if i > 0 {
					require.Equal(t, int32(strings.Count(name, "wrapped")+strings.Count(name, "wrapped twice")+strings.Count(name, "wrapped, over")), layer.Load())
				}
			}
			if !strings.Contains(name, "tc3") { // which takes requests to the API only
				for range 3 {
					resp, err := http.Get(srv.URL)
					require.NoError(t, err)
					require.NoError(t, resp.Body.Close())
					require.Equal(t, 1, int(requests.Swap(0)))
				}
			}
			http.DefaultClient.CloseIdleConnections()
		})
	}
}

func mustURL(t *testing.T, address string) *url.URL {
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u
}

// What the default transport is later does not matter to a Transport that was
// made, or used, before.
func TestANilRoundTripperIsTheDefaultTransportOfItsTime(t *testing.T) {
	count := func(n *atomic.Int32) http.RoundTripper { return instrumented{tctest.NewAPI(), n} }
	var before, after, last atomic.Int32
	setDefault(t, count(&before))
	made, zero, signer := tcretry.New(nil), new(tcretry.Transport), &tc3.Transport{Source: tc3.Static(tc3.Credentials{SecretID: "id", SecretKey: "key"})}
	http.DefaultTransport = count(&after)
	for _, rt := range []http.RoundTripper{made, zero, signer} {
		probe.RoundTrip(t, rt, probe.SDKRequest(t, "DescribeZones", nil))
	}
	http.DefaultTransport = count(&last)
	for _, rt := range []http.RoundTripper{made, zero, signer} {
		probe.RoundTrip(t, rt, probe.SDKRequest(t, "DescribeZones", nil))
	}
	require.EqualValues(t, 2, before.Load())
	require.EqualValues(t, 4, after.Load())
	require.Zero(t, last.Load())
}

func TestAnIdleConnectionToTheAPIIsGivenUpBeforeTheAPICloses(t *testing.T) {
	for idle, want := range map[time.Duration]time.Duration{90 * time.Second: 30 * time.Second, 0: 30 * time.Second, 10 * time.Second: 10 * time.Second} {
		for name, rt := range map[string]func() http.RoundTripper{
			"New(nil)": func() http.RoundTripper { return tcretry.New(nil) },
			"zero":     func() http.RoundTripper { return new(tcretry.Transport) },
			"zero tc3": func() http.RoundTripper {
				return &tc3.Transport{Source: tc3.Static(tc3.Credentials{SecretID: "id", SecretKey: "key"})}
			},
			"one that leaves the API alone": func() http.RoundTripper {
				return tcretry.New(nil, tcretry.WithScope(func(*http.Request) bool { return false }))
			},
		} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					original := tctest.NewAPI().PipeTransport(t)
					original.IdleConnTimeout = idle
					closed := probe.ClosedConns(original)
					setDefault(t, original)
					req := probe.SDKRequest(t, "DescribeZones", nil)
					req.URL.Scheme = "http"
					probe.RoundTrip(t, rt(), req)
					time.Sleep(want - time.Nanosecond)
					synctest.Wait()
					require.Zero(t, closed.Load())
					time.Sleep(time.Nanosecond)
					synctest.Wait()
					require.EqualValues(t, 1, closed.Load())
					require.Equal(t, idle, original.IdleConnTimeout, "the caller's own is not changed")
				})
			})
		}
	}
}

func TestAllTransportsShareTheConnectionsToTheAPI(t *testing.T) {
	srv := tctest.NewAPI().Start(t)
	setDefault(t, srv.Transport())
	dials := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		if !i.Reused {
			dials++
		}
	}})
	var last interface{ CloseIdleConnections() }
	for _, rt := range []http.RoundTripper{
		tcretry.New(nil), tcretry.New(nil), new(tcretry.Transport), tcretry.New(new(tcretry.Transport)),
	} {
		req := probe.SDKRequest(t, "DescribeZones", nil).WithContext(ctx)
		req.URL.Scheme = "http"
		probe.RoundTrip(t, rt, req)
		last = rt.(interface{ CloseIdleConnections() })
	}
	require.Equal(t, 1, dials)
	last.CloseIdleConnections()
	req := probe.SDKRequest(t, "DescribeZones", nil).WithContext(ctx)
	req.URL.Scheme = "http"
	probe.RoundTrip(t, tcretry.New(nil), req)
	require.Equal(t, 2, dials, "they were closed")
}

func TestSettingsOfTheDefaultTransportCountUntilTheFirstCall(t *testing.T) {
	original := tctest.NewAPI().Start(t).Transport()
	setDefault(t, original)
	rt := tcretry.New(nil)
	proxied := 0
	original.Proxy = func(*http.Request) (*url.URL, error) { proxied++; return nil, nil }
	req := probe.SDKRequest(t, "DescribeZones", nil)
	req.URL.Scheme = "http"
	probe.RoundTrip(t, rt, req)
	require.Equal(t, 1, proxied)
}

// Requests to other services take no part in any of this.
func TestOtherServicesAreReachedThroughTheDefaultTransportItself(t *testing.T) {
	srv := tctest.NewAPI().Start(t)
	original := srv.Transport()
	original.RegisterProtocol("test", probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusTeapot, Body: http.NoBody}, nil
	}))
	setDefault(t, original)
	rt := tcretry.New(nil)
	resp, err := rt.RoundTrip(otherRequest(t, "GET", "test://anything/", nil))
	require.NoError(t, err)
	require.Equal(t, http.StatusTeapot, resp.StatusCode)

	reused := false
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
	probe.RoundTrip(t, original, otherRequest(t, "GET", "http://example.com/", nil))
	probe.RoundTrip(t, rt, otherRequest(t, "GET", "http://example.com/", nil).WithContext(ctx))
	require.True(t, reused)
}
