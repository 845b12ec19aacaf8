package tcredis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Three throttling responses in a row hold what is reserved until the first of them is a
// second old, and so do the next three.
func TestEachThreeThrottlingResponsesInARowHoldWhatIsReserved(t *testing.T) {
	var m throttleStreak
	var hold time.Time
	for i, want := range []time.Duration{0, 0, 1000, 1000, 1000, 1300, 1300, 1300, 1600} {
		m.add(noon.Add(time.Duration(i)*100*time.Millisecond), &hold)
		if want == 0 {
			require.Zero(t, hold, i)
			continue
		}
		require.Equal(t, noon.Add(want*time.Millisecond), hold, i)
	}
	m.add(noon.Add(time.Minute), &hold)
	m.count = 0 // one was accepted
	for range 2 {
		m.add(noon.Add(2*time.Minute), &hold)
	}
	require.Equal(t, noon.Add(1600*time.Millisecond), hold, "two in a row are chance")
}

func TestTheSoonestTimeOfAQueueIsThatOfAnyWaiter(t *testing.T) {
	never := time.Time{}
	for _, row := range [][]time.Time{
		{noon, noon.Add(1)}, {noon.Add(1), noon}, {never, noon, noon.Add(1)}, {noon, never}, {noon.Add(2), noon, noon.Add(1)},
	} {
		var q waitQueue
		for _, latest := range row {
			q.add(&waiter{notAfter: latest, result: make(chan error, 1)})
		}
		require.Equal(t, noon, q.nextCheck(), row)
	}
}
