package replay_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
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

// closeCount is a body that counts how often it is closed.
type closeCount struct {
	io.Reader
	closes atomic.Int32
}

func (c *closeCount) Close() error {
	c.closes.Add(1)
	return nil
}

// A body that was read to its end is not needed any more, whatever the call does next. One
// whose rest another attempt may need stays open.
func TestReadAhead_ClosesABodyThatItHasReadWhole(t *testing.T) {
	for limit, closes := range map[int64]int32{100: 1, int64(len(form)) - 2: 0} {
		synctest.Test(t, func(t *testing.T) {
			source := &closeCount{Reader: strings.NewReader(form)}
			body := new(replay.Body)
			body.Init(&http.Request{Method: http.MethodPost, Body: source, ContentLength: -1}, 1000)
			first, _, err := body.Next()
			require.NoError(t, err)
			require.NoError(t, first.Close())
			body.ReadAhead(limit, nil)
			synctest.Wait()
			require.Equal(t, closes, source.closes.Load(), limit)
			requireNext(t, body)
			body.Close()
		})
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

func TestReadAhead_DoesNotWaitOnceTheBodyHasBeenRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := refused(t, strings.NewReader(form))
		start := time.Now()
		body.ReadAhead(100, nil)
		require.Zero(t, time.Since(start))
	})
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
