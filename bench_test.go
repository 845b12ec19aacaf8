package tcretry_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/internal/test/race"
)

func upload(tb testing.TB, size int64) *http.Request {
	req := probe.SDKRequest(tb, "UploadImage", nil)
	req.ContentLength = size
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(&probe.Pattern{Left: size}), nil }
	req.Body, _ = req.GetBody()
	return req
}

// signedRequest is a request as the official SDK signs it.
func signedRequest(tb testing.TB) *http.Request {
	req := probe.SDKRequest(tb, "DescribeInstances", strings.NewReader(`{"Limit":20}`))
	now := time.Now().UTC()
	req.Header["X-Tc-Timestamp"] = []string{probe.Timestamp(now)}
	req.Header["X-Tc-Requestclient"] = []string{"SDK_GO_1.3.166"}
	req.Header["Authorization"] = []string{"TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/" + now.Format(time.DateOnly) +
		"/cvm/tc3_request, SignedHeaders=content-type;host, Signature=" + strings.Repeat("0", 64)}
	return req
}

// BenchmarkRoundTrip measures calls over a base in memory, made in several ways in turn:
// see compare. "look" is a look at the response without anything else, "retryablehttp"
// does not look. The ways that unmarshal stand apart: their garbage would be in
// everybody's way.
func BenchmarkRoundTrip(b *testing.B) {
	small, large, huge := probe.Success(4<<10), probe.Success(64<<10), probe.Success(10<<20)
	cases := []struct {
		name    string
		batch   int
		body    []byte
		length  int64 // -1: unknown
		request func(testing.TB) *http.Request
		ways    map[string]wrapper
	}{
		{"4KiB", 100, small, 0, signedRequest, map[string]wrapper{"bare": bare, "ours": ours, "look": lookOnly, "retryablehttp": retrying}},
		{"4KiB chunked", 100, small, -1, signedRequest, map[string]wrapper{"bare": bare, "ours": ours}},
		{"4KiB unmarshalled", 20, small, 0, signedRequest, map[string]wrapper{"bare": bare, "unmarshalled": unmarshalling}},
		{"4KiB http.Client", 100, small, 0, signedRequest, map[string]wrapper{
			"bare": throughClient(bare), "ours": throughClient(ours), "retryablehttp": throughClient(retrying),
		}},
		{"4KiB one hook", 100, small, 0, signedRequest, map[string]wrapper{"bare": bare, "ours": withCallDone}},
		{"64KiB", 20, large, 0, signedRequest, map[string]wrapper{"bare": bare, "ours": ours, "look": lookOnly}},
		{"10MiB", 1, huge, 0, signedRequest, map[string]wrapper{"bare": bare, "ours": ours}},
		{"10MiB chunked", 1, huge, -1, signedRequest, map[string]wrapper{"bare": bare, "ours": ours}},
		{"10MiB upload", 1, probe.Success(200), 0, func(tb testing.TB) *http.Request { return upload(tb, 10<<20) }, map[string]wrapper{"bare": bare, "ours": ours}},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			base := probe.MemoryBase(c.body, cmp.Or(c.length, int64(len(c.body))))
			ways := map[string]func() time.Duration{}
			for name, wrap := range c.ways {
				rt, req := wrap(base), c.request(b)
				ways[name] = func() time.Duration {
					start := time.Now()
					for range c.batch {
						req.Body, _ = req.GetBody()
						probe.RoundTrip(b, rt, req)
					}
					return time.Since(start) / time.Duration(c.batch)
				}
			}
			compare(b, ways)
		})
	}
}

// BenchmarkContention measures 64 goroutines that make calls with one key at once.
func BenchmarkContention(b *testing.B) {
	body := probe.Success(4 << 10)
	base := probe.MemoryBase(body, int64(len(body)))
	for _, processors := range []int{2, 16} {
		b.Run(fmt.Sprintf("GOMAXPROCS %d", processors), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
			ways := map[string]func() time.Duration{}
			for name, rt := range map[string]http.RoundTripper{"bare": base, "ours": ours(base)} {
				ways[name] = func() time.Duration { return together(b, rt, 64, 50) }
			}
			compare(b, ways)
		})
	}
}

// together makes calls from many goroutines at once, and returns the time per call.
func together(tb testing.TB, rt http.RoundTripper, goroutines, calls int) time.Duration {
	var all sync.WaitGroup
	start := time.Now()
	for range goroutines {
		all.Go(func() {
			req := signedRequest(tb)
			for range calls {
				req.Body, _ = req.GetBody()
				probe.RoundTrip(tb, rt, req)
			}
		})
	}
	all.Wait()
	return time.Since(start) / time.Duration(goroutines*calls)
}

// BenchmarkOneRetry measures a call whose first attempt fails, without a delay.
func BenchmarkOneRetry(b *testing.B) {
	failure := []byte(`{"Response":{"Error":{"Code":"InternalError","Message":"An internal error has occurred."},"RequestId":"r"}}`)
	responses := []http.RoundTripper{probe.MemoryBase(failure, int64(len(failure))), probe.MemoryBase(probe.Success(4<<10), -1)}
	n := 0
	rt := tcretry.New(probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		n++
		return responses[(n-1)%2].RoundTrip(req)
	}), tcretry.WithPolicy(tcretry.Policy{Codes: map[string]tcretry.Rule{
		"InternalError": {Backoff: tcretry.Backoff{Initial: 1, Max: 1, Jitter: tcretry.NoJitter}},
	}}))
	b.ReportAllocs()
	for b.Loop() {
		probe.RoundTrip(b, rt, probe.SDKRequest(b, "DescribeInstances", strings.NewReader(`{}`)))
	}
}

