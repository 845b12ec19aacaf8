package envelope

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tcretry/tcretry/internal/bodies"
)

// items is a success of about size bytes, with extra as its last member.
func items(size int, extra string) string {
	const item = `{"InstanceId":"ins-r9hr2upy","InstanceName":"web","State":"RUNNING","CPU":2,"Memory":4,"Tags":[{"Key":"Env","Value":"test"}]},`
	list := strings.Repeat(item, max(1, size/len(item)))
	return `{"Response":{"TotalCount":2,"Set":[` + strings.TrimSuffix(list, ",") + `],` + extra + `"RequestId":"b5b41468-520d-4192-b42f-595cc34b6c1c"}}`
}

// replayed is a body that starts again at each Close, so that a measurement
// sees the peek and not the making of a response.
type replayed struct{ bytes.Reader }

func (r *replayed) Close() error {
	_, _ = r.Seek(0, io.SeekStart)
	return nil
}

func BenchmarkPeek(b *testing.B) {
	const failure = `{"Response":{"Error":{"Code":"RequestLimitExceeded","Message":"slow down"},"RequestId":"r1"}}`
	for _, c := range []struct{ name, body string }{
		{"success 4 KiB", items(4000, "")},
		{"success 60 KiB", items(60<<10, "")},
		{"failure", failure},
		{"decoy 4 KiB", items(4000, `"Last":{"Error":{"Code":"","Message":"none"}},`)},
		{"decoy 60 KiB", items(60<<10, `"Last":{"Error":{"Code":"","Message":"none"}},`)},
		{"null decoy 60 KiB", items(60<<10, `"Error":null,`)},
		{"escapes 60 KiB", items(60<<10, `"Text":"`+strings.Repeat(`\u4e0d`, 100)+`",`)},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkPeek(b, c.body) })
	}
}

func benchmarkPeek(b *testing.B, text string) {
	original := new(replayed)
	original.Reset([]byte(text))
	header := http.Header{"Content-Type": {"application/json"}}
	sink := make([]byte, len(text)+1)
	var resp http.Response
	var body bodies.Peeked
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		body = bodies.Peeked{}
		resp = http.Response{StatusCode: 200, Header: header, Body: original, ContentLength: int64(len(text))}
		Peek(&resp, DefaultLimit, &body)
		for n, err := 0, error(nil); err == nil; {
			n, err = resp.Body.Read(sink)
			_ = n
		}
		_ = resp.Body.Close()
	}
}
