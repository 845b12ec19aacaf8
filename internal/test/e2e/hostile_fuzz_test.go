package e2e_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/bodies/bodytest"
	"github.com/tcretry/tcretry/internal/test/probe"
)

// fuzzResponse is what an underlying RoundTripper returns for every attempt.
type fuzzResponse struct {
	status int
	header http.Header
	body   []byte
	chunk  int   // the most bytes of a Read
	length int64 // Content-Length
	end    error // after the body
	err    error // in place of a response, if not nil
	bodies []*fuzzBody
}

func (a *fuzzResponse) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
	}
	if a.err != nil {
		return nil, a.err
	}
	body := &fuzzBody{rest: a.body, reply: a}
	a.bodies = append(a.bodies, body)
	return &http.Response{
		StatusCode: a.status, Header: a.header.Clone(), Body: body, ContentLength: a.length, Request: req,
	}, nil
}

// fuzzBody is the body of one response.
type fuzzBody struct {
	rest   []byte
	reply  *fuzzResponse
	closes int
}

func (b *fuzzBody) Read(p []byte) (int, error) {
	n := copy(p[:min(len(p), b.reply.chunk)], b.rest)
	b.rest = b.rest[n:]
	if len(b.rest) == 0 {
		return n, b.reply.end
	}
	return n, nil
}

func (b *fuzzBody) Close() error {
	b.closes++
	return nil
}

// headerOf reads lines of "key: value".
func headerOf(lines string) http.Header {
	h := http.Header{}
	for line := range strings.Lines(lines) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		h.Add(key, strings.TrimPrefix(value, " "))
	}
	return h
}

// FuzzRoundTrip requires that, whatever the response, a call with or without retries ends once,
// without a panic, with the response unchanged, and reports what can be shown.
func FuzzRoundTrip(f *testing.F) {
	var vectors []struct {
		Status      int    `json:"http_status"`
		ContentType string `json:"content_type"`
		Body        string `json:"body"`
	}
	probe.ReadJSON(f, "../../../testdata/vectors/envelopes.json", &vectors)
	for i, v := range vectors {
		f.Add(v.Status, "Content-Type: "+v.ContentType, []byte(v.Body), uint16(i), int64(len(v.Body)), uint8(i))
	}
	const json = "Content-Type: application/json\n"
	f.Add(429, json+"Retry-After: 99999999999", []byte("slow down"), uint16(1), int64(-1), uint8(0))
	f.Add(200, json+"Content-Encoding: gzip", gzipped(f, bomb(1<<18)), uint16(100), int64(-1), uint8(1))
	f.Add(200, json+"Content-Encoding: deflate", deflated(f, failure("ResourceInUse", "\\u001b[2J", "r")), uint16(9), int64(5), uint8(9))
	f.Add(200, json, []byte(failure("InternalError.\xff\x1b", strings.Repeat("m", 4000), "\x00")), uint16(9), int64(1<<40), uint8(3))
	f.Fuzz(func(t *testing.T, status int, header string, body []byte, chunk uint16, length int64, flags uint8) {
		a := &fuzzResponse{
			status: status, header: headerOf(header), body: body, chunk: 1 + int(chunk), length: max(length, -1), end: io.EOF,
		}
		if flags&1 != 0 {
			a.end = errors.New("cut")
		}
		if flags&2 != 0 && flags&4 != 0 {
			a.err = errorList{header, string(body)}
		}
		opts := []tcretry.Option{tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 1 + int(flags>>3&1)*2})}
		if flags&16 != 0 {
			opts = append(opts, tcretry.WithAttemptTimeout(time.Hour))
		}
		synctest.Test(t, func(t *testing.T) { fuzzCall(t, a, []string{"DescribeInstances", "RunInstances"}[flags>>5&1], opts) })
	})
}

// fuzzCall makes one call and checks what FuzzRoundTrip promises.
func fuzzCall(t *testing.T, a *fuzzResponse, action string, opts []tcretry.Option) {
	var events probe.Events
	var log bytes.Buffer
	inUse := bodytest.InUse()
	logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	opts = append(opts, tcretry.WithHooks(events.Hooks()), tcretry.WithHooks(tcretry.LogHooks(logger)))
	req := probe.SDKRequest(t, action, strings.NewReader("{}"))
	resp, err := tcretry.New(a, opts...).RoundTrip(req)

	require.Len(t, events.Done, 1)
	require.Len(t, events.Attempts, events.Done[0].Attempts)
	requireShowable(t, &events)
	for line := range strings.Lines(log.String()) {
		probe.RequirePrintable(t, strings.TrimSuffix(line, "\n"), 4<<10, "")
	}
	if a.err != nil {
		require.Nil(t, resp)
		require.ErrorAs(t, err, new(errorList))
		require.ErrorIs(t, err, tcretry.ErrOutcomeUnknown, "this base does not say whether it has sent the request")
		return
	}
	require.NoError(t, err)
	require.Same(t, req, resp.Request)
	requireUnchanged(t, a, resp)
	require.Len(t, a.bodies, events.Done[0].Attempts)
	require.Equal(t, inUse, bodytest.InUse())
}

// requireUnchanged requires that resp is the response of a, whole.
func requireUnchanged(t *testing.T, a *fuzzResponse, resp *http.Response) {
	t.Helper()
	require.Equal(t, a.status, resp.StatusCode)
	require.Equal(t, a.length, resp.ContentLength)
	require.True(t, maps.EqualFunc(a.header, resp.Header, func(x, y []string) bool { return strings.Join(x, "\n") == strings.Join(y, "\n") }))
	got, err := io.ReadAll(resp.Body)
	if a.end == io.EOF {
		require.NoError(t, err)
	} else {
		require.Same(t, a.end, err)
	}
	require.True(t, bytes.Equal(a.body, got), "%q was %q", got, a.body)
	require.NoError(t, resp.Body.Close())
	for _, b := range a.bodies {
		require.Equal(t, 1, b.closes)
	}
}
