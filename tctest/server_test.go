package tctest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tctest"
)

func TestAServerOverTLSSpeaksHTTP2(t *testing.T) {
	api := tctest.NewAPI(tctest.OK(nil), tctest.DropAfterExecution(), tctest.ResetInHeaders(), tctest.Truncate(3, tctest.OK(nil)))
	transport := api.StartTLS(t).Transport()
	defer transport.CloseIdleConnections()
	send := func() (*http.Response, error) {
		req := newRequest(t, "RunInstances", "{}")
		req.URL.Scheme = "https"
		return transport.RoundTrip(req)
	}
	resp, err := send()
	require.NoError(t, err)
	require.Equal(t, 2, resp.ProtoMajor)
	require.NoError(t, resp.Body.Close())
	for range 2 {
		_, err = send()
		require.ErrorContains(t, err, "stream error")
	}
	resp, err = send()
	require.NoError(t, err)
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, `{"R`, string(got))
	require.ErrorContains(t, err, "stream error")
	require.Equal(t, 4, api.Executions("RunInstances"))
}

func TestAServerIsReachedByItsURL(t *testing.T) {
	api := tctest.NewAPI()
	server, err := api.Serve()
	require.NoError(t, err)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	send := func() seen {
		req := newRequest(t, "RunInstances", "{}")
		req.URL.Host = strings.TrimPrefix(server.URL, "http://")
		return see(t, transport, req)
	}
	require.Equal(t, http.StatusOK, send().Status)
	server.Close()
	server.Close()
	transport.CloseIdleConnections() // a lost one would say EOF
	require.Equal(t, syscall.ECONNREFUSED, send().Err)
}

func TestAHandlerServesTheAPI(t *testing.T) {
	api := tctest.NewAPI(tctest.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		tctest.NewAPI(tctest.Status(201, "inner")).Handler().ServeHTTP(w, req)
	}))
	require.Equal(t, "inner", see(t, api, newRequest(t, "RunInstances", "{}")).Body)
}

func TestClosingAServerEndsResponsesThatWait(t *testing.T) {
	arrived := make(chan struct{})
	for _, reply := range []tctest.Reply{
		tctest.Delay(time.Hour, tctest.OK(nil)),
		tctest.Stream(time.Hour, "1", "2"),
	} {
		api := tctest.NewAPI(tctest.Func(func(tctest.Attempt) tctest.Reply {
			arrived <- struct{}{}
			return reply
		}))
		server, err := api.Serve()
		require.NoError(t, err)
		transport := server.Transport()
		done := make(chan seen)
		go func() { done <- see(t, transport, newRequest(t, "RunInstances", "{}")) }()
		<-arrived
		server.Close()
		got := <-done
		require.True(t, got.Err != nil || got.ReadErr != nil)
		transport.CloseIdleConnections()
	}
}

func TestTheHandlerOverAPipeDetectsThatTheClientLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan time.Duration, 1)
		start := time.Now()
		api := tctest.NewAPI(tctest.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			<-req.Context().Done()
			ended <- time.Since(start)
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got := see(t, api.PipeTransport(t), newRequest(t, "RunInstances", "{}").WithContext(ctx))
		require.Equal(t, context.DeadlineExceeded, got.Err)
		require.Equal(t, time.Second, <-ended)
	})
}

func TestPipesAreKeptAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		transport := api.PipeTransport(t)
		dial, dials := transport.DialContext, 0
		transport.DialContext = countDials(dial, &dials)
		for range 3 {
			see(t, transport, newRequest(t, "A", "{}"))
		}
		require.Equal(t, 1, dials)
		require.Equal(t, 3, api.Attempts("A"))
	})
}
