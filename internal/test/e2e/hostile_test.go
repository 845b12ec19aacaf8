package e2e_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/internal/test/race"
)

// wire serves connections with whatever bytes a row writes.
type wire struct {
	respond func(w io.Writer) // writes the response to one request; an error of w ends it
	read    atomic.Int64      // bytes that the clients have read
}

// socket returns an underlying RoundTripper whose every connection is served by w over a loopback
// socket.
func (w *wire) socket(t *testing.T) *http.Transport {
	t.Helper()
	address := listen(t, func(conn net.Conn) { go w.serve(conn) })
	return w.transport(t, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	})
}

// pipe is socket without a socket: it works in a bubble of testing/synctest.
func (w *wire) pipe(t *testing.T) *http.Transport {
	return w.transport(t, func(context.Context) (net.Conn, error) {
		client, server := net.Pipe()
		go w.serve(server)
		return client, nil
	})
}

func (w *wire) transport(t *testing.T, dial func(context.Context) (net.Conn, error)) *http.Transport {
	base := &http.Transport{
		MaxResponseHeaderBytes: 64 << 10,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := dial(ctx)
			return &countedConn{conn, &w.read}, err
		},
	}
	t.Cleanup(base.CloseIdleConnections)
	return base
}

// serve responds to one request, and ends when the client does.
func (w *wire) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	req := make([]byte, 4<<10)
	if _, err := conn.Read(req); err == nil {
		w.respond(conn)
	}
}

// countedConn counts what is read from it.
type countedConn struct {
	net.Conn
	read *atomic.Int64
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// text writes s.
func text(s string) func(io.Writer) {
	return func(w io.Writer) { _, _ = io.WriteString(w, s) }
}

// endless writes head, then s until nothing reads any more.
func endless(head, s string) func(io.Writer) {
	block := bytes.Repeat([]byte(s), 1+4096/len(s))
	return func(w io.Writer) {
		_, err := io.WriteString(w, head)
		for err == nil {
			_, err = w.Write(block)
		}
	}
}

// jsonHead begins a response of JSON whose end is that of the connection.
const jsonHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"

// sized is a response of JSON with a Content-Length that is off by so much.
func sized(off int, body string) func(io.Writer) {
	return text(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"+
		"Content-Length: %d\r\n\r\n%s", len(body)+off, body))
}

// coded is a response of JSON with a Content-Encoding.
func coded(coding string, body []byte) func(io.Writer) {
	return text("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Encoding: " +
		coding + "\r\n\r\n" + string(body))
}

// failure is an envelope of the API, its parts as they stand between the quotes.
func failure(code, message, id string) string {
	return `{"Response":{"Error":{"Code":"` + code + `","Message":"` + message + `"},"RequestId":"` + id + `"}}`
}

// bomb is an envelope of about n bytes whose compressed form is a thousandth.
func bomb(n int) string { return failure("InternalError", strings.Repeat("a", n), "r") }

