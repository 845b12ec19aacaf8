package tcretry_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

// What follows is about other services that a program calls over the same client.

// otherRequest is one to another service.
func otherRequest(t *testing.T, method, address string, body io.Reader) *http.Request {
	req, err := http.NewRequestWithContext(t.Context(), method, address, body)
	require.NoError(t, err)
	return req
}

func TestTheEnvelopeOfAnotherServiceMeansNothing(t *testing.T) {
	for _, answer := range []string{
		`{"code":4400,"message":"order limit"}`,
		`{"Response":{"Error":{"Code":"InternalError","Message":"of a shop"},"RequestId":"1"}}`,
	} {
		var orders atomic.Int32
		shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			orders.Add(1)
			_, _ = io.WriteString(w, answer)
		}))
		defer shop.Close()
		var told told
		ctx, trace := tcretry.Trace(t.Context())
		client := &http.Client{Transport: tcretry.New(nil, tcretry.WithPolicy(quick()), tcretry.WithHooks(told.hooks()))}
		resp, err := client.Do(otherRequest(t, "POST", shop.URL+"/orders", strings.NewReader(`{}`)).WithContext(ctx))
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, answer, string(body))
		require.EqualValues(t, 1, orders.Load())
		require.Empty(t, told.attempts, "not counted")
		require.Empty(t, told.done)
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
		pacer := &countingPacer{}
		rt := tcretry.New(nil, tcretry.WithPacer(pacer))
		client := &http.Client{Transport: rt}
		for i := range 10 {
			resp, err := client.Do(otherRequest(t, "GET", fmt.Sprintf("%s/file/%d", files.URL, i), nil))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, i == 0, resp.StatusCode == status)
		}
		require.EqualValues(t, 10, requests.Load())
		require.Zero(t, *pacer, "not paced")
		require.Empty(t, rt.Budgets(), "no budget")
	}
}

// TestTheRequestOfAnotherServiceIsTheBases: the very same request, not a copy, so
// neither its context nor its body is another.
func TestTheRequestOfAnotherServiceIsTheBases(t *testing.T) {
	upload := io.NopCloser(strings.NewReader("part"))
	for _, method := range []string{"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "CONNECT"} {
		req := otherRequest(t, method, "https://bucket-1250000000.cos.ap-guangzhou.myqcloud.com/key?uploads", upload)
		var sent *http.Request
		answer := &http.Response{StatusCode: 500, Body: http.NoBody}
		resp, err := tcretry.New(roundTripperFunc(func(req *http.Request) (*http.Response, error) {
			sent = req
			return answer, nil
		}), tcretry.WithAttemptTimeout(time.Hour), tcretry.WithClientTokens()).RoundTrip(req)
		require.NoError(t, err)
		require.Same(t, req, sent)
		require.Equal(t, upload, sent.Body)
		require.Same(t, answer, resp)
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

	answer := &http.Response{}
	memory := roundTripperFunc(func(*http.Request) (*http.Response, error) { return answer, nil })
	other, rt := otherRequest(t, "PUT", "https://store.example/key", nil), tcretry.New(memory)
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = rt.RoundTrip(other) }))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// streams are bodies that a service sends line by line.
var streams = map[string]struct{ contentType, line string }{
	"a JSON stream, as a watch":      {"application/json", `{"type":"ADDED","object":{"kind":"Pod"}}` + "\n"},
	"a JSON stream without newlines": {"application/json; charset=utf-8", `{"event":1}`},
	"NDJSON":                         {"application/x-ndjson", `{"level":"info"}` + "\n"},
	"NDJSON that calls itself JSON":  {"application/json", `{"code":0}` + "\n"},
	"text lines":                     {"text/plain; charset=utf-8", "2026-08-01 12:00:00 started\n"},
	"lines of no type":               {"", "line\n"},
	"an event stream":                {"text/event-stream", "data: {}\n\n"},
}

// streaming serves three lines, each when the one before has been received.
func streaming(t *testing.T, contentType, line string, received <-chan struct{}) *httptest.Server {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header()["Content-Type"] = []string{contentType}
		if contentType == "" {
			w.Header()["Content-Type"] = nil
		}
		for range 3 {
			_, _ = io.WriteString(w, line)
			w.(http.Flusher).Flush()
			select {
			case <-received:
			case <-req.Context().Done():
				return
			}
		}
	}))
	t.Cleanup(srv.Close)
	return srv
}

// requireLines requires that the lines come one by one: the server sends the next
// when this one is read. A line that is held back ends in the context's error.
func requireLines(t *testing.T, client *http.Client, req *http.Request, line string, received chan<- struct{}) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	resp, err := client.Do(req.WithContext(ctx))
	require.NoError(t, err)
	defer resp.Body.Close()
	body := bufio.NewReader(resp.Body)
	got := make([]byte, len(line))
	for range 3 {
		_, err := io.ReadFull(body, got)
		require.NoError(t, err)
		require.Equal(t, line, string(got))
		received <- struct{}{}
	}
	_, err = body.ReadByte()
	require.Equal(t, io.EOF, err)
}

func TestAStreamOfAnotherServiceArrivesLineByLine(t *testing.T) {
	for name, s := range streams {
		t.Run(name, func(t *testing.T) {
			received := make(chan struct{}, 3)
			srv := streaming(t, s.contentType, s.line, received)
			client := &http.Client{Transport: tcretry.New(nil)}
			requireLines(t, client, otherRequest(t, "GET", srv.URL, nil), s.line, received)
		})
	}
}

func TestAStreamArrivesLineByLineThroughAReverseProxy(t *testing.T) {
	for name, s := range streams {
		t.Run(name, func(t *testing.T) {
			received := make(chan struct{}, 3)
			srv := streaming(t, s.contentType, s.line, received)
			backend, err := url.Parse(srv.URL)
			require.NoError(t, err)
			proxy := httptest.NewServer(&httputil.ReverseProxy{
				Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(backend) },
				Transport:     tcretry.New(nil),
				FlushInterval: -1,
			})
			defer proxy.Close()
			requireLines(t, proxy.Client(), otherRequest(t, "GET", proxy.URL, nil), s.line, received)
		})
	}
}
