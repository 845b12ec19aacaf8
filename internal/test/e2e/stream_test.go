package e2e_test

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tc3"
)

// streams are bodies that a service sends line by line.
var streams = map[string]struct{ contentType, line string }{
	"a JSON stream, as a watch":      {"application/json", `{"type":"ADDED","object":{"kind":"Pod"}}` + "\n"},
	"a JSON stream without newlines": {"application/json; charset=utf-8", `{"event":1}`},
	"NDJSON":                         {"application/x-ndjson", `{"level":"info"}` + "\n"},
	"NDJSON that calls itself JSON":  {"application/json", `{"code":0}` + "\n"},
	"text lines":                     {"text/plain; charset=utf-8", "2026-08-01 12:00:00 started\n"},
	"lines of no type":               {"", "line\n"},
	"an event stream":                {"text/event-stream", "data: {}\n\n"},
}

// coder is a compressor.
type coder interface {
	io.WriteCloser
	Flush() error
}

// plain is a coder that does nothing.
type plain struct{ io.Writer }

func (plain) Flush() error { return nil }

func (plain) Close() error { return nil }

// codings are the content codings of a stream, in the ways that servers write them.
var codings = map[string]func(http.ResponseWriter) coder{
	"gzip":    func(w http.ResponseWriter) coder { return gzip.NewWriter(w) },
	"deflate": func(w http.ResponseWriter) coder { return zlib.NewWriter(w) },
	"Deflate": func(w http.ResponseWriter) coder { f, _ := flate.NewWriter(w, -1); return f },
}

// streaming serves three lines, each when the one before has been received, in the
// coding that the request accepts.
func streaming(t *testing.T, contentType, line string, received <-chan struct{}) *httptest.Server {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header()["Content-Type"] = []string{contentType}
		if contentType == "" {
			w.Header()["Content-Type"] = nil
		}
		var coded coder = plain{w}
		if coding := codings[req.Header.Get("Accept-Encoding")]; coding != nil {
			w.Header().Set("Content-Encoding", req.Header.Get("Accept-Encoding"))
			coded = coding(w)
		}
		for range 3 {
			_, _ = io.WriteString(coded, line)
			_ = coded.Flush()
			w.(http.Flusher).Flush()
			select {
			case <-received:
			case <-req.Context().Done():
				return
			}
		}
		_ = coded.Close()
	}))
	t.Cleanup(srv.Close)
	return srv
}

// requireLines requires that the lines come one by one: the server sends the next
// when this one is read. A line that is held back ends in the context's error.
func requireLines(t *testing.T, client *http.Client, req *http.Request, line string, received chan<- struct{}) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	resp, err := client.Do(req.WithContext(ctx))
	require.NoError(t, err)
	defer resp.Body.Close()
	body := bufio.NewReader(resp.Body)
	got := make([]byte, len(line))
	for range 3 {
		_, err := io.ReadFull(body, got)
		require.NoError(t, err)
		require.Equal(t, line, string(got))
		received <- struct{}{}
	}
	_, err = body.ReadByte()
	require.Equal(t, io.EOF, err)
}

func TestAStreamOfAnotherServiceArrivesLineByLine(t *testing.T) {
	for name, s := range streams {
		t.Run(name, func(t *testing.T) {
			received := make(chan struct{}, 3)
			srv := streaming(t, s.contentType, s.line, received)
			client := &http.Client{Transport: tcretry.New(nil)}
			requireLines(t, client, otherRequest(t, "GET", srv.URL, nil), s.line, received)
		})
	}
}

func TestAStreamArrivesLineByLineThroughAReverseProxy(t *testing.T) {
	for name, s := range streams {
		for whose, change := range map[string]func(*http.Request){
			"another service": func(*http.Request) {},
			"the API":         func(req *http.Request) { req.Header.Set("X-TC-Action", "DescribeEvents") },
		} {
			t.Run(name+"/"+whose, func(t *testing.T) {
				received := make(chan struct{}, 3)
				srv := streaming(t, s.contentType, s.line, received)
				backend, err := url.Parse(srv.URL)
				require.NoError(t, err)
				proxy := httptest.NewServer(&httputil.ReverseProxy{
					Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(backend) },
					Transport:     tcretry.New(nil),
					FlushInterval: -1,
				})
				defer proxy.Close()
				req := otherRequest(t, "GET", proxy.URL, nil)
				change(req)
				requireLines(t, proxy.Client(), req, s.line, received)
			})
		}
	}
}

// apiStream is a request to the API that is answered with a stream. It asks for no
// coding, so that net/http asks for none either, unless it says so.
func apiStream(t *testing.T, address, coding string) *http.Request {
	req := otherRequest(t, "GET", address, nil)
	req.Header.Set("X-TC-Action", "DescribeEvents")
	req.Header.Set("X-TC-Version", "2017-03-12")
	req.Header.Set("Accept-Encoding", coding)
	return req
}

func TestAStreamOfTheAPIArrivesLineByLine(t *testing.T) {
	signer := func() http.RoundTripper {
		return &tc3.Transport{Service: "cvm", Source: tc3.Static(tc3.Credentials{SecretID: "id", SecretKey: "key"})}
	}
	for name, s := range streams {
		for _, coding := range []string{"identity", "gzip", "deflate", "Deflate"} {
			for below, rt := range map[string]http.RoundTripper{
				"alone": tcretry.New(nil), "over tc3": tcretry.New(signer()), "tc3 alone": signer(),
				"with a time-out": tcretry.New(nil, tcretry.WithAttemptTimeout(time.Minute)),
			} {
				t.Run(name+"/"+coding+"/"+below, func(t *testing.T) {
					received := make(chan struct{}, 3)
					srv := streaming(t, s.contentType, s.line, received)
					client := &http.Client{Transport: decoding{rt}}
					requireLines(t, client, apiStream(t, srv.URL, coding), s.line, received)
				})
			}
		}
	}
}

// decoding is a client that undoes the coding it asked for.
type decoding struct{ http.RoundTripper }

func (d decoding) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := d.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body := resp.Body
	read := struct {
		io.Reader
		io.Closer
	}{body, body}
	switch resp.Header.Get("Content-Encoding") {
	case "gzip":
		read.Reader, err = gzip.NewReader(body)
	case "deflate":
		read.Reader, err = zlib.NewReader(body)
	case "Deflate":
		read.Reader = flate.NewReader(body)
	}
	resp.Body = read
	return resp, err
}