func gzipped(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, s)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func deflated(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, err := io.WriteString(w, s)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// hostileCase is a response and what it leads to.
type hostileCase struct {
	name     string
	respond  func(io.Writer)
	action   string // DescribeInstances if empty
	attempts int    // 1 if 0
	class    tcretry.Class
	reason   tcretry.StopReason
	code     string
	err      string // a part of the call's error, "" for none
	// body is what the caller reads, or its beginning if bodyErr is "endless";
	// otherwise bodyErr is a part of the error that reading ends with.
	body, bodyErr string
}

// The limits of what one attempt may read of the wire: what is peeked at, what is
// discarded and what net/http reads ahead; and of what a call may allocate in
// all. Half of that is for a header of 64 KiB in the hands of net/http.
const (
	hostileRead  = 64<<10 + 64<<10 + 8<<10
	hostileAlloc = 4 << 20
)

func hostileRows(t *testing.T) []hostileCase {
	const answered, terminal, twice = tcretry.StopSuccess, tcretry.StopTerminal, tcretry.StopMaxAttempts
	const success, ambiguous, transient = tcretry.Success, tcretry.Ambiguous, tcretry.Transient
	nested := string(gzipped(t, string(gzipped(t, failure("InternalError", "m", "r")))))
	large := bomb(2 << 20)
	escape := "\x1b[2J\x1b]0;owned\x07"
	ok := "HTTP/1.1 200 OK\r\n"
	return []hostileCase{
		{name: "headers without end", respond: endless(ok, "X-A: b\r\n"), attempts: 2, class: ambiguous, reason: twice, err: "headers exceeded"},
		{name: "a header line without end", respond: endless(ok+"X-A: ", "b"), attempts: 2, class: ambiguous, reason: twice, err: "headers exceeded"},
		{name: "a status line without end", respond: endless("HTTP/1.1 200 ", "OK"), attempts: 2, class: ambiguous, reason: twice, err: "headers exceeded"},
		{name: "a flood of 1xx answers", respond: endless("", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"), attempts: 2, class: ambiguous, reason: twice, err: "headers exceeded"},
		{name: "headers without end, for a write", respond: endless(ok, "X-A: b\r\n"), action: "RunInstances", class: ambiguous, reason: tcretry.StopNotIdempotent, err: "headers exceeded"},
		{name: "no HTTP", respond: text(escape + "\r\n\r\n"), attempts: 2, class: ambiguous, reason: twice, err: "malformed HTTP response"},
		{name: "a status of 999", respond: text("HTTP/1.1 999 \r\nContent-Length: 0\r\n\r\n"), attempts: 2, class: ambiguous, reason: twice},
		{name: "a status of 000", respond: text("HTTP/1.1 000 \r\nContent-Length: 0\r\n\r\n"), class: success, reason: answered},
		{name: "two Content-Lengths", respond: text(ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}"), attempts: 2, class: ambiguous, reason: twice, err: "Content-Length"},
		{name: "JSON without end", respond: endless(jsonHead+`{"Response":{"A":[`, `{"Error":{"Code":"InternalError"}},`), class: success, reason: answered, body: `{"Response":{"A":[{`, bodyErr: "endless"},
		{name: "white space without end", respond: endless(jsonHead, " \n"), class: success, reason: answered, body: " \n", bodyErr: "endless"},
		{name: "nesting without end", respond: endless(jsonHead+`{"Response":{"Error":`, `{"Error":[`), class: success, reason: answered, body: `{"Response":{"Error":{`, bodyErr: "endless"},
		{name: "a code without end", respond: endless(jsonHead+`{"Response":{"Error":{"Code":"`, "InternalError."), class: success, reason: answered, body: `{"Response":{"Error"`, bodyErr: "endless"},
		{name: "a page without end", respond: endless("HTTP/1.1 502 Bad\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n", "<p>"), attempts: 2, class: ambiguous, reason: twice, body: "<p>", bodyErr: "endless"},
		{name: "nesting of 30,000", respond: sized(0, `{"Response":{"Error":{"Code":"InternalError"},"A":`+strings.Repeat("[", 30000)+strings.Repeat("]", 30000)+`}}`), class: success, reason: answered},
		{name: "a bomb of gzip", respond: coded("gzip", gzipped(t, large)), class: success, reason: answered, body: string(gzipped(t, large))},
		{name: "a bomb of deflate", respond: coded("deflate", deflated(t, large)), class: success, reason: answered, body: string(deflated(t, large))},
		{name: "gzip in gzip", respond: coded("gzip", []byte(nested)), class: success, reason: answered, body: nested},
		{name: "a stack of codings", respond: coded("gzip, gzip, deflate", []byte(nested)), class: success, reason: answered, body: nested},
		{name: "a coding that is none", respond: coded(escape, []byte("x")), attempts: 2, class: ambiguous, reason: twice, err: "malformed MIME header"},
		{name: "thousands of empty members", respond: coded("gzip", bytes.Repeat(gzipped(t, ""), 2000)), class: success, reason: answered, body: string(bytes.Repeat(gzipped(t, ""), 2000))},
		{name: "gzip that is none", respond: coded("gzip", []byte(failure("InternalError", "m", "r"))), class: success, reason: answered, body: failure("InternalError", "m", "r")},
		{name: "a length that is too long", respond: sized(400, `{"Response":`), attempts: 2, class: ambiguous, reason: twice, body: `{"Response":`, bodyErr: "unexpected EOF"},
		{name: "a length that is too long, for a write", respond: sized(400, `{"Response":`), action: "RunInstances", class: ambiguous, reason: tcretry.StopNotIdempotent, body: `{"Response":`, bodyErr: "unexpected EOF"},
		{name: "a length that is too long, behind an envelope", respond: sized(400, failure("AuthFailure", "m", "r")), class: tcretry.Terminal, reason: terminal, code: "AuthFailure", body: failure("AuthFailure", "m", "r"), bodyErr: "unexpected EOF"},
		{name: "a length that is too short", respond: sized(-60, failure("InternalError", "m", "r")), class: success, reason: answered, body: failure("InternalError", "m", "r")[:len(failure("InternalError", "m", "r"))-60]},
		{name: "a chunk that is none", respond: text(ok + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"), attempts: 2, class: ambiguous, reason: twice, bodyErr: "invalid"},
		{name: "a message of a megabyte", respond: sized(0, failure("InternalError", strings.Repeat("m", 1<<20), "r")), class: success, reason: answered, body: failure("InternalError", strings.Repeat("m", 1<<20), "r")},
		{name: "a code of 60,000 labels", respond: sized(0, failure(strings.Repeat("a.", 30000), "m", "")), class: tcretry.Terminal, reason: terminal, code: strings.Repeat("a.", 62) + "a…"},
		{name: "escapes of a terminal", respond: text(jsonHead + failure(`InternalError.\u001b[2J`, `\u001b]0;owned\u0007\u202e`, `\u0000\r\n`)), attempts: 2, class: transient, reason: twice, code: "InternalError.\ufffd[2J"},
		{name: "raw bytes that are no text", respond: text(jsonHead + failure("InternalError.\xff\xfe\u202e", "\xc0\x80", "\xff")), attempts: 2, class: transient, reason: twice, code: "InternalError.\ufffd\ufffd\ufffd"},
		{name: "keys that come twice", respond: text(jsonHead + `{"Response":{"Error":{"Code":"InternalError"}},"Response":{"Error":{"Code":"A"},"Error":{"Code":"B","Code":"C"}}}`), class: tcretry.Terminal, reason: terminal, code: "C"},
		{name: "a failure that a later key takes back", respond: text(jsonHead + `{"Response":{"Error":{"Code":"InternalError"}},"Response":{}}`), class: success, reason: answered},
		{name: "numbers beyond any type", respond: text(jsonHead + `{"code":` + strings.Repeat("9", 60000) + `,"codeDesc":"InternalError"}`), class: success, reason: answered},
		{name: "an exponent beyond any type", respond: text(jsonHead + `{"code":1e999999999,"codeDesc":"InternalError"}`), class: success, reason: answered},
	}
}

// TestHostileResponses: whatever comes, a call ends with a clear outcome, reads and
// keeps a bounded part of it, returns the bytes to the caller unchanged, and reports
// hooks and logs what can be shown.
func TestHostileResponses(t *testing.T) {
	for _, row := range hostileRows(t) {
		t.Run(row.name, func(t *testing.T) {
			w := &wire{respond: row.respond}
			var events probe.Events
			var log bytes.Buffer
			rt := tcretry.New(w.socket(t), tcretry.WithPolicy(hasty(2)), tcretry.WithHooks(events.Hooks()), tcretry.WithHooks(
				tcretry.LogHooks(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))))
			req := probe.SDKRequest(t, cmp.Or(row.action, "DescribeInstances"), strings.NewReader(`{}`))
			req.URL.Scheme = "http"
			req.Header.Set("Accept-Encoding", "gzip")

			before := allocated()
			resp, err := rt.RoundTrip(req)
			after := allocated()
			if !race.Enabled {
				require.LessOrEqual(t, after-before, uint64(hostileAlloc))
			}
			attempts := max(row.attempts, 1)
			require.LessOrEqual(t, w.read.Load(), int64(attempts*hostileRead))
			require.Len(t, events.Attempts, attempts)
			require.Len(t, events.Done, 1)
			require.Equal(t, row.class, events.Done[0].Class)
			require.Equal(t, row.reason, events.Done[0].Reason)
			require.Equal(t, row.code, events.Done[0].Code)
			requireShowable(t, &events)
			probe.RequirePrintable(t, log.String(), 4<<10, "\n")
			if row.err != "" {
				require.ErrorContains(t, err, row.err)
				return
			}
			require.NoError(t, err)
			requireBody(t, row, resp)
		})
	}
}

// requireBody requires that the caller reads what was sent.
func requireBody(t *testing.T, row hostileCase, resp *http.Response) {
	t.Helper()
	defer func() { require.NoError(t, resp.Body.Close()) }()
	if row.bodyErr == "endless" {
		got := make([]byte, 1<<20)
		_, err := io.ReadFull(resp.Body, got)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(got), row.body))
		return
	}
	got, err := io.ReadAll(resp.Body)
	if row.bodyErr != "" {
		require.ErrorContains(t, err, row.bodyErr)
	} else {
		require.NoError(t, err)
	}
	if row.body != "" {
		require.True(t, row.body == string(got), "%d bytes, not the %d that were sent", len(got), len(row.body))
	}
}

// hasty is a policy of at most n attempts that waits for nothing.
func hasty(n int) tcretry.Policy {
	p := probe.Quick()
	p.MaxAttempts = n
	return p
}

// requireShowable requires that what hooks receive can be shown to a person.
func requireShowable(tb testing.TB, t *probe.Events) {
	tb.Helper()
	for _, a := range t.Attempts {
		probe.RequirePrintable(tb, a.Code, 128, "")
		probe.RequirePrintable(tb, a.Message, 512, "")
		probe.RequirePrintable(tb, a.RequestID, 128, "")
		probe.RequirePrintable(tb, a.Service+a.Action+a.Region, 3*128, "")
		require.LessOrEqual(tb, a.Peeked, int64(64<<10))
	}
	for _, r := range t.Retries {
		probe.RequirePrintable(tb, r.Code, 128, "")
	}
	for _, d := range t.Done {
		probe.RequirePrintable(tb, d.Code, 128, "")
		probe.RequirePrintable(tb, d.RequestID, 128, "")
	}
}

// allocated is what the process has allocated in all.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
