package tcretry_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
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

// BenchmarkRoundTrip measures calls over a base in memory, and in turn the same
// ones without us: "x-bare" is how many times as long ours take. The other ways to
// make a call of 4 KiB stand beside it: "x-bare-look" is a look at the answer
// without anything else, "x-bare-retryablehttp" one that does not look. The ones
// that unmarshal stand apart: their garbage would be in everybody's way.
func BenchmarkRoundTrip(b *testing.B) {
	cases := []struct {
		name    string
		batch   int
		answer  []byte
		length  int64 // -1: unknown
		request func(testing.TB) *http.Request
		bare    wrapper
		others  map[string]wrapper // by what their figures are called
	}{
		{"4KiB", 200, probe.Success(4 << 10), 0, signedRequest, bare, map[string]wrapper{
			"x-bare": ours, "x-bare-look": lookOnly, "x-bare-retryablehttp": retrying,
		}},
		{"4KiB unmarshalled", 20, probe.Success(4 << 10), 0, signedRequest, bare, map[string]wrapper{"x-bare": unmarshalling}},
		{"4KiB http.Client", 200, probe.Success(4 << 10), 0, signedRequest, throughClient(bare), map[string]wrapper{
			"x-bare": throughClient(ours), "x-bare-retryablehttp": throughClient(retrying),
		}},
		{"64KiB", 20, probe.Success(64 << 10), 0, signedRequest, bare, map[string]wrapper{"x-bare": ours, "x-bare-look": lookOnly}},
		{"10MiB", 1, probe.Success(10 << 20), 0, signedRequest, bare, map[string]wrapper{"x-bare": ours}},
		{"10MiB chunked", 1, probe.Success(10 << 20), -1, signedRequest, bare, map[string]wrapper{"x-bare": ours}},
		{"10MiB upload", 1, probe.Success(200), 0, func(tb testing.TB) *http.Request { return upload(tb, 10<<20) }, bare, map[string]wrapper{"x-bare": ours}},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			base := probe.MemoryBase(c.answer, cmp.Or(c.length, int64(len(c.answer))))
			run := func(rt http.RoundTripper) time.Duration {
				req := c.request(b)
				start := time.Now()
				for range c.batch {
					req.Body, _ = req.GetBody()
					probe.RoundTrip(b, rt, req)
				}
				return time.Since(start)
			}
			others := map[string]http.RoundTripper{}
			for name, wrap := range c.others {
				others[name] = wrap(base)
			}
			alone := c.bare(base)
			var without time.Duration
			with := map[string]time.Duration{}
			for b.Loop() {
				without += run(alone)
				for name, rt := range others {
					with[name] += run(rt)
				}
			}
			calls := float64(b.N * c.batch)
			for name := range others {
				b.ReportMetric(float64(with[name])/float64(without), name)
			}
			b.ReportMetric(float64(without.Nanoseconds())/calls, "ns-bare")
			b.ReportMetric(float64(with["x-bare"].Nanoseconds())/calls, "ns-call")
			b.ReportMetric(0, "ns/op")
		})
	}
	b.Run("one retry", func(b *testing.B) {
		failure := []byte(`{"Response":{"Error":{"Code":"InternalError","Message":"An internal error has occurred."},"RequestId":"r"}}`)
		answers := []http.RoundTripper{probe.MemoryBase(failure, int64(len(failure))), probe.MemoryBase(probe.Success(4<<10), -1)}
		n := 0
		rt := tcretry.New(probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			n++
			return answers[(n-1)%2].RoundTrip(req)
		}), tcretry.WithPolicy(tcretry.Policy{Codes: map[string]tcretry.Rule{
			"InternalError": {Backoff: tcretry.Backoff{Initial: 1, Max: 1, Jitter: tcretry.NoJitter}},
		}}))
		b.ReportAllocs()
		for b.Loop() {
			probe.RoundTrip(b, rt, probe.SDKRequest(b, "DescribeInstances", strings.NewReader(`{}`)))
		}
	})
}

func TestASuccessOf4KiBAddsOneAllocation(t *testing.T) {
	body := probe.Success(4 << 10)
	require.LessOrEqual(t, probe.Added(t, probe.MemoryBase(body, int64(len(body)))), 1.0)
	require.LessOrEqual(t, probe.Added(t, probe.MemoryBase(body, -1)), 1.0, "a chunked one")
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
	hooks, told := countHooks()
	require.Equal(t, probe.Added(t, base), probe.Added(t, base, tcretry.WithHooks(hooks)))
	require.Positive(t, *told)
}

// BenchmarkHooks measures a call that is answered at once with none, one and
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

func TestThirtyTwoLargeAnswersAtOnceTakeLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 320 MiB")
	}
	for _, length := range []int64{10 << 20, -1} {
		t.Run(fmt.Sprintf("length %d", length), func(t *testing.T) {
			require.LessOrEqual(t, heapOf32Answers(t, length), uint64(2<<20))
		})
	}
}

// heapOf32Answers returns the live heap that 32 answers of 10 MiB, half read,
// add.
func heapOf32Answers(t *testing.T, length int64) uint64 {
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

// BenchmarkBelowTheQuota measures what pacer and budget cost a call that needs
// neither, over a base in memory.
func BenchmarkBelowTheQuota(b *testing.B) {
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
