package bodies_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/internal/bodies/bodytest"
)

func TestReadPrefix_ReadsToTheLimitOrTheEnd(t *testing.T) {
	cut := errors.New("connection reset")
	for name, c := range map[string]struct {
		limit int64
		err   error
		want  string
		end   error
	}{
		"end":                {limit: 5, err: io.EOF, want: "0123", end: io.EOF},
		"error":              {limit: 5, err: cut, want: "0123", end: cut},
		"limit at the end":   {limit: 4, err: io.EOF, want: "0123"},
		"limit before it":    {limit: 3, err: io.EOF, want: "012"},
		"limit of one byte":  {limit: 1, err: io.EOF, want: "0"},
		"error behind limit": {limit: 4, err: cut, want: "0123"},
	} {
		for _, length := range []int64{-1, 0, 4, 100} { // a declared length changes nothing
			t.Run(name, func(t *testing.T) {
				inUse := bodytest.InUse()
				prefix, end := bodies.ReadPrefix(&source{data: "0123", chunk: 3, err: c.err}, c.limit, length)
				require.Equal(t, c.want, string(prefix.Bytes()))
				require.Equal(t, c.end, end)
				prefix.Free()
				require.Equal(t, inUse, bodytest.InUse())
			})
		}
	}
}

func TestReadPrefix_GrowsThroughAllSizes(t *testing.T) {
	for _, size := range []int{bodies.Small, bodies.Small + 1, bodies.Large, bodies.Large + 1, 9 * bodies.Large} {
		inUse := bodytest.InUse()
		data := strings.Repeat("0123456789abcdef", size/16+1)[:size]
		prefix, end := bodies.ReadPrefix(whole(data), 1<<20, -1)
		require.Equal(t, io.EOF, end)
		require.Equal(t, data, string(prefix.Bytes()))
		prefix.Free()
		require.Equal(t, inUse, bodytest.InUse(), "each buffer that became too small is freed")
	}
}

// Memory for these lengths would not be there: to allocate it panics.
func TestReadPrefix_DoesNotTrustADeclaredLength(t *testing.T) {
	prefix, end := bodies.ReadPrefix(whole("x"), 1<<50, 1<<49)
	defer prefix.Free()
	require.Equal(t, io.EOF, end)
	require.Equal(t, "x", string(prefix.Bytes()))
}

func TestReadPrefix_EndsAfterReadsThatReturnNothing(t *testing.T) {
	empty := &source{data: "x"} // then no byte and no error, for ever
	prefix, end := bodies.ReadPrefix(empty, 10, -1)
	defer prefix.Free()
	require.NoError(t, end)
	require.Equal(t, "x", string(prefix.Bytes()))
	require.Equal(t, 1+bodies.MaxEmptyReads, empty.reads)
}

func TestPrefix_ReturnsWhatHasArrivedAfterEachStep(t *testing.T) {
	prefix := bodies.NewPrefix(&source{data: "0123456", chunk: 2, err: io.EOF}, 5, -1)
	for _, want := range []string{"01", "0123", "01234"} {
		require.True(t, prefix.More())
		require.Equal(t, want, string(prefix.Bytes()))
	}
	require.False(t, prefix.More())
	require.Equal(t, "01234", string(prefix.Bytes()))
}
