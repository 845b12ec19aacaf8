package envelope

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/internal/bodies/bodytest"
)

const throttledBody = `{"Response":{"Error":{"Code":"RequestLimitExceeded","Message":"slow down"},"RequestId":"r1"}}`

// scriptedBody returns data in chunks, then err, which arrives with the last chunk
// if together is set. It counts what is done to it.
type scriptedBody struct {
	data     string
	chunk    int
	err      error
	together bool

	reads, closes int
}

func (b *scriptedBody) Read(p []byte) (int, error) {
	b.reads++
	n := copy(p[:min(len(p), max(b.chunk, 1))], b.data)
	b.data = b.data[n:]
	if b.data == "" && (n == 0 || b.together) {
		return n, b.err
	}
	return n, nil
}

func (b *scriptedBody) Close() error {
	b.closes++
	return nil
}

func whole(data string) *scriptedBody {
	return &scriptedBody{data: data, chunk: len(data), err: io.EOF}
}

// reply is a 200 response with body, of unknown length; fields are pairs of its header.
func reply(body io.ReadCloser, fields ...string) *http.Response {
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, ContentLength: -1}
	for i := 0; i < len(fields); i += 2 {
		resp.Header.Add(fields[i], fields[i+1])
	}
	return resp
}

func TestPeekLeavesAloneWhatIsNoEnvelope(t *testing.T) {
	untouched := map[string]func(*http.Response){
		"101":             func(r *http.Response) { r.StatusCode = http.StatusSwitchingProtocols },
		"HEAD":            func(r *http.Response) { r.Request = &http.Request{Method: http.MethodHead} },
		"CONNECT":         func(r *http.Response) { r.Request = &http.Request{Method: http.MethodConnect} },
		"too long":        func(r *http.Response) { r.ContentLength = DefaultLimit + 1 },
		"brotli":          func(r *http.Response) { r.Header.Set("Content-Encoding", "br") },
		"list of codings": func(r *http.Response) { r.Header.Set("Content-Encoding", "gzip, gzip") },
		"two codings":     func(r *http.Response) { r.Header["Content-Encoding"] = []string{"gzip", "gzip"} },
	}
	for _, contentType := range []string{
		"text/event-stream", "text/event-stream; charset=utf-8", "text/event-stream;charset=UTF-8; x=application/json",
		"TEXT/EVENT-STREAM", "application/octet-stream", "text/html", "application/jsonp", "application/json-seq",
		"application/x-ndjson", "+json", "image/png",
	} {
		untouched[contentType] = func(r *http.Response) { r.Header.Set("Content-Type", contentType) }
	}
	for name, change := range untouched {
		t.Run(name, func(t *testing.T) {
			body := whole(throttledBody)
			resp := reply(body, "Content-Type", "application/json")
			change(resp)
			require.Zero(t, Peek(resp, DefaultLimit, new(bodies.Peeked)))
			require.Same(t, body, resp.Body)
			require.Zero(t, body.reads+body.closes)
		})
	}
}

func TestPeekLeavesAloneNoBody(t *testing.T) {
	for _, body := range []io.ReadCloser{nil, http.NoBody} {
		resp := reply(body)
		require.Zero(t, Peek(resp, DefaultLimit, new(bodies.Peeked)))
		require.Equal(t, body, resp.Body)
	}
}

func TestPeekReadsJSONWhateverItsName(t *testing.T) {
	for _, contentType := range []string{
		"", "application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", " Application/JSON ;x",
		"text/json", "Text/Json", "text/plain", "TEXT/plain; charset=utf-8", "application/problem+json", "application/x+JSON; a=b", "; charset=utf-8",
	} {
		resp := reply(whole(throttledBody), "Content-Type", contentType)
		found := Peek(resp, DefaultLimit, new(bodies.Peeked))
		require.NotNil(t, found.Failure, contentType)
	}
	require.NotNil(t, Peek(reply(whole(throttledBody)), DefaultLimit, new(bodies.Peeked)).Failure, "no type")
}

func TestPeekChangesNothingButTheBody(t *testing.T) {
	resp := reply(whole(throttledBody), "Content-Type", "application/json")
	resp.Uncompressed, resp.ContentLength = true, int64(len(throttledBody))
	body := new(bodies.Peeked)
	want := *resp
	want.Header, want.Body = resp.Header.Clone(), body
	Peek(resp, DefaultLimit, body)
	require.Equal(t, want, *resp)
}

