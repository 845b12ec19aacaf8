package e2e_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
)

// pieces is a body that comes in pieces. It notes whether it was read beyond the
// last one, where a stream would wait.
type pieces struct {
	left   []string
	beyond bool
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		p.beyond = true
		return 0, io.EOF
	}
	n := copy(b, p.left[0])
	p.left = p.left[1:]
	return n, nil
}

func (p *pieces) Close() error { return nil }

func TestABodyIsReadUntilItCannotBeAFailure(t *testing.T) {
	const success, failure = `{"Response":{"Set":[{"A":"}"}],"RequestId":"1"}}`, `{"Response":{"Error":{"Code":"InternalError","Message":""},"RequestId":"1"}}`
	for name, row := range map[string]struct {
		pieces []string
		length int64 // -1 if it is not known
		left   int   // pieces that are not read
		waits  bool  // for the end
		code   string
	}{
		"a success":                          {[]string{success}, -1, 0, false, ""},
		"a success in parts":                 {[]string{success[:9], success[9:30], success[30:]}, -1, 0, false, ""},
		"a success of API 2.0":               {[]string{`{"code":0}`}, -1, 0, false, ""},
		"a success of known length":          {[]string{success}, int64(len(success)), 0, true, ""},
		"a success, and more by its length":  {[]string{success, "\n"}, int64(len(success)) + 1, 1, false, ""},
		"a failure":                          {[]string{failure}, -1, 0, true, "InternalError"},
		"a failure in parts":                 {[]string{failure[:20], failure[20:]}, -1, 0, true, "InternalError"},
		"a failure, then white space":        {[]string{"\xef\xbb", "\xbf \r\n", failure, "\n\n"}, -1, 0, true, "InternalError"},
		"a failure, then more":               {[]string{failure, "\n{"}, -1, 0, false, ""},
		"a failure of API 2.0":               {[]string{`{"code":4400,`, `"message":"quota"}`}, -1, 0, true, "4400"},
		"an object that is not complete":     {[]string{`{"Response":{`}, -1, 0, true, ""},
		"objects without anything between":   {[]string{`{}{`, `}`}, -1, 1, false, ""},
		"objects that a comma separates":     {[]string{`{},`, `{}`}, -1, 1, false, ""},
		"an array":                           {[]string{`[`, `1]`}, -1, 1, false, ""},
		"a line":                             {[]string{"2026-08-01 started\n", "x"}, -1, 1, false, ""},
		"empty lines, then a line":           {[]string{"\n", "\n", "x", "y"}, -1, 1, false, ""},
		"an array of known length":           {[]string{`[`, `1]`}, 3, 1, false, ""},
		"what begins like a byte order mark": {[]string{"\xef\xbb", "x", "y"}, -1, 1, false, ""},
	} {
		body := &pieces{left: row.pieces}
		resp := &http.Response{StatusCode: 200, Body: body, ContentLength: row.length}
		probe.RequireCode(t, row.code, tcretry.CheckResponse(resp))
		require.Len(t, body.left, row.left, name)
		require.Equal(t, row.waits, body.beyond, name)
		rest, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, strings.Join(row.pieces, ""), string(rest), name)
	}
}

// compressed returns the texts compressed in one body, flushed after each.
func compressed(t *testing.T, coding string, texts ...string) (flushed []string) {
	var b bytes.Buffer
	var w coder = gzip.NewWriter(&b)
	switch coding {
	case "zlib":
		w = zlib.NewWriter(&b)
	case "flate":
		w, _ = flate.NewWriter(&b, -1)
	}
	for _, text := range texts {
		_, err := io.WriteString(w, text)
		require.NoError(t, err)
		require.NoError(t, w.Flush())
		flushed = append(flushed, b.String())
		b.Reset()
	}
	require.NoError(t, w.Close())
	flushed[len(flushed)-1] += b.String()
	return flushed
}

func TestACompressedBodyIsReadUntilItCannotBeAFailure(t *testing.T) {
	const success, failure = `{"Response":{"RequestId":"1"}}`, `{"Response":{"Error":{"Code":"InternalError","Message":""},"RequestId":"1"}}`
	for coding, header := range map[string]string{"gzip": "gzip", "zlib": "deflate", "flate": "deflate"} {
		for name, row := range map[string]struct {
			texts []string
			left  int
			waits bool
			code  string
		}{
			"a success in parts":  {[]string{success[:9], success[9:], " "}, 1, false, ""},
			"a failure in parts":  {[]string{failure[:9], failure[9:]}, 0, true, "InternalError"},
			"a line":              {[]string{"started\n", "x"}, 1, false, ""},
			"more than the limit": {[]string{`{"A":"` + strings.Repeat("a", 64<<10), "x"}, 1, false, ""},
		} {
			body := &pieces{left: compressed(t, coding, row.texts...)}
			if name == "a failure in parts" { // its header in two
				body.left = append([]string{body.left[0][:1], body.left[0][1:]}, body.left[1:]...)
			}
			want := strings.Join(body.left, "")
			resp := &http.Response{
				StatusCode: 200, Body: body, ContentLength: -1,
				Header: http.Header{"Content-Encoding": {header}},
			}
			probe.RequireCode(t, row.code, tcretry.CheckResponse(resp))
			require.Len(t, body.left, row.left, "%s, %s", coding, name)
			require.Equal(t, row.waits, body.beyond, "%s, %s", coding, name)
			rest, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, want, string(rest))
		}
	}
}

func TestWhatCannotBeDecodedIsNotWaitedFor(t *testing.T) {
	for _, header := range []string{"gzip", "deflate"} {
		body := &pieces{left: []string{strings.Repeat("plain text ", 3), "x"}}
		resp := &http.Response{StatusCode: 200, Body: body, ContentLength: -1, Header: http.Header{"Content-Encoding": {header}}}
		require.NoError(t, tcretry.CheckResponse(resp))
		require.Len(t, body.left, 1, header)
	}
}

// A server that sends a bomb byte by byte costs a bounded time: each look decodes
// all that has come, and there are only so many.
func TestACompressedBodyThatComesByteByByteIsDecodedWithinABound(t *testing.T) {
	bomb := compressed(t, "gzip", `{"A":"`+strings.Repeat("a", 60<<10), "The quick brown fox jumps over it.", `"}`)
	body := &pieces{}
	for _, b := range []byte(strings.Join(bomb, "")) {
		body.left = append(body.left, string([]byte{b}))
	}
	resp := &http.Response{StatusCode: 200, Body: body, ContentLength: -1, Header: http.Header{"Content-Encoding": {"gzip"}}}
	require.NoError(t, tcretry.CheckResponse(resp))
	require.True(t, body.beyond, "the looks were used up: it is read to its end")
}
