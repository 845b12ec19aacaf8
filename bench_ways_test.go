package tcretry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
)

// lookOnly does nothing but what nobody who reads a response before its caller
// can do without: read it into memory that is used again, search it for a
// failure, and return it. It is the floor under our own figures.
func lookOnly(base http.RoundTripper) http.RoundTripper {
	return probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		buf := probe.ReadBuffers.Get().(*[]byte)
		n, err := io.ReadFull(resp.Body, (*buf)[:resp.ContentLength])
		if err != nil || bytes.Contains((*buf)[:n], []byte(`Error"`)) || bytes.IndexByte((*buf)[:n], '\\') >= 0 {
			return nil, fmt.Errorf("not a success: %v", err)
		}
		resp.Body = &lookedAt{resp.Body, buf, (*buf)[:n]}
		return resp, nil
	})
}

type lookedAt struct {
	io.Closer
	buf  *[]byte
	left []byte
}

func (b *lookedAt) Read(p []byte) (int, error) {
	if len(b.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

func (b *lookedAt) Close() error {
	probe.ReadBuffers.Put(b.buf)
	return b.Closer.Close()
}

// unmarshalling does what people write instead: it reads every response whole and
// unmarshals it.
func unmarshalling(base http.RoundTripper) http.RoundTripper {
	return probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		var decoded struct {
			Response struct{ Error *tcretry.APIError }
		}
		if err != nil || json.Unmarshal(body, &decoded) != nil || decoded.Response.Error != nil {
			return nil, fmt.Errorf("not a success: %v", err)
		}
		resp.Body = io.NopCloser(bytes.NewReader(body))
		return resp, nil
	})
}

// retrying is go-retryablehttp, which does not look at the response.
func retrying(base http.RoundTripper) http.RoundTripper {
	client := retryablehttp.NewClient()
	client.Logger = nil
	client.HTTPClient = &http.Client{Transport: base}
	return &retryablehttp.RoundTripper{Client: client}
}

// throughClient makes the calls as programs do.
func throughClient(wrap wrapper) wrapper {
	return func(base http.RoundTripper) http.RoundTripper {
		return probe.RoundTripperFunc((&http.Client{Transport: wrap(base)}).Do)
	}
}

type wrapper func(base http.RoundTripper) http.RoundTripper

func bare(base http.RoundTripper) http.RoundTripper { return base }

func ours(base http.RoundTripper) http.RoundTripper { return tcretry.New(base) }

// withCallDone is ours with one hook that keeps nothing.
func withCallDone(base http.RoundTripper) http.RoundTripper {
	n := 0
	return tcretry.New(base, tcretry.WithHooks(tcretry.Hooks{CallDone: func(context.Context, tcretry.CallInfo) { n++ }}))
}

// inTurn measures several ways to make a call, each of which makes a batch of calls and
// returns the time per call. In each round every way has its turn, in random order, because
// the machine is never twice the same.
func inTurn(b *testing.B, ways map[string]func() time.Duration) (times map[string][]time.Duration) {
	names := slices.Sorted(maps.Keys(ways))
	times = map[string][]time.Duration{}
	for b.Loop() {
		rand.Shuffle(len(names), func(i, k int) { names[i], names[k] = names[k], names[i] })
		for _, name := range names {
			times[name] = append(times[name], ways[name]())
		}
	}
	return times
}

// compare measures several ways, of which one is "bare". It reports the median of each in
// nanoseconds ("ns-bare"), and how many times the bare one that is ("x-ours").
func compare(b *testing.B, ways map[string]func() time.Duration) {
	times := inTurn(b, ways)
	for name := range ways {
		slices.Sort(times[name])
	}
	middle := len(times["bare"]) / 2
	for name := range ways {
		b.ReportMetric(float64(times[name][middle].Nanoseconds()), "ns-"+name)
		if name != "bare" {
			b.ReportMetric(float64(times[name][middle])/float64(times["bare"][middle]), "x-"+name)
		}
	}
	b.ReportMetric(0, "ns/op")
}
