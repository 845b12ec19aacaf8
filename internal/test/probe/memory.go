package probe

import (
	"bytes"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/race"
)

// MemoryBase is an underlying RoundTripper that returns a JSON body from memory for every
// request. It reads the body of the request, as a real one does.
func MemoryBase(body []byte, length int64) http.RoundTripper {
	return RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		if req.Body != nil {
			buf := ReadBuffers.Get().(*[]byte)
			defer ReadBuffers.Put(buf)
			if err := ReadAll(req.Body, *buf); err != nil {
				return nil, err
			}
			_ = req.Body.Close()
		}
		return &http.Response{
			Status: "200 OK", StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header:        http.Header{"Content-Type": {"application/json"}},
			Body:          io.NopCloser(bytes.NewReader(body)),
			ContentLength: length,
			Request:       req,
		}, nil
	})
}

// ReadBuffers are the buffers of ReadAll.
var ReadBuffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// ReadAll reads r to its end, into buf.
func ReadAll(r io.Reader, buf []byte) error {
	for {
		if _, err := r.Read(buf); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
	}
}

// Success is the body of a success, of about n bytes.
func Success(n int) []byte {
	item := `{"InstanceId":"ins-1a2b3c4d","InstanceState":"RUNNING","CPU":4,"Memory":8,"Zone":"ap-guangzhou-3"},`
	var b strings.Builder
	b.WriteString(`{"Response":{"InstanceSet":[`)
	for b.Len() < n-80 {
		b.WriteString(item)
	}
	b.WriteString(`{}],"RequestId":"3c140219-cfe9-470e-b241-907877d6fb03"}}`)
	return []byte(b.String())
}

// RoundTrip makes one call through rt and reads its response.
func RoundTrip(tb testing.TB, rt http.RoundTripper, req *http.Request) {
	resp, err := rt.RoundTrip(req)
	if err != nil {
		tb.Fatal(err)
	}
	buf := ReadBuffers.Get().(*[]byte)
	defer ReadBuffers.Put(buf)
	if err := ReadAll(resp.Body, *buf); err != nil {
		tb.Fatal(err)
	}
	_ = resp.Body.Close()
}

// Pattern is a body of zeros that needs no memory.
type Pattern struct{ Left int64 }

func (p *Pattern) Read(b []byte) (int, error) {
	if p.Left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(b)), p.Left)
	clear(b[:n])
	p.Left -= n
	return int(n), nil
}

// Added is the number of allocations that tcretry adds to a call.
func Added(t *testing.T, base http.RoundTripper, opts ...tcretry.Option) float64 {
	t.Helper()
	if race.Enabled {
		t.Skip("allocations are counted without -race: go test .")
	}
	ours := tcretry.New(base, opts...)
	measure := func(rt http.RoundTripper) float64 {
		req := SDKRequest(t, "DescribeInstances", strings.NewReader(`{"Limit":20}`))
		return testing.AllocsPerRun(500, func() { RoundTrip(t, rt, req) })
	}
	return measure(ours) - measure(base)
}

// LiveHeap returns the bytes of the heap that are in use.
func LiveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
