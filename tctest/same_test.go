package tctest_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tctest"
)

// What http.Transport sets in a response is set in one in memory, too.
func TestTheFieldsOfAResponseInMemoryAreThoseOfTheOthers(t *testing.T) {
	for name, reply := range map[string]tctest.Reply{
		"OK":             tctest.OK(nil),
		"another status": tctest.GatewayError(502),
		"empty":          tctest.Status(429, ""),
		"chunked":        tctest.Chunked(tctest.OK(nil)),
		"gzip":           tctest.Gzip(tctest.OK(nil)),
		"gzip, chunked":  tctest.Gzip(tctest.Chunked(tctest.OK(nil))),
		"trailer":        tctest.Trailer("Grpc-Status", "0", tctest.OK(nil)),
	} {
		requireTheSameFields(t, name, http.MethodPost, reply)
		requireTheSameFields(t, name, http.MethodHead, reply)
	}
	requireTheSameFields(t, "handler", http.MethodPost, tctest.HandlerFunc(echo))
	requireTheSameFields(t, "handler of a longer body", http.MethodPost, tctest.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "e/o")
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "0123456789")
		}))
	requireTheSameFields(t, "handler without a length", http.MethodPost, tctest.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "e/o")
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "text")
		}))
}

func requireTheSameFields(t *testing.T, name, method string, reply tctest.Reply) {
	t.Helper()
	got := map[string]*http.Response{}
	for way, base := range bases(t, reply) {
		got[way] = fields(t, base, method)
	}
	require.Equal(t, got["socket"], got["in memory"], name+" "+method)
	require.Equal(t, got["pipes"], got["in memory"], name+" "+method)
}

// fields returns the fields of a response that can be compared, as they are before its
// body is read.
func fields(t *testing.T, base http.RoundTripper, method string) *http.Response {
	req := newRequest(t, "A", "{}")
	req.Method = method
	resp, err := base.RoundTrip(req)
	require.NoError(t, err)
	require.Same(t, req, resp.Request)
	got := *resp
	got.Body, got.Request, got.Header, got.Trailer = nil, nil, resp.Header.Clone(), resp.Trailer.Clone()
	got.Header.Del("Date")
	got.Header.Del("Trailer") // the response to HEAD announces one that does not come
	require.NoError(t, resp.Body.Close())
	return &got
}
