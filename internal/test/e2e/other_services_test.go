package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
)

// What follows is about other services that a program calls over the same client.

// otherRequest is one to another service.
func otherRequest(t *testing.T, method, address string, body io.Reader) *http.Request {
	req, err := http.NewRequestWithContext(t.Context(), method, address, body)
	require.NoError(t, err)
	return req
}

func TestTheEnvelopeOfAnotherServiceMeansNothing(t *testing.T) {
	for _, reply := range []string{
		`{"code":4400,"message":"order limit"}`,
		`{"Response":{"Error":{"Code":"InternalError","Message":"of a shop"},"RequestId":"1"}}`,
	} {
		var writes atomic.Int32
		shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			writes.Add(1)
			_, _ = io.WriteString(w, reply)
		}))
		defer shop.Close()
		var events probe.Events
		ctx, trace := tcretry.Trace(t.Context())
		client := &http.Client{Transport: tcretry.New(nil, tcretry.WithPolicy(probe.Quick()), tcretry.WithHooks(events.Hooks()))}
		resp, err := client.Do(otherRequest(t, "POST", shop.URL+"/orders", strings.NewReader(`{}`)).WithContext(ctx))
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, reply, string(body))
		require.EqualValues(t, 1, writes.Load())
		require.Empty(t, events.Attempts, "not counted")
		require.Empty(t, events.Done)
		require.Empty(t, trace.Calls())
	}
}

func TestTheStatusesOfAnotherServiceSlowAndCountNothing(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		var requests atomic.Int32
		files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if requests.Add(1) == 1 {
				w.Header().Set("Retry-After", "3600")
				w.WriteHeader(status)
			}
		}))
		defer files.Close()
		limiter := &countingPacer{}
		rt := tcretry.New(nil, tcretry.WithRateLimiter(limiter))
		client := &http.Client{Transport: rt}
		for i := range 10 {
			resp, err := client.Do(otherRequest(t, "GET", fmt.Sprintf("%s/file/%d", files.URL, i), nil))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, i == 0, resp.StatusCode == status)
		}
		require.EqualValues(t, 10, requests.Load())
		require.Zero(t, *limiter, "not paced")
		require.Empty(t, rt.Budgets(), "no budget")
	}
}

// TestTheRequestOfAnotherServiceIsPassedThrough: the very same request, not a copy, so
// neither its context nor its body is another.
func TestTheRequestOfAnotherServiceIsPassedThrough(t *testing.T) {
	upload := io.NopCloser(strings.NewReader("part"))
	for _, method := range []string{"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "CONNECT"} {
		req := otherRequest(t, method, "https://bucket-1250000000.cos.ap-guangzhou.myqcloud.com/key?uploads", upload)
		var sent *http.Request
		reply := &http.Response{StatusCode: 500, Body: http.NoBody}
		resp, err := tcretry.New(probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			sent = req
			return reply, nil
		}), tcretry.WithAttemptTimeout(time.Hour), tcretry.WithClientTokens()).RoundTrip(req)
		require.NoError(t, err)
		require.Same(t, req, sent)
		require.Equal(t, upload, sent.Body)
		require.Same(t, reply, resp)
	}
}

// An upload of 9 MiB that has no GetBody, as that of a pipe, is not kept.
func TestAnUploadToAnObjectStoreAllocatesNothingOfOurs(t *testing.T) {
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		n, _ := io.Copy(io.Discard, req.Body)
		w.Header().Set("X-Length", fmt.Sprint(n))
	}))
	defer store.Close()
	base := &http.Transport{}
	defer base.CloseIdleConnections()
	const size = 9 << 20
	put := func(rt http.RoundTripper) (allocated uint64) {
		var before, after runtime.MemStats
		req := otherRequest(t, "PUT", store.URL+"/key", io.NopCloser(io.LimitReader(zeros{}, size)))
		runtime.ReadMemStats(&before)
		resp, err := rt.RoundTrip(req)
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, fmt.Sprint(size), resp.Header.Get("X-Length"))
		return after.TotalAlloc - before.TotalAlloc
	}
	put(base)
	require.Less(t, put(tcretry.New(base)), uint64(1<<20))

	reply := &http.Response{}
	memory := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) { return reply, nil })
	other, rt := otherRequest(t, "PUT", "https://store.example/key", nil), tcretry.New(memory)
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = rt.RoundTrip(other) }))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
