package tcredis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bunches books n attempts at once, a number of windows long.
func (b *bookings) bunches(now time.Time, windows, n int) time.Time {
	for range windows {
		now = now.Add(perSecond)
		for range n {
			b.add(now, 20)
		}
		b.due = nil
	}
	return now
}

func TestStartsAreEstimatedByWhatThisProcessGets(t *testing.T) {
	var b bookings
	now := b.bunches(noon, 60, 2)
	require.InDelta(t, 19.0, b.start(now, 40).Sub(now).Seconds(), 4, "two of twenty a second")
	require.Zero(t, b.start(now, 1).Sub(now), "rather too early than too late")
}

func TestAnEstimateForgetsTheOthersWhenTheyAreGone(t *testing.T) {
	var b bookings
	now := b.bunches(b.bunches(noon, 60, 2), 8, 20)
	require.InDelta(t, 1.0, b.start(now, 40).Sub(now).Seconds(), 1)
}

func TestWithoutHistoryAnEstimateIsThatOfTheWholeQuota(t *testing.T) {
	var b bookings
	require.Equal(t, noon, b.start(noon, 1000), "nothing is known")
	b.add(noon, 20)
	b.due = nil
	require.InDelta(t, 4.0, b.start(noon, 100).Sub(noon).Seconds(), 0.1)
}
