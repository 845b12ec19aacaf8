package tc3_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tc3"
)

// pieces is a body that comes in pieces, and must not be read beyond the last.
type pieces struct {
	t    *testing.T
	left []string
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		p.t.Error("the rest of a stream is waited for")
		return 0, io.EOF
	}
	n := copy(b, p.left[0])
	p.left = p.left[1:]
	return n, nil
}

func (p *pieces) Close() error { return nil }

func TestAStreamIsReturnedWithWhatHasArrived(t *testing.T) {
	for _, body := range [][]string{
		{"line\n"},
		{"\n", "line\n"},
		{`{"Response":`, `{"RequestId":"1"}}`},
		{`{"Response":{"RequestId":"1"}}` + "\n{"},
		{`{"Response":{"Error":{"Code":"AuthFailure.TokenFailure"}}}` + "\n{"},
		{"["},
	} {
		rt := &tc3.Transport{
			Source: tc3.Static(tc3.Credentials{SecretID: "id", SecretKey: "key"}),
			Base: baseFunc(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Body: &pieces{t, body}, ContentLength: -1}, nil
			}),
		}
		req := newRequest(t, strings.NewReader(`{}`))
		resp, err := rt.RoundTrip(req)
		require.NoError(t, err)
		got := make([]byte, len(strings.Join(body, "")))
		_, err = io.ReadFull(resp.Body, got)
		require.NoError(t, err)
		require.Equal(t, strings.Join(body, ""), string(got))
	}
}

func TestAStreamThatCannotBeDecodedIsNotWaitedFor(t *testing.T) {
	for _, encoding := range []string{"gzip", "br"} {
		rt := &tc3.Transport{Source: tc3.Static(keyA), Base: baseFunc(func(*http.Request) (*http.Response, error) {
			return &http.Response{
				Header: http.Header{"Content-Encoding": {encoding}}, ContentLength: -1, Body: &pieces{t, []string{"no compression"}},
			}, nil
		})}
		resp, err := rt.RoundTrip(newRequest(t, nil))
		require.NoError(t, err)
		got := make([]byte, len("no compression"))
		_, err = io.ReadFull(resp.Body, got)
		require.NoError(t, err)
		require.Equal(t, "no compression", string(got))
	}
}

func TestARejectionIsDetectedHoweverSlowlyItArrives(t *testing.T) {
	const text = " \t\r\n" + `{"Response":{"Error":{"Code":"AuthFailure.TokenFailure","Message":"m"},"RequestId":"r"}}` + "\n"
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for encoding, body := range map[string]string{"": text, "gzip": compressed.String()} {
		called := false
		source := refreshFunc(func() tc3.Credentials { called = true; return temp })
		rt := &tc3.Transport{Source: source, Base: baseFunc(func(*http.Request) (*http.Response, error) {
			return &http.Response{
				Header: http.Header{"Content-Encoding": {encoding}}, ContentLength: -1,
				Body: io.NopCloser(iotest.OneByteReader(strings.NewReader(body))),
			}, nil
		})}
		resp, err := rt.RoundTrip(newRequest(t, nil))
		require.NoError(t, err)
		require.True(t, called, encoding)
		got, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, body, string(got))
	}
}
