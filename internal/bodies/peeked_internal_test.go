package bodies

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The Close comes where only one run of many would find it: between the two halves of a
// Read that leaves something.
func TestAPeekedBodyFreesItsBufferWhenItIsClosedAmidARead(t *testing.T) {
	var inUse int64
	OnBuffer = func(n int64) { inUse += n }
	defer func() { OnBuffer = nil }()
	body := new(Peeked)
	body.fill(io.NopCloser(strings.NewReader("a response")), 64, -1)
	prefix := body.take()
	require.NoError(t, body.Close())
	require.EqualValues(t, 1, inUse, "the Read has it")
	p := make([]byte, 5)
	require.Equal(t, 5, body.readPrefix(prefix, p))
	require.Equal(t, "a res", string(p))
	require.Zero(t, inUse)
}
