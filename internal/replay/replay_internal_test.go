package replay

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/bodies"
)

// callerBody is a body that can be read once. It counts its closes and finds
// Reads that overlap.
type callerBody struct {
	io.Reader
	closes  atomic.Int32
	reading atomic.Bool
	overlap atomic.Bool
}

func newCallerBody(s string) *callerBody { return &callerBody{Reader: strings.NewReader(s)} }

func (b *callerBody) Read(p []byte) (int, error) {
	if !b.reading.CompareAndSwap(false, true) {
		b.overlap.Store(true)
	}
	defer b.reading.Store(false)
	return b.Reader.Read(p)
}

func (b *callerBody) Close() error {
	b.closes.Add(1)
	return nil
}

func bodyRequest(body io.ReadCloser) *http.Request {
	return &http.Request{Method: http.MethodPost, Body: body, ContentLength: -1}
}

func begin(req *http.Request, limit int64) *Body {
	r := new(Body)
	r.Init(req, limit)
	return r
}

// attempt begins the next attempt, which must succeed.
func attempt(t testing.TB, r *Body) io.ReadCloser {
	t.Helper()
	body, _, err := r.Next()
	require.NoError(t, err)
	return body
}

func readN(t testing.TB, r io.Reader, n int) string {
	t.Helper()
	p := make([]byte, n)
	_, err := io.ReadFull(r, p)
	require.NoError(t, err)
	return string(p)
}

func readAll(t testing.TB, r io.Reader) string {
	t.Helper()
	p, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(p)
}

func TestReplayOfNoBodyIsNoBody(t *testing.T) {
	for _, body := range []io.ReadCloser{nil, http.NoBody} {
		r := begin(bodyRequest(body), 10)
		for range 3 {
			require.True(t, r.Replayable())
			require.Equal(t, body, attempt(t, r))
		}
		require.True(t, r.Replayable())
		r.Close()
	}
}

func TestReplaySendsTheCallersBodyFirstAndThenCopiesOfGetBody(t *testing.T) {
	body := newCallerBody("body")
	req := bodyRequest(body)
	req.GetBody = func() (io.ReadCloser, error) { return newCallerBody("body"), nil }
	r := begin(req, 10)
	require.Same(t, body, attempt(t, r))
	for range 2 {
		require.True(t, r.Replayable())
		again := attempt(t, r)
		require.NotSame(t, body, again)
		require.Equal(t, "body", readAll(t, again))
	}
	r.Close()
	require.Zero(t, body.closes.Load(), "the underlying RoundTripper owns it")
}

func TestReplayReturnsAnErrorOfGetBody(t *testing.T) {
	gone := errors.New("gone")
	req := bodyRequest(newCallerBody("body"))
	req.GetBody = func() (io.ReadCloser, error) { return nil, gone }
	r := begin(req, 10)
	attempt(t, r)
	_, _, err := r.Next()
	require.ErrorIs(t, err, gone)
	require.False(t, r.Replayable())
}

func TestReplayDoesNotAllocateForTheFirstAttemptWithGetBodyOrWithoutABody(t *testing.T) {
	withGetBody := bodyRequest(newCallerBody("body"))
	withGetBody.GetBody = func() (io.ReadCloser, error) { return nil, nil }
	for _, req := range []*http.Request{withGetBody, bodyRequest(nil), bodyRequest(http.NoBody)} {
		var r Body
		require.Zero(t, testing.AllocsPerRun(100, func() {
			r.Init(req, 10)
			_, _, _ = r.Next()
			r.Close()
		}))
	}
}

func TestReplaySendsABodyThatIsNotReplayedAsItIs(t *testing.T) {
	for name, c := range map[string]struct{ length, limit int64 }{
		"no limit": {-1, 0}, "known to be longer than the limit": {11, 10},
	} {
		t.Run(name, func(t *testing.T) {
			body := newCallerBody("01234567890")
			req := bodyRequest(body)
			req.ContentLength = c.length
			r := begin(req, c.limit)
			require.Same(t, body, attempt(t, r))
			require.False(t, r.Replayable())
			_, _, err := r.Next()
			require.ErrorIs(t, err, bodies.ErrNotReplayable)
			r.Close()
			require.Zero(t, body.closes.Load(), "the underlying RoundTripper owns it")
		})
	}
}

func TestReplaySendsTheWholeBodyInEachAttemptWhateverTheOthersRead(t *testing.T) {
	body := newCallerBody("0123456789")
	r := begin(bodyRequest(body), 10)
	for i, n := range []int{0, 3, 1, 7, 10} {
		require.True(t, r.Replayable())
		b := attempt(t, r)
		require.Equal(t, "0123456789"[:n], readN(t, b, n), i)
		require.NoError(t, b.Close())
		require.Zero(t, body.closes.Load(), "a later attempt may need the rest")
	}
	b := attempt(t, r)
	require.Equal(t, "0123456789", readAll(t, b))
	require.NoError(t, b.Close())
	require.EqualValues(t, 1, body.closes.Load())
	require.Equal(t, "0123456789", readAll(t, attempt(t, r)))
	r.Close()
	require.EqualValues(t, 1, body.closes.Load())
}

