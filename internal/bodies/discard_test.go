package bodies_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/internal/bodies/bodytest"
)

const discardLimit = 64 << 10

func response(body io.ReadCloser) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Body: body, ContentLength: -1}
}

func TestDiscard_ReadsABoundedRestAndCloses(t *testing.T) {
	inUse := bodytest.InUse()
	endless := &source{data: strings.Repeat("x", 1<<20), chunk: 1 << 10, err: io.EOF}
	bodies.Discard(response(endless))
	require.Equal(t, 1, endless.closes)
	require.Len(t, endless.data, 1<<20-discardLimit)

	short := whole(text)
	bodies.Discard(response(short))
	require.Equal(t, 1, short.closes)
	require.Empty(t, short.data)

	peeked := whole(text)
	bodies.Discard(response(peek(peeked, 10)))
	require.Equal(t, 1, peeked.closes)
	require.Empty(t, peeked.data)
	require.Equal(t, inUse, bodytest.InUse())
}

func TestDiscard_OfNothingIsFine(t *testing.T) {
	bodies.Discard(nil)
	bodies.Discard(&http.Response{})
}

func TestKeep_LeavesABodyThatHasEnded(t *testing.T) {
	for _, body := range []io.ReadCloser{nil, http.NoBody, peek(whole(text), 1000)} {
		resp := response(body)
		require.True(t, bodies.Keep(resp))
		require.Equal(t, body, resp.Body)
	}
}

func TestKeep_HasTheRestOfAShortBodyInMemory(t *testing.T) {
	cut := errors.New("connection reset")
	for name, c := range map[string]struct {
		size int
		err  error
	}{
		"short": {10, io.EOF}, "cut": {10, cut}, "longest": {discardLimit - 1, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			data := strings.Repeat("x", c.size)
			original := &source{data: data, err: c.err}
			resp := response(original)
			require.True(t, bodies.Keep(resp))
			require.Equal(t, 1, original.closes, "its connection is free")
			got, err := io.ReadAll(resp.Body)
			require.Equal(t, data, string(got))
			if c.err == io.EOF {
				require.NoError(t, err)
			} else {
				require.Equal(t, c.err, err)
			}
			require.NoError(t, resp.Body.Close())
			require.Equal(t, 1, original.closes)
		})
	}
}

// net/http returns the last bytes of a body of a declared length together with its end.
func TestKeep_HasABodyOf64KiBInMemoryThatEndsWithItsLastBytes(t *testing.T) {
	data := strings.Repeat("x", discardLimit)
	original := &source{data: data, err: io.EOF, together: true}
	resp := response(original)
	resp.ContentLength = discardLimit
	require.True(t, bodies.Keep(resp))
	require.Equal(t, 1, original.closes)
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, data, string(got))
}

func TestKeep_ClosesABodyThatIsTooLong(t *testing.T) {
	inUse := bodytest.InUse()
	long := whole(strings.Repeat("x", discardLimit+1))
	require.False(t, bodies.Keep(response(long)))
	require.Equal(t, 1, long.closes)
	require.Equal(t, inUse, bodytest.InUse())

	declared := whole(text)
	resp := response(declared)
	resp.ContentLength = discardLimit + 1
	require.False(t, bodies.Keep(resp))
	require.Equal(t, 1, declared.closes)
	require.Zero(t, declared.reads, "what cannot be read whole is not read")
}

func TestKeep_ClosesABodyThatIsTooSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inUse := bodytest.InUse()
		body := newSilent()
		start := time.Now()
		require.False(t, bodies.Keep(response(body)))
		require.Equal(t, 500*time.Millisecond, time.Since(start))
		require.Equal(t, 1, body.closes)
		require.Equal(t, inUse, bodytest.InUse())
	})
}