func TestASuccessOf4KiBAddsOneAllocation(t *testing.T) {
	body := probe.Success(4 << 10)
	require.LessOrEqual(t, probe.Added(t, probe.MemoryBase(body, int64(len(body)))), 1.0)
	require.LessOrEqual(t, probe.Added(t, probe.MemoryBase(body, -1)), 1.0, "a chunked one")
}

// The garbage of a call costs as much as its work; the next size that the runtime has is
// 416 bytes.
func TestASuccessOf4KiBAddsLessThan400Bytes(t *testing.T) {
	if race.Enabled {
		t.Skip("memory is counted without -race: go test .")
	}
	const runs, calls = 20, 200
	body := probe.Success(4 << 10)
	base := probe.MemoryBase(body, int64(len(body)))
	// The least of many runs: a collection empties the pools, which are filled again.
	bytesOf := func(rt http.RoundTripper) uint64 {
		req := signedRequest(t)
		least := uint64(math.MaxUint64)
		for range runs {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range calls {
				probe.RoundTrip(t, rt, req)
			}
			runtime.ReadMemStats(&after)
			least = min(least, (after.TotalAlloc-before.TotalAlloc)/calls)
		}
		return least
	}
	require.Less(t, bytesOf(ours(base)), bytesOf(base)+400)
}

func TestHooksThatAreNotSetCostNoAllocation(t *testing.T) {
	body := probe.Success(4 << 10)
	base := probe.MemoryBase(body, int64(len(body)))
	require.Equal(t, probe.Added(t, base), probe.Added(t, base, tcretry.WithHooks(tcretry.Hooks{})))
}

// countHooks are hooks that keep nothing.
func countHooks() (tcretry.Hooks, *int) {
	n := new(int)
	return tcretry.Hooks{
		AttemptDone:    func(context.Context, tcretry.AttemptInfo) { *n++ },
		RetryScheduled: func(context.Context, tcretry.RetryInfo) { *n++ },
		CallDone:       func(context.Context, tcretry.CallInfo) { *n++ },
	}, n
}

func TestHooksThatKeepNothingCostNoAllocation(t *testing.T) {
	body := probe.Success(4 << 10)
	base := probe.MemoryBase(body, int64(len(body)))
	hooks, called := countHooks()
	require.Equal(t, probe.Added(t, base), probe.Added(t, base, tcretry.WithHooks(hooks)))
	require.Positive(t, *called)
}

// BenchmarkHooks measures a call that succeeds immediately with none, one and
// three hooks that keep nothing.
func BenchmarkHooks(b *testing.B) {
	body := probe.Success(4 << 10)
	base := probe.MemoryBase(body, int64(len(body)))
	hooks, _ := countHooks()
	for _, n := range []int{0, 1, 3} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ours := tcretry.New(base, slices.Repeat([]tcretry.Option{tcretry.WithHooks(hooks)}, n)...)
			req := probe.SDKRequest(b, "DescribeInstances", strings.NewReader(`{"Limit":20}`))
			b.ReportAllocs()
			for b.Loop() {
				probe.RoundTrip(b, ours, req)
			}
		})
	}
}

func TestThirtyTwoLargeResponsesAtOnceTakeLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 320 MiB")
	}
	for _, length := range []int64{10 << 20, -1} {
		t.Run(fmt.Sprintf("length %d", length), func(t *testing.T) {
			require.LessOrEqual(t, heapOf32Responses(t, length), uint64(2<<20))
		})
	}
}

// heapOf32Responses returns the live heap that 32 responses of 10 MiB, half read,
// add.
func heapOf32Responses(t *testing.T, length int64) uint64 {
	base := probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(&probe.Pattern{Left: 10 << 20}), ContentLength: length, Request: req,
		}, nil
	})
	ours := tcretry.New(base)
	before := probe.LiveHeap()
	var read, done sync.WaitGroup
	goOn := make(chan struct{})
	for range 32 {
		read.Add(1)
		done.Go(func() {
			resp, err := ours.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
			if err != nil {
				t.Error(err)
			}
			_, _ = io.CopyN(io.Discard, resp.Body, 5<<20)
			read.Done()
			<-goOn
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		})
	}
	read.Wait()
	now := probe.LiveHeap()
	close(goOn)
	done.Wait()
	return max(now, before) - before
}

// BenchmarkBelowTheLimit measures what the rate limiter and the retry budget cost a call
// that needs neither, over a base in memory.
func BenchmarkBelowTheLimit(b *testing.B) {
	body := probe.Success(4 << 10)
	base := probe.MemoryBase(body, int64(len(body)))
	for name, opts := range map[string][]tcretry.Option{
		"without": {tcretry.WithoutRateLimiter(), tcretry.WithoutBudget()},
		"with":    nil,
	} {
		b.Run(name, func(b *testing.B) {
			rt := tcretry.New(base, opts...)
			req := probe.SDKRequest(b, "DescribeInstances", nil)
			b.ReportAllocs()
			for b.Loop() {
				probe.RoundTrip(b, rt, req)
			}
		})
	}
}