func TestReplayGoesOnWithoutACopyBeyondTheLimit(t *testing.T) {
	body := newCallerBody("0123456789x")
	r := begin(bodyRequest(body), 10)
	b := attempt(t, r)
	require.Equal(t, "0123456789", readN(t, b, 10))
	require.True(t, r.Replayable())
	require.Equal(t, "x", readAll(t, b))
	require.False(t, r.Replayable())
	require.Nil(t, r.recording.kept)
	require.Nil(t, r.GetBody())
	_, _, err := r.Next()
	require.ErrorIs(t, err, bodies.ErrNotReplayable)
	require.NoError(t, b.Close())
	require.EqualValues(t, 1, body.closes.Load())
}

func TestReplayReturnsReadErrorsUnchangedAndIsThenNotReplayable(t *testing.T) {
	broken := errors.New("broken")
	body := &callerBody{Reader: io.MultiReader(strings.NewReader("01"), errReader{broken})}
	r := begin(bodyRequest(body), 10)
	b := attempt(t, r)
	got, err := io.ReadAll(b)
	require.Equal(t, "01", string(got))
	require.Same(t, broken, err)
	_, err = b.Read(make([]byte, 1))
	require.Same(t, broken, err)
	require.False(t, r.Replayable())
	require.NoError(t, b.Close())
	require.EqualValues(t, 1, body.closes.Load())
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestReplayReturnsTheErrorOfTheCallersClose(t *testing.T) {
	broken := errors.New("broken")
	r := begin(bodyRequest(closeErr{strings.NewReader("x"), broken}), 10)
	b := attempt(t, r)
	readAll(t, b)
	require.Same(t, broken, b.Close())
	require.NoError(t, b.Close())
}

type closeErr struct {
	io.Reader
	err error
}

func (c closeErr) Close() error { return c.err }

func TestReplayClosesTheCallersBodyAtTheEndOfTheCall(t *testing.T) {
	for name, run := range map[string]func(*testing.T, *Body){
		"before an attempt":     func(_ *testing.T, r *Body) { r.Close(); r.Close() },
		"after a part was read": func(t *testing.T, r *Body) { b := attempt(t, r); readN(t, b, 2); b.Close(); r.Close(); r.Close() },
		"read after the call":   func(t *testing.T, r *Body) { b := attempt(t, r); r.Close(); readAll(t, b); b.Close(); b.Close() },
		"never read":            func(t *testing.T, r *Body) { b := attempt(t, r); r.Close(); b.Close() },
		"after two attempts": func(t *testing.T, r *Body) {
			first := attempt(t, r)
			readN(t, first, 2)
			second := attempt(t, r)
			first.Close()
			second.Close()
			r.Close()
			first.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			body := newCallerBody("body")
			run(t, begin(bodyRequest(body), 10))
			require.EqualValues(t, 1, body.closes.Load())
		})
	}
}

func TestReplayLeavesTheBodyOpenWhileItIsReadAfterTheEndOfTheCall(t *testing.T) {
	body := newCallerBody("body")
	r := begin(bodyRequest(body), 10)
	b := attempt(t, r)
	readN(t, b, 2)
	r.Close()
	require.Zero(t, body.closes.Load())
	require.Equal(t, "dy", readAll(t, b))
}

func TestReplayClosesACallersBodyThatWasNotSentOnceWithGetBodyToo(t *testing.T) {
	body := newCallerBody("body")
	req := bodyRequest(body)
	req.GetBody = func() (io.ReadCloser, error) { return newCallerBody("body"), nil }
	r := begin(req, 10)
	r.Close()
	r.Close()
	require.EqualValues(t, 1, body.closes.Load())
}

func TestReplayReturnsNothingMoreToEarlierAttempts(t *testing.T) {
	r := begin(bodyRequest(newCallerBody("body")), 10)
	first := attempt(t, r)
	readN(t, first, 1)
	second := attempt(t, r)
	n, err := first.Read(make([]byte, 1))
	require.Zero(t, n)
	require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
	require.Equal(t, "body", readAll(t, second))
}

func TestReplayMakesAGetBodyOnceAllBytesThatTheRequestHasWereRead(t *testing.T) {
	for _, text := range []string{"body", "b"} {
		req := bodyRequest(newCallerBody(text))
		req.ContentLength = int64(len(text))
		r := begin(req, 10)
		b := attempt(t, r)
		readN(t, b, len(text)-1)
		require.Nil(t, r.GetBody())
		readN(t, b, 1)
		again, err := r.GetBody()()
		require.NoError(t, err)
		require.Equal(t, text, readAll(t, again))
	}
}

func TestReplayMakesAGetBodyOnceTheBodyWasReadWhole(t *testing.T) {
	for _, unknown := range []int64{-1, 0} { // of a client both mean that the length is unknown
		req := bodyRequest(newCallerBody("body"))
		req.ContentLength = unknown
		r := begin(req, 10)
		b, getBody, err := r.Next()
		require.NoError(t, err)
		require.Nil(t, getBody, "nothing has been read")
		readN(t, b, 4)
		require.Nil(t, r.GetBody(), "the end has not been seen")
		readAll(t, b)
		_, getBody, err = r.Next()
		require.NoError(t, err)
		for range 2 {
			again, err := getBody()
			require.NoError(t, err)
			require.Equal(t, "body", readAll(t, again))
		}
	}
}
