package tcretry

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
)

func TestBodyClosesItsOriginalExactlyOnce(t *testing.T) {
	for name, read := range map[string]int{"unread": 0, "in part": 5, "whole": 1 << 20} {
		for limitName, limit := range map[string]int64{"ended": 1000, "open": 10} {
			t.Run(name+" "+limitName, func(t *testing.T) {
				inUse := buffersInUse.Load()
				original := whole(throttled)
				original.closeErr = errors.New("close")
				resp := answer(original)
				peek(resp, limit, new(peekedBody))
				_, _ = io.CopyN(io.Discard, resp.Body, int64(read))
				require.Equal(t, original.closeErr, resp.Body.Close())
				require.NoError(t, resp.Body.Close())
				require.Equal(t, 1, original.closes)
				n, err := resp.Body.Read(make([]byte, 1))
				require.Zero(t, n)
				require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
				require.Equal(t, inUse, buffersInUse.Load())
			})
		}
	}
}

func TestBodyGivesItsBufferBackWhenItIsRead(t *testing.T) {
	inUse := buffersInUse.Load()
	resp := answer(whole(throttled))
	peek(resp, defaultPeekLimit, new(peekedBody))
	require.Equal(t, inUse+1, buffersInUse.Load())
	_, err := io.ReadFull(resp.Body, make([]byte, len(throttled)))
	require.NoError(t, err)
	require.Equal(t, inUse, buffersInUse.Load())
}

func TestBodyThatIsEmptyHoldsNoBuffer(t *testing.T) {
	inUse := buffersInUse.Load()
	resp := answer(whole(""))
	peek(resp, defaultPeekLimit, new(peekedBody))
	require.Equal(t, inUse, buffersInUse.Load())
}

func TestBodyRepeatsItsEnd(t *testing.T) {
	resp := answer(whole("x"))
	peek(resp, defaultPeekLimit, new(peekedBody))
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
		peek(resp, 5, new(peekedBody))
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
	const size = defaultPeekLimit - 1
	mine, others := strings.Repeat("a", size), strings.Repeat("b", size)
	for range 300 {
		resp := answer(whole(mine))
		peek(resp, defaultPeekLimit, new(peekedBody))
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
			peek(next, defaultPeekLimit, new(peekedBody))
			_ = next.Body.Close()
		})
		close(start)
		both.Wait()
	}
}

// The Close comes where the other test finds it in one run of many: between the
// two halves of a Read that leaves something.
func TestBodyGivesItsBufferBackWhenItIsClosedAmidARead(t *testing.T) {
	inUse := buffersInUse.Load()
	body := new(peekedBody)
	peek(answer(whole(throttled)), defaultPeekLimit, body)
	prefix := body.take()
	require.NoError(t, body.Close())
	require.Equal(t, inUse+1, buffersInUse.Load(), "the Read has it")
	p := make([]byte, 5)
	require.Equal(t, 5, body.readPrefix(prefix, p))
	require.Equal(t, throttled[:5], string(p))
	require.Equal(t, inUse, buffersInUse.Load())
}

func TestDiscardReadsABoundedRestAndCloses(t *testing.T) {
	inUse := buffersInUse.Load()
	endless := &scriptedBody{data: strings.Repeat("x", 1<<20), chunk: 1 << 10, err: io.EOF}
	discard(answer(endless))
	require.Equal(t, 1, endless.closes)
	require.Len(t, endless.data, 1<<20-discardLimit)

	short := whole(throttled)
	discard(answer(short, "Content-Type", "text/html"))
	require.Equal(t, 1, short.closes)
	require.Empty(t, short.data)

	peekedAt := whole(throttled)
	resp := answer(peekedAt)
	peek(resp, 10, new(peekedBody))
	discard(resp)
	require.Equal(t, 1, peekedAt.closes)
	require.Empty(t, peekedAt.data)
	require.Equal(t, inUse, buffersInUse.Load())
}

func TestDiscardDoesNotReadWhatItCannotReadWhole(t *testing.T) {
	body := whole(throttled)
	resp := answer(body)
	resp.ContentLength = discardLimit + 1
	discard(resp)
	require.Zero(t, body.reads)
	require.Equal(t, 1, body.closes)
}

func TestDiscardOfNothingIsFine(t *testing.T) {
	discard(nil)
	discard(&http.Response{})
}

// FuzzPeek: whatever the chunks and the coding, the reader gets every byte and
// the error at its place, however it reads.
func FuzzPeek(f *testing.F) {
	for i, body := range vectorBodies(f) {
		f.Add([]byte(body), uint16(i), uint16(len(body)), int64(i*37), uint8(i))
	}
	f.Add([]byte(compress(f, "gzip", throttled)), uint16(5), uint16(20), int64(defaultPeekLimit), uint8(4))
	f.Add([]byte(compress(f, "raw", throttled)), uint16(99), uint16(1), int64(defaultPeekLimit), uint8(11))
	codings := []string{"", "gzip", "deflate", "br"}
	cut := errors.New("cut")
	f.Fuzz(func(t *testing.T, data []byte, chunk, length uint16, limit int64, flags uint8) {
		inUse := buffersInUse.Load()
		body := &scriptedBody{data: string(data), chunk: int(chunk), err: io.EOF, together: flags&1 != 0}
		var want error
		if flags&2 != 0 {
			body.err, want = cut, cut
		}
		resp := answer(body, "Content-Encoding", codings[flags>>2&3])
		if flags&16 != 0 {
			resp.ContentLength = int64(length)
		}
		found := peek(resp, limit%(1<<20), new(peekedBody))

		var reader io.Reader = resp.Body
		if flags&32 != 0 {
			reader = iotest.OneByteReader(reader)
		}
		got, err := io.ReadAll(reader)
		require.Equal(t, want, err)
		require.Equal(t, string(data), string(got))
		require.LessOrEqual(t, found.size, int64(len(data)))
		if found.whole {
			require.Equal(t, int64(len(data)), found.size)
		}
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 1, body.closes)
		require.Equal(t, inUse, buffersInUse.Load())
	})
}
