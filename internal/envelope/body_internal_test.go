package envelope

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

func TestBodyClosesItsOriginalExactlyOnce(t *testing.T) {
	for name, read := range map[string]int{"unread": 0, "in part": 5, "whole": 1 << 20} {
		for limitName, limit := range map[string]int64{"ended": 1000, "open": 10} {
			t.Run(name+" "+limitName, func(t *testing.T) {
				inUse := bodytest.InUse()
				original := whole(throttledBody)
				original.closeErr = errors.New("close")
				resp := answer(original)
				Peek(resp, limit, new(bodies.Peeked))
				_, _ = io.CopyN(io.Discard, resp.Body, int64(read))
				require.Equal(t, original.closeErr, resp.Body.Close())
				require.NoError(t, resp.Body.Close())
				require.Equal(t, 1, original.closes)
				n, err := resp.Body.Read(make([]byte, 1))
				require.Zero(t, n)
				require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
				require.Equal(t, inUse, bodytest.InUse())
			})
		}
	}
}

func TestBodyGivesItsBufferBackWhenItIsRead(t *testing.T) {
	inUse := bodytest.InUse()
	resp := answer(whole(throttledBody))
	Peek(resp, DefaultLimit, new(bodies.Peeked))
	require.Equal(t, inUse+1, bodytest.InUse())
	_, err := io.ReadFull(resp.Body, make([]byte, len(throttledBody)))
	require.NoError(t, err)
	require.Equal(t, inUse, bodytest.InUse())
}

func TestBodyThatIsEmptyHoldsNoBuffer(t *testing.T) {
	inUse := bodytest.InUse()
	resp := answer(whole(""))
	Peek(resp, DefaultLimit, new(bodies.Peeked))
	require.Equal(t, inUse, bodytest.InUse())
}

func TestBodyRepeatsItsEnd(t *testing.T) {
	resp := answer(whole("x"))
	Peek(resp, DefaultLimit, new(bodies.Peeked))
	_, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	for range 3 {
		_, err = resp.Body.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
	}
}

func TestBodyIsClosedWhileAReadWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read, write := io.Pipe()
		go func() { _, _ = io.WriteString(write, "0123456789") }()
		resp := answer(read)
		Peek(resp, 5, new(bodies.Peeked))
		_, err := io.ReadFull(resp.Body, make([]byte, 10))
		require.NoError(t, err)
		ended := make(chan error)
		go func() {
			_, err := resp.Body.Read(make([]byte, 1))
			ended <- err
		}()
		synctest.Wait() // the Read waits for the pipe
		require.NoError(t, resp.Body.Close())
		require.ErrorIs(t, <-ended, io.ErrClosedPipe)
	})
}

// A buffer that went back to the pool while it was copied from would show the
// letters of the next body, and the race detector would tell.
func TestBodyKeepsItsBufferWhileAReadCopiesFromIt(t *testing.T) {
	const size = DefaultLimit - 1
	mine, others := strings.Repeat("a", size), strings.Repeat("b", size)
	for range 300 {
		resp := answer(whole(mine))
		Peek(resp, DefaultLimit, new(bodies.Peeked))
		var both sync.WaitGroup
		start := make(chan struct{})
		both.Go(func() {
			<-start
			p := make([]byte, size)
			n, err := resp.Body.Read(p)
			if string(p[:n]) != mine[:n] || (n == 0 && !errors.Is(err, http.ErrBodyReadAfterClose)) {
				t.Error("read another body, or nothing:", err)
			}
		})
		both.Go(func() {
			<-start
			_ = resp.Body.Close()
			next := answer(whole(others))
			Peek(next, DefaultLimit, new(bodies.Peeked))
			_ = next.Body.Close()
		})
		close(start)
		both.Wait()
	}
}

func TestDiscardReadsABoundedRestAndCloses(t *testing.T) {
	inUse := bodytest.InUse()
	endless := &scriptedBody{data: strings.Repeat("x", 1<<20), chunk: 1 << 10, err: io.EOF}
	bodies.Discard(answer(endless))
	require.Equal(t, 1, endless.closes)
	require.Len(t, endless.data, 1<<20-discardLimit)

	short := whole(throttledBody)
	bodies.Discard(answer(short, "Content-Type", "text/html"))
	require.Equal(t, 1, short.closes)
	require.Empty(t, short.data)

	peekedAt := whole(throttledBody)
	resp := answer(peekedAt)
	Peek(resp, 10, new(bodies.Peeked))
	bodies.Discard(resp)
	require.Equal(t, 1, peekedAt.closes)
	require.Empty(t, peekedAt.data)
	require.Equal(t, inUse, bodytest.InUse())
}

func TestDiscardDoesNotReadWhatItCannotReadWhole(t *testing.T) {
	body := whole(throttledBody)
	resp := answer(body)
	resp.ContentLength = discardLimit + 1
	bodies.Discard(resp)
	require.Zero(t, body.reads)
	require.Equal(t, 1, body.closes)
}

func TestDiscardOfNothingIsFine(t *testing.T) {
	bodies.Discard(nil)
	bodies.Discard(&http.Response{})
}

// FuzzPeek: whatever the chunks and the coding, the reader gets every byte and
// the error at its place, however it reads.
func FuzzPeek(f *testing.F) {
	for i, body := range vectorBodies(f) {
		f.Add([]byte(body), uint16(i), uint16(len(body)), int64(i*37), uint8(i))
	}
	f.Add([]byte(compress(f, "gzip", throttledBody)), uint16(5), uint16(20), int64(DefaultLimit), uint8(4))
	f.Add([]byte(compress(f, "raw", throttledBody)), uint16(99), uint16(1), int64(DefaultLimit), uint8(11))
	codings := []string{"", "gzip", "deflate", "br"}
	cut := errors.New("cut")
	f.Fuzz(func(t *testing.T, data []byte, chunk, length uint16, limit int64, flags uint8) {
		inUse := bodytest.InUse()
		body := &scriptedBody{data: string(data), chunk: int(chunk), err: io.EOF, together: flags&1 != 0}
		var want error
		if flags&2 != 0 {
			body.err, want = cut, cut
		}
		resp := answer(body, "Content-Encoding", codings[flags>>2&3])
		if flags&16 != 0 {
			resp.ContentLength = int64(length)
		}
		found := Peek(resp, limit%(1<<20), new(bodies.Peeked))

		var reader io.Reader = resp.Body
		if flags&32 != 0 {
			reader = iotest.OneByteReader(reader)
		}
		got, err := io.ReadAll(reader)
		require.Equal(t, want, err)
		require.Equal(t, string(data), string(got))
		require.LessOrEqual(t, found.Size, int64(len(data)))
		if found.Whole {
			require.Equal(t, int64(len(data)), found.Size)
		}
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 1, body.closes)
		require.Equal(t, inUse, bodytest.InUse())
	})
}

// discardLimit is that of package bodies.
const discardLimit = 64 << 10
