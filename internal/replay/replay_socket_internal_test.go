package replay

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// net/http closes a body in a goroutine of its own, so tests on sockets wait for that.
const (
	eventually = 5 * time.Second
	poll       = time.Millisecond
)

// FuzzReplay reads a pattern of parts in attempt after attempt; each that
// reads to the end must see the same bytes.
func FuzzReplay(f *testing.F) {
	f.Add([]byte("0123456789"), []byte{3, 0, 255, 7, 255}, uint8(20))
	f.Add([]byte("0123456789"), []byte{9, 10, 11, 255}, uint8(9))
	f.Add([]byte{}, []byte{255, 0, 255}, uint8(0))
	f.Fuzz(func(t *testing.T, data, pattern []byte, limit uint8) {
		body := &callerBody{Reader: bytes.NewReader(data)}
		r := begin(bodyRequest(body), int64(limit)+1)
		for _, n := range pattern {
			if !r.Replayable() {
				require.Greater(t, len(data), int(limit)+1)
				break
			}
			b := attempt(t, r)
			got, err := io.ReadAll(io.LimitReader(b, int64(n)))
			require.NoError(t, err)
			require.Equal(t, data[:len(got)], got)
			if n == 255 {
				rest, err := io.ReadAll(b)
				require.NoError(t, err)
				require.Equal(t, data, append(got, rest...))
			}
			require.NoError(t, b.Close())
		}
		r.Close()
		require.EqualValues(t, 1, body.closes.Load())
	})
}

// send makes attempts over a real transport until the server accepts one, as a
// call does, and returns how many it took.
func send(t testing.TB, client http.RoundTripper, url string, body io.ReadCloser, length, limit int64) (attempts int) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, nil)
	require.NoError(t, err)
	req.Body, req.ContentLength = body, length
	r := begin(req, limit)
	defer r.Close()
	for {
		attempts++
		try := req.Clone(req.Context())
		try.Body, try.GetBody, err = r.Next()
		require.NoError(t, err)
		resp, err := client.RoundTrip(try)
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return attempts
			}
		}
		if !r.Replayable() || attempts == 20 {
			require.Fail(t, "not replayable", "attempt %d: %v", attempts, err)
		}
	}
}

// refuser is a server that refuses some attempts, having read little or nothing
// of them, and accepts the others if their body is want.
func refuser(want []byte, refuse int32, part int64) http.Handler {
	var seen sync.Map
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		count, _ := seen.LoadOrStore(req.URL.Path, new(atomic.Int32))
		if count.(*atomic.Int32).Add(1) <= refuse {
			io.CopyN(io.Discard, req.Body, part)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		got, err := io.ReadAll(req.Body)
		if err != nil || !bytes.Equal(got, want) {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
}

func TestReplayOverASocketDeliversTheSameBytesAfterEarlyResponses(t *testing.T) {
	data := make([]byte, 10<<20)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	for _, part := range []int64{0, 1, 1 << 20} {
		for _, length := range []int64{-1, int64(len(data))} {
			t.Run(fmt.Sprint(part, " bytes read, length ", length), func(t *testing.T) {
				t.Parallel() // a server waits half a second after an early response
				server := httptest.NewServer(refuser(data, 2, part))
				t.Cleanup(server.Close)
				body := &callerBody{Reader: bytes.NewReader(data)}
				attempts := send(t, server.Client().Transport, server.URL+"/x", body, length, int64(len(data)))
				require.GreaterOrEqual(t, attempts, 3)
				require.False(t, body.overlap.Load())
				require.Eventually(t, func() bool { return body.closes.Load() > 0 }, eventually, poll)
				require.EqualValues(t, 1, body.closes.Load())
			})
		}
	}
}

func TestReplayOverASocketIsSafeForConcurrentCalls(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 8<<10)
	server := httptest.NewServer(refuser(data, 1, 100))
	t.Cleanup(server.Close)
	var wg sync.WaitGroup
	bodies := make([]*callerBody, 100)
	for i := range bodies {
		bodies[i] = &callerBody{Reader: bytes.NewReader(data)}
		wg.Go(func() { send(t, server.Client().Transport, fmt.Sprint(server.URL, "/", i), bodies[i], -1, 1<<20) })
	}
	wg.Wait()
	for _, body := range bodies {
		require.Eventually(t, func() bool { return body.closes.Load() > 0 }, eventually, poll)
		require.EqualValues(t, 1, body.closes.Load())
		require.False(t, body.overlap.Load())
	}
}

func TestReplayOverHTTP2DeliversTheSameBytesAfterEarlyResponses(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	server := httptest.NewUnstartedServer(refuser(data, 3, 1))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	for i := range 10 {
		body := &callerBody{Reader: bytes.NewReader(data)}
		require.Equal(t, 4, send(t, server.Client().Transport, fmt.Sprint(server.URL, "/", i), body, -1, 1<<20))
		require.Eventually(t, func() bool { return body.closes.Load() > 0 }, eventually, poll)
		require.EqualValues(t, 1, body.closes.Load())
		require.False(t, body.overlap.Load())
	}
}
