package bodies_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/internal/test/race"
)

// offers is an endless source that records how much room each Read has.
type offers struct{ room []int }

func (o *offers) Read(p []byte) (int, error) {
	o.room = append(o.room, len(p))
	return len(p), nil
}

// A body of a declared length needs one buffer that it fits, with room for the Read that
// sees its end: nothing is copied to a larger one.
func TestReadPrefix_OfADeclaredLengthStartsWithABufferThatFits(t *testing.T) {
	for length, room := range map[int64]int{
		-1: bodies.Small, 0: bodies.Small, 1: bodies.Small,
		bodies.Small - 1: bodies.Small, bodies.Small: bodies.Large, bodies.Small + 1: bodies.Large,
		bodies.Large - 1: bodies.Large, bodies.Large: bodies.Large, 1 << 40: bodies.Large,
	} {
		var source offers
		prefix, end := bodies.ReadPrefix(&source, bodies.Large, length)
		prefix.Free()
		require.NoError(t, end)
		require.Equal(t, room, source.room[0], "a body of %d bytes", length)
	}
	// No more is read than the limit, whatever was declared.
	var source offers
	prefix, _ := bodies.ReadPrefix(io.LimitReader(&source, 1<<20), 10, 1000)
	prefix.Free()
	require.Equal(t, []int{10}, source.room)
}

// Each buffer beyond the two that are kept is twice as large as the one before.
func TestReadPrefix_DoublesABufferThatIsTooSmall(t *testing.T) {
	var source offers
	prefix, _ := bodies.ReadPrefix(&source, 10*bodies.Large, -1)
	prefix.Free()
	const small, large = bodies.Small, bodies.Large
	require.Equal(t, []int{small, large - small, large, 2 * large, 4 * large, 2 * large}, source.room)
}

// Buffers of both sizes are kept for the next body.
func TestReadPrefix_AllocatesNoBuffer(t *testing.T) {
	if race.Enabled {
		t.Skip("a sync.Pool drops values at random with -race: go test ./internal/bodies")
	}
	for _, length := range []int64{-1, bodies.Small - 1, bodies.Small, bodies.Large} {
		source := repeated{}
		require.Zero(t, testing.AllocsPerRun(100, func() {
			prefix, _ := bodies.ReadPrefix(source, bodies.Large, length)
			prefix.Free()
		}), "a body of %d bytes", length)
	}
}

// repeated is an endless source.
type repeated struct{}

func (repeated) Read(p []byte) (int, error) { return len(p), nil }
