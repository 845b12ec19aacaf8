package tcretry_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/test/probe"
)

// BenchmarkLoopback measures what each way to make a call adds to one of 4 KiB over a
// connection to this machine, in nanoseconds per call: the median of its differences to
// the bare one in each round, and half of the interval that holds it with 95 % confidence.
// "again" is a second bare one: the noise. "reading" reads the body before it returns the
// response, as anything must that peeks, and "traced" has an httptrace.
func BenchmarkLoopback(b *testing.B) {
	const batch = 20
	body := probe.Success(4 << 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{"application/json"}
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))} // as the API does
		_, _ = w.Write(body)
	}))
	defer server.Close()
	base := server.Client().Transport
	ways := map[string]func() time.Duration{}
	for name, wrap := range map[string]wrapper{
		"bare": bare, "again": bare, "reading": lookOnly, "traced": traced, "ours": ours, "retryablehttp": retrying,
	} {
		rt, req := wrap(base), signedRequest(b)
		target, err := req.URL.Parse(server.URL)
		require.NoError(b, err)
		req.URL = target
		ways[name] = func() time.Duration {
			start := time.Now()
			for range batch {
				req.Body, _ = req.GetBody()
				probe.RoundTrip(b, rt, req)
			}
			return time.Since(start) / batch
		}
	}
	times := inTurn(b, ways)
	for name := range ways {
		if name == "bare" {
			continue
		}
		median, half := medianDifference(times[name], times["bare"])
		b.ReportMetric(median, "+ns-"+name)
		b.ReportMetric(half, "±ns-"+name)
	}
	slices.Sort(times["bare"])
	b.ReportMetric(float64(times["bare"][len(times["bare"])/2].Nanoseconds()), "ns-bare")
	b.ReportMetric(0, "ns/op")
}

// medianDifference returns the median of the differences of pairs, and half of the interval
// between the order statistics that hold it with 95 % confidence, in nanoseconds.
func medianDifference(ours, bare []time.Duration) (median, half float64) {
	n := len(bare)
	differences := make([]float64, n)
	for i := range bare {
		differences[i] = float64((ours[i] - bare[i]).Nanoseconds())
	}
	slices.Sort(differences)
	off := int(math.Ceil(1.96 * math.Sqrt(float64(n)) / 2)) // of a binomial distribution
	low, high := max(0, n/2-off), min(n-1, n/2+off)
	return differences[n/2], (differences[high] - differences[low]) / 2
}

// traced makes calls with an httptrace that does nothing.
func traced(base http.RoundTripper) http.RoundTripper {
	trace := &httptrace.ClientTrace{GetConn: func(string) {}, WroteHeaders: func() {}}
	return probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		return base.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	})
}
