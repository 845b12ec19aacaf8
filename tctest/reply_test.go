package tctest_test

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tctest"
)

// newRequest is a TC3 request as the official SDK makes it, unsigned.
func newRequest(t testing.TB, action, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://cvm.tencentcloudapi.com/", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-TC-Action", action)
	req.Header.Set("X-TC-Version", "2017-03-12")
	req.Header.Set("X-TC-Region", "ap-guangzhou")
	return req
}

// seen is what a client sees of a response.
type seen struct {
	Status       int
	Type         string
	Length       int64
	Uncompressed bool
	Encoding     string
	Body         string
	Trailer      string
	ReadErr      error
	Err          error
}

// see sends one attempt and reads the response.
func see(t testing.TB, base http.RoundTripper, req *http.Request) seen {
	t.Helper()
	resp, err := base.RoundTrip(req)
	if err != nil {
		return seen{Err: plain(err)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return seen{
		Status: resp.StatusCode, Type: resp.Header.Get("Content-Type"), Length: resp.ContentLength,
		Uncompressed: resp.Uncompressed, Encoding: resp.Header.Get("Content-Encoding"),
		Body: string(body), Trailer: resp.Trailer.Get("Grpc-Status"), ReadErr: plain(err),
	}
}

// plain returns the error that errors.Is would find, of those that matter.
func plain(err error) error {
	for _, target := range []error{io.ErrUnexpectedEOF, io.EOF, syscall.ECONNRESET, syscall.ECONNREFUSED} {
		if errors.Is(err, target) {
			return target
		}
	}
	return err
}

const id = "00000000-0000-4000-8000-000000000001"

// replies are one of each kind, and what a client sees of it.
var replies = []struct {
	name  string
	reply tctest.Reply
	want  seen
}{
	{"OK", tctest.OK(map[string]any{"TotalCount": 1}), json200(`{"Response":{"TotalCount":1,"RequestId":"` + id + `"}}`)},
	{"OK without data", tctest.OK(nil), json200(`{"Response":{"RequestId":"` + id + `"}}`)},
	{"OK of an empty struct", tctest.OK(struct{}{}), json200(`{"Response":{"RequestId":"` + id + `"}}`)},
	{
		"Fail", tctest.Fail("InternalError", `a "quoted" text`),
		json200(`{"Response":{"Error":{"Code":"InternalError","Message":"a \"quoted\" text"},"RequestId":"` + id + `"}}`),
	},
	{
		"FailTask", tctest.FailTask("FailedOperation", "task", map[string]any{"Status": "FAILED"}),
		json200(`{"Response":{"Error":{"Code":"FailedOperation","Message":"task"},"Status":"FAILED","RequestId":"` + id + `"}}`),
	},
	{
		"Throttle", tctest.Throttle(),
		json200(`{"Response":{"Error":{"Code":"RequestLimitExceeded","Message":"Your current request times equals to ` +
			"`21` in a second, which exceeds the frequency limit `20` for a second. Please reduce the frequency of calls." +
			`"},"RequestId":"` + id + `"}}`),
	},
	{
		"Throttle in Chinese, of a sub-code", tctest.Throttle(tctest.Chinese(), tctest.WithCounts(6, 5), tctest.SubCode("UinLimitExceeded")),
		json200(`{"Response":{"Error":{"Code":"RequestLimitExceeded.UinLimitExceeded","Message":"您当前每秒请求 ` +
			"`6` 次，超过了每秒频率上限 `5`，请稍后重试。" + `"},"RequestId":"` + id + `"}}`),
	},
	{"data that is no object", tctest.OK([]int{1}), json200(
		`{"Response":{"Error":{"Code":"FailedOperation.Tctest","Message":"tctest: data \"[1]\" is not an object"},"RequestId":"` + id + `"}}`)},
	{"data that is no object, to be compressed", tctest.Gzip(tctest.OK([]int{1})), json200(
		`{"Response":{"Error":{"Code":"FailedOperation.Tctest","Message":"tctest: data \"[1]\" is not an object"},"RequestId":"` + id + `"}}`)},
	{"Status", tctest.Status(503, "busy"), seen{Status: 503, Type: "text/plain; charset=utf-8", Length: 4, Body: "busy"}},
	{"Status of JSON", tctest.Status(500, " {}"), seen{Status: 500, Type: "application/json", Length: 3, Body: " {}"}},
	{"Status of HTML", tctest.Status(500, "<p>"), seen{Status: 500, Type: "text/html", Length: 3, Body: "<p>"}},
	{"Status without a body", tctest.Status(429, ""), seen{Status: 429, Type: "text/plain; charset=utf-8"}},
	{
		"RawBody", tctest.RawBody("application/octet-stream", []byte("\x00\x01")),
		seen{Status: 200, Type: "application/octet-stream", Length: 2, Body: "\x00\x01"},
	},
	{
		"Header", tctest.Header("Content-Type", "text/plain", tctest.RawBody("x/y", []byte("1"))),
		seen{Status: 200, Type: "text/plain", Length: 1, Body: "1"},
	},
	{
		"Chunked", tctest.Chunked(tctest.Status(200, "abc")),
		seen{Status: 200, Type: "text/plain; charset=utf-8", Length: -1, Body: "abc"},
	},
	{
		"Trailer", tctest.Trailer("Grpc-Status", "0", tctest.RawBody("a/b", []byte("abc"))),
		seen{Status: 200, Type: "a/b", Length: -1, Body: "abc", Trailer: "0"},
	},
	{
		"Stream", tctest.Stream(0, `{"n":1}`, `{"n":2}`),
		seen{Status: 200, Type: "text/event-stream", Length: -1, Body: "data: {\"n\":1}\n\ndata: {\"n\":2}\n\n"},
	},
	{
		"Truncate", tctest.Truncate(3, tctest.RawBody("a/b", []byte("abcdef"))),
		seen{Status: 200, Type: "a/b", Length: 6, Body: "abc", ReadErr: io.ErrUnexpectedEOF},
	},
	{
		"Truncate after the first byte", tctest.Truncate(1, tctest.RawBody("a/b", []byte("abcdef"))),
		seen{Status: 200, Type: "a/b", Length: 6, Body: "a", ReadErr: io.ErrUnexpectedEOF},
	},
	{
		"Truncate before the first byte", tctest.Truncate(0, tctest.RawBody("a/b", []byte("abcdef"))),
		seen{Status: 200, Type: "a/b", Length: 6, ReadErr: io.ErrUnexpectedEOF},
	},
	{
		"Truncate of a stream", tctest.Truncate(10, tctest.Stream(0, "12345", "678")),
		seen{Status: 200, Type: "text/event-stream", Length: -1, Body: "data: 1234", ReadErr: io.ErrUnexpectedEOF},
	},
	{
		"Gzip, without Accept-Encoding", tctest.Gzip(tctest.RawBody("a/b", []byte("abc"))),
		seen{Status: 200, Type: "a/b", Length: -1, Uncompressed: true, Body: "abc"},
	},
	{
		"Gzip of a cut body", tctest.Truncate(12, tctest.Gzip(tctest.RawBody("a/b", []byte("abcdef")))),
		seen{Status: 200, Type: "a/b", Length: -1, Uncompressed: true, Body: "a", ReadErr: io.ErrUnexpectedEOF},
	},
	{
		"Gzip of a stream", tctest.Gzip(tctest.Stream(time.Millisecond, "1", "2")),
		seen{Status: 200, Type: "text/event-stream", Length: -1, Uncompressed: true, Body: "data: 1\n\ndata: 2\n\n"},
	},
	{
		"Deflate", tctest.Deflate(tctest.RawBody("a/b", []byte("abc"))),
		seen{Status: 200, Type: "a/b", Length: int64(len(deflated("abc"))), Encoding: "deflate", Body: deflated("abc")},
	},
	{"DropBeforeExecution", tctest.DropBeforeExecution(), seen{Err: io.EOF}},
	{"DropAfterExecution", tctest.DropAfterExecution(), seen{Err: io.EOF}},
	{"HandlerFunc", tctest.HandlerFunc(echo), seen{Status: 201, Type: "e/o", Length: 2, Body: "{}"}},
	{
		"HandlerFunc that aborts", tctest.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
		seen{Err: io.EOF},
	},
	{
		"HandlerFunc that breaks off", tctest.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "e/o")
			_, _ = io.WriteString(w, "part")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}),
		seen{Status: 200, Type: "e/o", Length: -1, Body: "part", ReadErr: io.ErrUnexpectedEOF},
	},
	{"Func", tctest.Delay(time.Millisecond, tctest.Func(func(c tctest.Attempt) tctest.Reply {
		return tctest.RawBody("a/b", []byte(c.Action))
	})), seen{Status: 200, Type: "a/b", Length: 17, Body: "DescribeInstances"}},
}

