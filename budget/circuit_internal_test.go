package budget

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Probes go to the action with the fewest failures: all with an open circuit have as many.
func TestACircuitCountsFailuresUntilItOpens(t *testing.T) {
	var c circuit
	for i := range 10 {
		c.fail(tokenStart, 4)
		require.Equal(t, min(i+1, 4), c.failures)
	}
}

// One is the least value that a field can have, and no default.
func TestTokens_oneIsAValueOfItsOwn(t *testing.T) {
	b := Tokens{Capacity: 1, OpenAfter: 1, MaxDefer: 1, ProbeInterval: 1}
	require.EqualValues(t, 1, b.settings().capacity)
	require.Equal(t, 1, b.settings().openAfter)
	require.EqualValues(t, 1, b.settings().maxDefer)
	require.EqualValues(t, 1, b.settings().probeInterval)
}
