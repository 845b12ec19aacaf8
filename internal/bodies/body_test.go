package bodies_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/internal/bodies/bodytest"
)

const text = "the body of a response"

func TestPeeked_ReturnsEveryByteOfTheOriginal(t *testing.T) {
	for _, size := range []int{0, 1, bodies.Small, bodies.Small + 1, bodies.Large + 1, 5 * bodies.Large} {
		for _, limit := range []int64{1, bodies.Small, bodies.Large, 4 * bodies.Large} {
			data := strings.Repeat("0123456789abcdef", size/16+1)[:size]
			body := peek(&source{data: data, chunk: 3000, err: io.EOF}, limit)
			require.NoError(t, iotest.TestReader(io.MultiReader(body), []byte(data)), "%d %d", size, limit)
		}
	}
}

func TestPeeked_ReturnsTheErrorOfTheOriginalInItsPlaceAndAgain(t *testing.T) {
	cut := errors.New("connection reset")
	for name, c := range map[string]struct {
		limit      int64
		err, ended error
	}{
		"within the prefix": {1000, cut, cut},
		"end of the prefix": {1000, io.EOF, io.EOF},
		"behind it":         {5, cut, nil},
		"end behind it":     {5, io.EOF, nil},
	} {
		t.Run(name, func(t *testing.T) {
			body := peek(&source{data: text, err: c.err}, c.limit)
			require.Equal(t, c.ended, body.Ended())
			p := make([]byte, len(text))
			_, err := io.ReadFull(body, p)
			require.NoError(t, err)
			require.Equal(t, text, string(p))
			for range 3 {
				n, err := body.Read(p)
				require.Zero(t, n)
				require.Equal(t, c.err, err)
			}
		})
	}
}

func TestPeeked_EndWithReplacesTheErrorBehindThePrefix(t *testing.T) {
	body := peek(whole(text), 1000)
	late := errors.New("timed out")
	body.EndWith(late)
	require.Equal(t, late, body.Ended())
	data, err := io.ReadAll(body)
	require.Equal(t, late, err)
	require.Equal(t, text, string(data))
}

func TestPeeked_ClosesItsOriginalExactlyOnceAndReturnsItsError(t *testing.T) {
	for name, read := range map[string]int64{"unread": 0, "in part": 5, "whole": 1 << 20} {
		for limitName, limit := range map[string]int64{"ended": 1000, "open": 10} {
			t.Run(name+" "+limitName, func(t *testing.T) {
				inUse := bodytest.InUse()
				original := whole(text)
				original.closeErr = errors.New("close")
				body := peek(original, limit)
				_, _ = io.CopyN(io.Discard, body, read)
				require.Equal(t, original.closeErr, body.Close())
				require.NoError(t, body.Close())
				require.Equal(t, 1, original.closes)
				n, err := body.Read(make([]byte, 1))
				require.Zero(t, n)
				require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
				require.Equal(t, inUse, bodytest.InUse())
			})
		}
	}
}

func TestPeeked_ClosesAnOriginalThatEndedImmediately(t *testing.T) {
	ended, open := whole(text), whole(text)
	peek(ended, 1000)
	peek(open, 10)
	require.Equal(t, 1, ended.closes)
	require.Zero(t, open.closes)
}

func TestPeeked_ClosesAnOriginalThatEndedNotAgain(t *testing.T) {
	ended := whole(text)
	body := peek(ended, 1000)
	require.NoError(t, body.Close())
	require.Equal(t, 1, ended.closes)
}

func TestPeeked_FreesItsBufferWhenThePrefixHasBeenRead(t *testing.T) {
	inUse := bodytest.InUse()
	body := peek(whole(text), 1000)
	require.Equal(t, inUse+1, bodytest.InUse())
	_, err := io.ReadFull(body, make([]byte, len(text)))
	require.NoError(t, err)
	require.Equal(t, inUse, bodytest.InUse())
}

func TestPeeked_OfAnEmptyBodyHasNoBuffer(t *testing.T) {
	inUse := bodytest.InUse()
	peek(whole(""), 1000)
	require.Equal(t, inUse, bodytest.InUse())
}

func TestPeeked_CloseEndsAReadThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read, write := io.Pipe()
		go func() { _, _ = io.WriteString(write, "0123456789") }()
		body := peek(read, 5)
		_, err := io.ReadFull(body, make([]byte, 10))
		require.NoError(t, err)
		ended := make(chan error)
		go func() {
			_, err := body.Read(make([]byte, 1))
			ended <- err
		}()
		synctest.Wait() // the Read waits for the pipe
		require.NoError(t, body.Close())
		require.ErrorIs(t, <-ended, io.ErrClosedPipe)
	})
}

// A buffer that went back to the pool while a Read copied from it would show the
// letters of the next body, and the race detector would report it.
func TestPeeked_KeepsItsBufferWhileAReadCopiesFromIt(t *testing.T) {
	const size = bodies.Large - 1
	mine, others := strings.Repeat("a", size), strings.Repeat("b", size)
	for range 300 {
		body := peek(whole(mine), bodies.Large)
		var both sync.WaitGroup
		start := make(chan struct{})
		both.Go(func() {
			<-start
			p := make([]byte, size)
			n, err := body.Read(p)
			if string(p[:n]) != mine[:n] || (n == 0 && !errors.Is(err, http.ErrBodyReadAfterClose)) {
				t.Error("read another body, or nothing:", err)
			}
		})
		both.Go(func() {
			<-start
			_ = body.Close()
			_ = peek(whole(others), bodies.Large).Close()
		})
		close(start)
		both.Wait()
	}
}