func json200(body string) seen {
	return seen{Status: 200, Type: "application/json", Length: int64(len(body)), Body: body}
}

func deflated(text string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

func echo(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Content-Type", "e/o")
	w.Header().Set("Content-Length", "2")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.Copy(w, req.Body)
}

func TestRepliesInMemory(t *testing.T) {
	for _, tt := range replies {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, see(t, tctest.NewAPI(tt.reply), newRequest(t, "DescribeInstances", "{}")))
		})
	}
}

func TestRepliesOverASocketAreThoseInMemory(t *testing.T) {
	for _, tt := range replies {
		t.Run(tt.name, func(t *testing.T) {
			transport := tctest.NewAPI(tt.reply).Start(t).Transport()
			defer transport.CloseIdleConnections()
			require.Equal(t, tt.want, see(t, transport, newRequest(t, "DescribeInstances", "{}")))
		})
	}
}

func TestRepliesOverPipesAreThoseInMemory(t *testing.T) {
	for _, tt := range replies {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				transport := tctest.NewAPI(tt.reply).PipeTransport(t)
				require.Equal(t, tt.want, see(t, transport, newRequest(t, "DescribeInstances", "{}")))
			})
		})
	}
}

func TestGzipIsNotDecodedForACallerThatSetAcceptEncoding(t *testing.T) {
	for name, base := range bases(t, tctest.Gzip(tctest.RawBody("a/b", []byte("abc")))) {
		t.Run(name, func(t *testing.T) {
			req := newRequest(t, "DescribeInstances", "{}")
			req.Header.Set("Accept-Encoding", "gzip")
			got := see(t, base, req)
			require.Equal(t, "gzip", got.Encoding)
			require.Equal(t, int64(len(got.Body)), got.Length)
			require.True(t, strings.HasPrefix(got.Body, "\x1f\x8b"))
		})
	}
}

func TestAResetComesInTheMiddleOfTheHeaders(t *testing.T) {
	for name, base := range bases(t, tctest.ResetInHeaders()) {
		t.Run(name, func(t *testing.T) {
			got := see(t, base, newRequest(t, "RunInstances", "{}"))
			// A socket reports the reset or the half line, whichever is read first.
			require.Contains(t, []error{syscall.ECONNRESET, io.ErrUnexpectedEOF}, got.Err)
		})
	}
}

// bases are ways to reach an API that gives the same reply to every attempt.
func bases(t *testing.T, a tctest.Reply) map[string]http.RoundTripper {
	api := tctest.NewAPI()
	api.Default(a)
	socket := api.Start(t).Transport()
	t.Cleanup(socket.CloseIdleConnections)
	return map[string]http.RoundTripper{"in memory": api, "socket": socket, "pipes": api.PipeTransport(t)}
}
