package clock

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A machine without a battery starts in 1970, and its wall clock is set later. A time.Time
// before 1885 has no monotonic reading: the clock would go with the wall clock.
func TestTheClockIsMonotonicOnAMachineThatStartsIn1970(t *testing.T) {
	in1970 := start.Add(-time.Since(time.Unix(0, 0)))
	require.Contains(t, in1970.String(), " m=")
}