func TestPeekReturnsAllThatItFound(t *testing.T) {
	body := whole(throttledBody)
	found := Peek(reply(body), DefaultLimit, new(bodies.Peeked))
	require.Equal(t, Seen{
		Failure: &Failure{Code: "RequestLimitExceeded", Message: "slow down", RequestID: "r1"},
		Size:    int64(len(throttledBody)),
		Whole:   true,
	}, found)
	require.Equal(t, 1, body.closes, "an original that ended is closed immediately")

	require.True(t, Peek(reply(whole(`{"Response":{"Error":{"Code":"A"},"Status":1}}`)), 99, new(bodies.Peeked)).Task)
	require.Equal(t, 4400, Peek(reply(whole(`{"code":4400}`)), 99, new(bodies.Peeked)).Legacy)
}

func TestPeekOfACutBodyReturnsTheErrorAndWhatArrived(t *testing.T) {
	cut := errors.New("connection reset")
	for name, text := range map[string]string{"half": throttledBody[:40], "all": throttledBody} {
		for _, together := range []bool{false, true} {
			body := &scriptedBody{data: text, chunk: 7, err: cut, together: together}
			resp := reply(body)
			found := Peek(resp, DefaultLimit, new(bodies.Peeked))
			require.Equal(t, cut, found.Err)
			require.False(t, found.Whole)
			require.Equal(t, name == "all", found.Failure != nil, name)
			data, err := io.ReadAll(resp.Body)
			require.Equal(t, cut, err)
			require.Equal(t, text, string(data))
		}
	}
}

func TestPeekStopsAtItsLimit(t *testing.T) {
	size := int64(len(throttledBody))
	for _, row := range []struct {
		limit, length int64
		together      bool
		failure       bool
	}{
		{limit: size + 1, length: -1, failure: true},
		{limit: size, length: size, failure: true},
		{limit: size, length: -1, together: true, failure: true},
		{limit: size, length: -1}, // more may follow
		{limit: size - 1, length: -1},
		{limit: 1, length: -1},
	} {
		body := whole(throttledBody)
		body.together = row.together
		resp := reply(body)
		resp.ContentLength = row.length
		found := Peek(resp, row.limit, new(bodies.Peeked))
		require.Equal(t, row.failure, found.Failure != nil, "%+v", row)
		require.Equal(t, min(size, row.limit), found.Size)
		require.NoError(t, found.Err)
		data, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, throttledBody, string(data))
	}
}

func TestPeekKeepsBodiesOfEverySize(t *testing.T) {
	for _, size := range []int{0, 1, bodies.Small - 1, bodies.Small, bodies.Small + 1, bodies.Large - 1, bodies.Large, bodies.Large + 1, 5 * bodies.Large} {
		for _, limit := range []int64{1, bodies.Small, bodies.Large, 4 * bodies.Large} {
			for _, length := range []int64{-1, int64(size)} {
				inUse := bodytest.InUse()
				text := strings.Repeat("0123456789abcdef", size/16+1)[:size]
				resp := reply(&scriptedBody{data: text, chunk: 3000, err: io.EOF})
				resp.ContentLength = length
				Peek(resp, limit, new(bodies.Peeked))
				require.NoError(t, iotest.TestReader(io.MultiReader(resp.Body), []byte(text)))
				require.Equal(t, inUse, bodytest.InUse())
			}
		}
	}
}

func TestPeekReadsABodyThatArrivesByteByByteWithPauses(t *testing.T) {
	text, pause := throttledBody+strings.Repeat(" ", 2*bodies.MaxEmptyReads), false
	body := io.NopCloser(readerFunc(func(p []byte) (int, error) {
		if pause = !pause; pause {
			return 0, nil
		}
		if text == "" {
			return 0, io.EOF
		}
		n := copy(p[:1], text)
		text = text[n:]
		return n, nil
	}))
	require.NotNil(t, Peek(reply(body), DefaultLimit, new(bodies.Peeked)).Failure)
}

