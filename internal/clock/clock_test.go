package clock_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/clock"
)

func TestTheClockIsThatOfTimeNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, start := clock.Now(), time.Now()
		require.Positive(t, at)
		require.Equal(t, at, clock.Of(start))
		time.Sleep(time.Hour)
		require.Equal(t, time.Hour, clock.Now()-at)
		require.Equal(t, start, clock.Time(at))
		require.Equal(t, start.Add(2*time.Hour), clock.Time(at+2*time.Hour))
	})
}

func TestTheClockOutsideOfABubble(t *testing.T) {
	before := time.Now()
	at := clock.Now()
	after := time.Now()
	require.LessOrEqual(t, clock.Of(before), at)
	require.LessOrEqual(t, at, clock.Of(after))
	require.Equal(t, at, clock.Of(clock.Time(at)), "exact, and monotonic")
}
