package tc3_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tc3"
)

// closing is a base that closes the body as the contract says and never reads it.
var closing = baseFunc(func(r *http.Request) (*http.Response, error) {
	return newResponse("", ""), r.Body.Close()
})

func TestABodyWithGetBodyIsHashedOverACopyAndEachIsClosedOnce(t *testing.T) {
	req := newRequest(t, nil)
	own, other := &closeCounter{Reader: strings.NewReader("{}")}, &closeCounter{Reader: strings.NewReader("{}")}
	req.Body, req.ContentLength = own, 2
	req.GetBody = func() (io.ReadCloser, error) { return other, nil }
	require.Empty(t, do(t, &tc3.Transport{Source: tc3.Static(keyA), Base: &api{accepts: keyA}}, req))
	require.Equal(t, 1, own.closed)
	require.Equal(t, 1, other.closed)
}

func TestABodyWithoutGetBodyIsBufferedAndClosedOnceAndTheBaseCanSendItAgain(t *testing.T) {
	req := newRequest(t, nil)
	own := &closeCounter{Reader: strings.NewReader(`{"a":1}`)}
	req.Body, req.ContentLength = own, -1
	rt := &tc3.Transport{Source: tc3.Static(keyA), Base: baseFunc(func(r *http.Request) (*http.Response, error) {
		require.Equal(t, int64(7), r.ContentLength)
		again, err := r.GetBody()
		require.NoError(t, err)
		text, err := io.ReadAll(again)
		require.NoError(t, err)
		require.Equal(t, `{"a":1}`, string(text))
		return (&api{accepts: keyA}).RoundTrip(r)
	})}
	require.Empty(t, do(t, rt, req))
	require.Equal(t, 1, own.closed)
}

