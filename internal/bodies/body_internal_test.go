package bodies

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Close is called where only one run of many would call it: between the two halves of
// a Read that leaves a part of the prefix.
func TestAPeekedBodyFreesItsBufferWhenItIsClosedAmidARead(t *testing.T) {
	var inUse int64
	previous := OnBuffer
	OnBuffer = func(n int64) { inUse += n }
	defer func() { OnBuffer = previous }()
	body := new(Peeked)
	body.fill(io.NopCloser(strings.NewReader("a response")), 64, -1)
	prefix := body.take()
	require.NoError(t, body.Close())
	require.EqualValues(t, 1, inUse, "owned by the Read")
	p := make([]byte, 5)
	require.Equal(t, 5, body.readPrefix(prefix, p))
	require.Equal(t, "a res", string(p))
	require.Zero(t, inUse)
}
