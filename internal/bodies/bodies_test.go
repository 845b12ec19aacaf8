package bodies_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/internal/bodies/bodytest"
)

var errCut = errors.New("cut")

// source is a body that ends with err and counts its closes.
type source struct {
	io.Reader
	closes   int
	closeErr error
}

func (s *source) Close() error { s.closes++; return s.closeErr }

func newSource(text string, end error) *source {
	r := io.Reader(strings.NewReader(text))
	if end != io.EOF {
		r = io.MultiReader(r, iotest.ErrReader(end))
	}
	return &source{Reader: r, closeErr: errors.New("close")}
}

// sizes are around those of the buffers, and beyond.
var sizes = []int{0, 1, 10, bodies.Small - 1, bodies.Small, bodies.Small + 1, bodies.Large - 1, bodies.Large, bodies.Large + 1, 3 * bodies.Large}

// The reader of a body that was read in part gets every byte and the error at its
// place, however long it is, what it says of its length, and how it is read.
func TestAPeekedBodyGivesWhatItsOriginalWouldHave(t *testing.T) {
	for _, size := range sizes {
		for _, limit := range []int64{1, bodies.Small, bodies.Large, 2*bodies.Large + 1} {
			for _, length := range []int64{-1, 0, int64(size), int64(size) + 1} {
				for _, end := range []error{io.EOF, errCut} {
					before := bodytest.InUse()
					text := strings.Repeat("0123456789", size/10+1)[:size]
					original := newSource(text, end)
					p := bodies.NewPrefix(original, limit, length)
					for p.More() {
					}
					peeked := new(bodies.Peeked)
					data := peeked.Hold(original, p)
					require.Equal(t, text[:min(limit, int64(size))], string(data))
					if int64(size) < limit {
						require.Equal(t, end, peeked.Ended())
						require.Equal(t, 1, original.closes, "its connection is free")
					} else {
						require.NoError(t, peeked.Ended())
						require.Zero(t, original.closes)
					}
					got, err := io.ReadAll(peeked)
					require.Equal(t, text, string(got))
					if end == io.EOF {
						require.NoError(t, err)
					} else {
						require.Equal(t, end, err)
					}
					require.Equal(t, original.closeErr, peeked.Close())
					require.NoError(t, peeked.Close())
					require.Equal(t, 1, original.closes)
					n, err := peeked.Read(make([]byte, 1))
					require.Zero(t, n)
					require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
					require.Equal(t, before, bodytest.InUse())
				}
			}
		}
	}
}

func TestAPrefixEndsAtItsLimitOrWithItsSource(t *testing.T) {
	for _, size := range sizes {
		for _, limit := range []int{1, bodies.Small, bodies.Large, bodies.Large + 1, 4 * bodies.Large} {
			before := bodytest.InUse()
			b, end := bodies.ReadPrefix(iotest.HalfReader(strings.NewReader(strings.Repeat("x", size))), int64(limit), -1)
			require.Len(t, b.Bytes(), min(size, limit))
			if size < limit {
				require.Equal(t, io.EOF, end)
			} else {
				require.NoError(t, end)
			}
			b.Free()
			require.Equal(t, before, bodytest.InUse())
		}
	}
}

// A source that gives nothing, and no error, is left to its reader to wait for.
func TestASourceThatGivesNothingIsNotWaitedFor(t *testing.T) {
	reads := 0
	b, end := bodies.ReadPrefix(readFunc(func([]byte) (int, error) { reads++; return 0, nil }), 10, -1)
	require.NoError(t, end)
	require.Empty(t, b.Bytes())
	require.Equal(t, bodies.MaxEmptyReads, reads)
	b.Free()
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func TestAFreshBodyIsThatOfGetBodyOrNotReplayable(t *testing.T) {
	body := http.NoBody
	for name, row := range map[string]struct {
		get  func() (io.ReadCloser, error)
		want error
	}{
		"a body":  {func() (io.ReadCloser, error) { return body, nil }, nil},
		"nothing": {func() (io.ReadCloser, error) { return nil, nil }, bodies.ErrNotReplayable},
		"failure": {func() (io.ReadCloser, error) { return nil, errCut }, errCut},
		"a panic": {func() (io.ReadCloser, error) { panic("mine") }, bodies.ErrNotReplayable},
	} {
		got, err := bodies.Fresh(&http.Request{GetBody: row.get})
		require.Equal(t, row.want, err, name)
		require.Equal(t, err == nil, got != nil, name)
	}
}

func TestAWholeBodyIsOneWithinItsLimit(t *testing.T) {
	for size, want := range map[int]bool{0: true, 9: true, 10: true, 11: false, 20: false} {
		for _, end := range []error{io.EOF, errCut} {
			before := bodytest.InUse()
			original := newSource(strings.Repeat("x", size), end)
			read, text := bodies.Whole(context.Background(), original, 10)
			require.Equal(t, want && end == io.EOF && size > 0, len(text) > 0, size)
			rest, err := io.ReadAll(read)
			require.Len(t, rest, size)
			require.Equal(t, end == io.EOF, err == nil)
			_ = read.Close()
			require.Equal(t, 1, original.closes)
			require.Equal(t, before, bodytest.InUse())
		}
	}
}

// A rest that is short and comes in time is kept, so that its connection is free; of
// any other the connection is given up.
func TestAShortRestIsKeptAndALongOneGivenUp(t *testing.T) {
	const limit = 64 << 10
	for _, row := range []struct {
		size   int
		length int64
		kept   bool
		read   bool
	}{
		{0, -1, true, true}, {100, -1, true, true}, {limit - 1, -1, true, true}, {limit, -1, false, true}, {limit + 1, -1, false, true},
		{100, limit, true, true}, {100, limit + 1, false, false},
	} {
		before := bodytest.InUse()
		original := newSource(strings.Repeat("x", row.size), io.EOF)
		resp := &http.Response{Body: original, ContentLength: row.length}
		require.Equal(t, row.kept, bodies.Keep(resp), row)
		require.Equal(t, 1, original.closes, row)
		left := original.Reader.(*strings.Reader).Len()
		require.Equal(t, row.read, left < row.size || row.size == 0, row)
		if row.kept {
			again := resp.Body
			require.True(t, bodies.Keep(resp))
			require.True(t, again == resp.Body, "it is in memory already")
			got, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Len(t, got, row.size)
			bodies.Discard(resp)
		}
		require.Equal(t, 1, original.closes, row)
		require.Equal(t, before, bodytest.InUse(), row)
	}
	bodies.Discard(nil)
	bodies.Discard(&http.Response{})
	bodies.Discard(&http.Response{Body: http.NoBody})
}

func TestARestThatIsSlowIsGivenUpAfterHalfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for delay, kept := range map[time.Duration]bool{499 * time.Millisecond: true, 501 * time.Millisecond: false, time.Hour: false} {
			r, w := io.Pipe()
			timer := time.AfterFunc(delay, func() { _ = w.Close() })
			start := time.Now()
			resp := &http.Response{Body: r, ContentLength: -1}
			require.Equal(t, kept, bodies.Keep(resp), delay)
			require.Equal(t, min(delay, 500*time.Millisecond), time.Since(start))
			timer.Stop()
			_ = resp.Body.Close()
		}
	})
}
