package replay_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/replay"
)

const form = "Action=DescribeInstances"

// refused returns the body of a request after an attempt that read nothing of it.
func refused(t *testing.T, source io.Reader) *replay.Body {
	t.Helper()
	body := new(replay.Body)
	body.Init(&http.Request{Method: http.MethodPost, Body: io.NopCloser(source), ContentLength: -1}, 1000)
	first, _, err := body.Next()
	require.NoError(t, err)
	require.NoError(t, first.Close())
	return body
}

// requireNext requires that the next attempt receives the whole form.
func requireNext(t *testing.T, body *replay.Body) {
	t.Helper()
	require.True(t, body.Replayable())
	next, _, err := body.Next()
	require.NoError(t, err)
	got, err := io.ReadAll(next)
	require.NoError(t, err)
	require.Equal(t, form, string(got))
}

func TestReadAhead_MakesCopiesOfABodyUpToItsLimit(t *testing.T) {
	for limit, whole := range map[int64]bool{100: true, int64(len(form)): true, int64(len(form)) - 2: false} {
		body := refused(t, strings.NewReader(form))
		require.Nil(t, body.GetBody())
		body.ReadAhead(limit, nil)
		require.Equal(t, whole, body.GetBody() != nil, limit)
		if whole {
			copied, err := body.GetBody()()
			require.NoError(t, err)
			got, err := io.ReadAll(copied)
			require.NoError(t, err)
			require.Equal(t, form, string(got))
		}
		requireNext(t, body)
	}
}

func TestReadAhead_WaitsFor50MillisecondsAndNotAfterDone(t *testing.T) {
	for _, stop := range []time.Duration{20 * time.Millisecond, 50 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			read, write := io.Pipe()
			body := refused(t, read)
			done := make(chan struct{})
			if stop < 50*time.Millisecond {
				time.AfterFunc(stop, func() { close(done) })
			}
			start := time.Now()
			body.ReadAhead(100, done)
			require.Equal(t, stop, time.Since(start))
			require.Nil(t, body.GetBody())

			_, err := io.WriteString(write, form) // kept by the Read that waits
			require.NoError(t, err)
			go write.Close()
			requireNext(t, body)
		})
	}
}

func TestReadAhead_LeavesABodyThatIsNotRecorded(t *testing.T) {
	read, _ := io.Pipe()
	body := new(replay.Body)
	body.Init(&http.Request{Method: http.MethodPost, Body: read, ContentLength: -1}, 0)
	sent, _, err := body.Next()
	require.NoError(t, err)
	require.False(t, body.Records())
	body.ReadAhead(100, nil) // the pipe would block it
	require.Equal(t, io.ReadCloser(read), sent)
}

// Otherwise the caller's body would stay open for as long as the Read waits.
func TestReadAhead_ThatStillReadsEndsWithTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read, write := io.Pipe()
		body := new(replay.Body)
		body.Init(&http.Request{Method: http.MethodPost, Body: read, ContentLength: -1}, 1000)
		first, _, err := body.Next()
		require.NoError(t, err)
		require.NoError(t, first.Close())
		body.ReadAhead(100, nil)
		body.Close()
		synctest.Wait()
		_, err = io.WriteString(write, form)
		require.ErrorIs(t, err, io.ErrClosedPipe, "the caller's body is closed")
	})
}