func TestPeekDoesNotWaitForABodyThatReturnsNothing(t *testing.T) {
	never := io.NopCloser(readerFunc(func([]byte) (int, error) { return 0, nil }))
	require.Zero(t, Peek(reply(never), DefaultLimit, new(bodies.Peeked)))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func compress(t testing.TB, coding, text string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	switch coding {
	case "zlib":
		w = zlib.NewWriter(&b)
	case "raw":
		var err error
		w, err = flate.NewWriter(&b, flate.BestSpeed)
		require.NoError(t, err)
	}
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func TestPeekDecodesCompressedBodiesAndReturnsThemUnchanged(t *testing.T) {
	for _, row := range [][2]string{
		{"gzip", "gzip"}, {"GZIP", "gzip"}, {"x-gzip", "gzip"}, {"deflate", "zlib"}, {"deflate", "raw"}, {"deflate", "zlib"}, {"deflate", "raw"},
	} {
		inUse := bodytest.InUse()
		coded := compress(t, row[1], throttledBody)
		resp := reply(whole(coded), "Content-Encoding", row[0])
		require.NotNil(t, Peek(resp, DefaultLimit, new(bodies.Peeked)).Failure, row)
		data, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, coded, string(data))
		require.Equal(t, inUse, bodytest.InUse())
	}
}

func TestPeekOfABodyThatIsNotCodedAsDeclaredFindsNothing(t *testing.T) {
	coded := compress(t, "gzip", throttledBody)
	for _, coding := range []string{"gzip", "deflate"} {
		for _, text := range []string{"", throttledBody, coded[:len(coded)-1], coded[:5], compress(t, "zlib", throttledBody)[:20]} {
			inUse := bodytest.InUse()
			resp := reply(whole(text), "Content-Encoding", coding)
			require.Nil(t, Peek(resp, DefaultLimit, new(bodies.Peeked)).Failure)
			data, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, text, string(data))
			require.Equal(t, inUse, bodytest.InUse())
		}
	}
}

func TestPeekOfADecompressionBombIsBounded(t *testing.T) {
	bomb := compress(t, "gzip", throttledBody+strings.Repeat(" ", 4<<20))
	require.Less(t, len(bomb), DefaultLimit)
	before := testing.AllocsPerRun(1, func() {})
	allocs := testing.AllocsPerRun(10, func() {
		found := Peek(reply(whole(bomb), "Content-Encoding", "gzip"), DefaultLimit, new(bodies.Peeked))
		require.Nil(t, found.Failure)
	})
	require.Less(t, allocs-before, 50.0, "nothing grows with the bomb")
}

func TestPeekOfASuccessAllocatesNothing(t *testing.T) {
	text := items(4000, "")
	for _, length := range []int64{-1, int64(len(text))} {
		original := new(replayed)
		original.Reset([]byte(text))
		header := http.Header{"Content-Type": {"application/json"}}
		sink := make([]byte, 512)
		var call struct { // as in the call of a transport
			resp http.Response
			body bodies.Peeked
		}
		allocs := testing.AllocsPerRun(200, func() {
			call.body = bodies.Peeked{}
			call.resp = http.Response{StatusCode: 200, Header: header, Body: original, ContentLength: length}
			Peek(&call.resp, DefaultLimit, &call.body)
			for err := error(nil); err == nil; {
				_, err = call.resp.Body.Read(sink)
			}
			_ = call.resp.Body.Close()
		})
		require.Zero(t, allocs)
	}
}

func TestPeekKeepsTheTrailersOfARealResponse(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.WriteString(w, throttledBody)
		w.(http.Flusher).Flush()
		w.Header().Set("X-Sum", "17")
	}))
	defer server.Close()
	resp, err := server.Client().Get(server.URL)
	require.NoError(t, err)
	Peek(resp, DefaultLimit, new(bodies.Peeked))
	_, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "17", resp.Trailer.Get("X-Sum"))
}

func TestPeekIsSafeForConcurrentUse(t *testing.T) {
	inUse := bodytest.InUse()
	var calls sync.WaitGroup
	for i := range 16 {
		calls.Go(func() {
			for j := range 50 {
				text := strings.Repeat(string(rune('a'+(i+j)%26)), 100+i*j)
				coding, coded := "identity", text
				if j%2 == 0 {
					coding, coded = "gzip", compress(t, "gzip", text)
				}
				resp := reply(whole(coded), "Content-Encoding", coding)
				Peek(resp, 400, new(bodies.Peeked))
				data, err := io.ReadAll(resp.Body)
				if err != nil || string(data) != coded {
					t.Errorf("read %q, %v", data, err)
				}
				_ = resp.Body.Close()
			}
		})
	}
	calls.Wait()
	require.Equal(t, inUse, bodytest.InUse())
}
