package envelope

import (
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/internal/bodies/bodytest"
)

// FuzzPeek requires that the reader receives every byte, and the error in its place,
// whatever the chunks and the coding, and however it reads.
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
		resp := reply(body, "Content-Encoding", codings[flags>>2&3])
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