func TestABodyWithoutGetBodyIsBufferedUpToTheLimitOfTheAPI(t *testing.T) {
	const limit = 10 << 20
	rows := []struct {
		name              string
		size, length      int64
		mustNotBeRead     bool
		wantErr, unsigned bool
	}{
		{name: "at the limit", size: limit, length: -1},
		{name: "over it", size: limit + 1, length: -1, wantErr: true},
		{name: "over it by its length", size: limit + 1, length: limit + 1, mustNotBeRead: true, wantErr: true},
		{name: "over it, unsigned", size: limit + 1, length: -1, mustNotBeRead: true, unsigned: true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			req := newRequest(t, nil)
			source := &io.LimitedReader{R: zeros{}, N: row.size}
			body := &closeCounter{Reader: source}
			req.Body, req.ContentLength = body, row.length
			if row.unsigned {
				req.Header.Set("X-TC-Content-SHA256", tc3.UnsignedPayload)
			}
			resp, err := (&tc3.Transport{Source: tc3.Static(keyA), Base: closing}).RoundTrip(req)
			if row.wantErr {
				require.EqualError(t, err, "tcretry: tc3: the request cannot be signed: its body has no GetBody and more than "+
					"10485760 bytes: set GetBody, or X-TC-Content-SHA256 to UNSIGNED-PAYLOAD")
			} else {
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
			}
			require.Equal(t, 1, body.closed)
			require.Equal(t, row.mustNotBeRead, source.N == row.size)
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestAnErrorOfTheBodyIsReturnedAndTheBodyClosed(t *testing.T) {
	fail := func() (io.ReadCloser, error) { return nil, errBroken }
	breaks := func() (io.ReadCloser, error) { return io.NopCloser(&brokenReader{rest: "{"}), nil }
	for name, getBody := range map[string]func() (io.ReadCloser, error){"no GetBody": nil, "GetBody fails": fail, "its body fails": breaks} {
		t.Run(name, func(t *testing.T) {
			req := newRequest(t, nil)
			body := &closeCounter{Reader: &brokenReader{rest: "{"}}
			req.Body, req.GetBody = body, getBody
			_, err := (&tc3.Transport{Source: tc3.Static(keyA), Base: unreached(t)}).RoundTrip(req)
			require.ErrorIs(t, err, errBroken)
			require.Equal(t, 1, body.closed)
		})
	}
}

// 64 MiB pass through the hash in a few kilobytes.
func TestALargeBodyIsHashedAsAStream(t *testing.T) {
	const size = 64 << 20
	req := newRequest(t, nil)
	open := func() (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(zeros{}, size)), nil }
	req.Body, _ = open()
	req.GetBody, req.ContentLength = open, size
	rt := &tc3.Transport{Source: tc3.Static(keyA), Base: closing}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	resp, err := rt.RoundTrip(req)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

// Whatever the response is, its reader gets it unchanged.
func TestPeekPutsBackEveryByteAndTheErrorAtItsPlace(t *testing.T) {
	rejected := `{"Response":{"Error":{"Code":"AuthFailure.SignatureExpire","Message":"m"},"RequestId":"r"}}`
	rows := []struct{ name, contentType, body string }{
		{"small", "application/json", rejected},
		{"no type", "", rejected},
		{"not JSON", "application/json", "AuthFailure <html>"},
		{"longer than the limit", "application/json", rejected + strings.Repeat(" ", 10000)},
		{"at the limit", "application/json", strings.Repeat("x", 4096)},
		{"one more", "application/json", strings.Repeat("x", 4097)},
		{"empty", "application/json", ""},
		{"stream", "text/event-stream; charset=utf-8", "data: {}\n\n"},
	}
	for _, row := range rows {
		for _, broken := range []bool{false, true} {
			t.Run(row.name, func(t *testing.T) {
				var r io.Reader = strings.NewReader(row.body)
				if broken {
					r = &brokenReader{rest: row.body}
				}
				body := &closeCounter{Reader: r}
				rt := &tc3.Transport{Source: tc3.Static(keyA), Base: baseFunc(func(*http.Request) (*http.Response, error) {
					return &http.Response{Header: http.Header{"Content-Type": {row.contentType}}, Body: body, ContentLength: -1}, nil
				})}
				resp, err := rt.RoundTrip(newRequest(t, nil))
				require.NoError(t, err)
				got, err := io.ReadAll(resp.Body)
				require.Equal(t, row.body, string(got))
				if broken {
					require.Same(t, errBroken, err)
				} else {
					require.NoError(t, err)
				}
				require.Zero(t, body.closed)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, 1, body.closed)
			})
		}
	}
}

// A body that must not be read: a stream, or a response with a large Content-Length.
func TestPeek_skipsStreamsAndLongResponses(t *testing.T) {
	rows := []struct {
		contentType string
		length      int64
	}{{"text/event-stream", -1}, {"application/octet-stream", 10}, {"application/json", 4097}, {"bad/type/;;", -1}}
	for _, row := range rows {
		t.Run(row.contentType, func(t *testing.T) {
			body := &brokenReader{rest: "{}"}
			rt := &tc3.Transport{Source: tc3.Static(keyA), Base: baseFunc(func(*http.Request) (*http.Response, error) {
				return &http.Response{
					Header: http.Header{"Content-Type": {row.contentType}}, Body: io.NopCloser(body), ContentLength: row.length,
				}, nil
			})}
			_, err := rt.RoundTrip(newRequest(t, nil))
			require.NoError(t, err)
			require.Equal(t, "{}", body.rest)
		})
	}
}

func TestPeek_decodesAContentEncoding(t *testing.T) {
	text := `{"Response":{"Error":{"Code":"AuthFailure.TokenFailure","Message":"m"},"RequestId":"r"}}`
	var gz, fl bytes.Buffer
	g := gzip.NewWriter(&gz)
	f, err := flate.NewWriter(&fl, -1)
	require.NoError(t, err)
	for _, w := range []io.WriteCloser{g, f} {
		_, err = io.WriteString(w, text)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	for encoding, body := range map[string]string{"gzip": gz.String(), "deflate": fl.String(), "br": text, "gzip ": text} {
		t.Run(encoding, func(t *testing.T) {
			calls := 0
			source := refreshFunc(func() tc3.Credentials { calls++; return temp })
			rt := &tc3.Transport{Source: source, Base: baseFunc(func(*http.Request) (*http.Response, error) {
				return &http.Response{
					Header:        http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {encoding}},
					ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
				}, nil
			})}
			resp, err := rt.RoundTrip(newRequest(t, nil))
			require.NoError(t, err)
			got, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, body, string(got), "the bytes are returned unchanged")
			require.Equal(t, body == text, calls == 0, "a body of unknown encoding is not inspected")
		})
	}
}

// What may be a rejection, by the headers and the length.
func TestPeek_inspectsSmallResponsesThatMayBeJSON(t *testing.T) {
	const text = `{"Response":{"Error":{"Code":"AuthFailure.TokenFailure","Message":"m"},"RequestId":"r"}}`
	rows := []struct {
		contentType, body string
		want              bool
	}{
		{"application/json", text, true},
		{"application/json; charset=utf-8", text, true},
		{"text/plain; charset=utf-8", text, true},
		{"", text, true},
		{"text/html", text, false},
		{"application/json", text + strings.Repeat(" ", 4096-len(text)), true},
		{"application/json", text + strings.Repeat(" ", 4097-len(text)), false},
		{"application/json", `{"Response":{"Error":"AuthFailure.TokenFailure"}}`, false},
		{"application/json", `{"Response":{"Error":{"Code":"AuthFailure.TokenFailureOther"}}}`, false},
		{"application/json", `{"Response":{"Data":{"Error":{"Code":"AuthFailure.TokenFailure"}}}}`, false},
	}
	for _, row := range rows {
		for _, length := range []int{-1, len(row.body)} {
			called := false
			rt := &tc3.Transport{Source: refreshFunc(func() tc3.Credentials { called = true; return temp }), Base: baseFunc(
				func(*http.Request) (*http.Response, error) {
					return &http.Response{
						Header: http.Header{"Content-Type": {row.contentType}}, ContentLength: int64(length),
						Body: io.NopCloser(strings.NewReader(row.body)),
					}, nil
				})}
			_, err := rt.RoundTrip(newRequest(t, nil))
			require.NoError(t, err)
			require.Equal(t, row.want, called, "%s of %d bytes, ContentLength %d", row.contentType, len(row.body), length)
		}
	}
}
