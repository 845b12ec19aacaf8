package tcredis_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

// interval is the time between two bookings at a quota of one a second.
const interval = 1010 * time.Millisecond

func TestWaitingCallsComeBackToTheFleet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := piped(t)
		client := dialTo(m)
		defer client.Close()
		lane := newPacer(t, client, set(20)).Lane(key)
		require.NoError(t, wait(lane, tcretry.Turn{}))
		m.SetError("down")
		var all sync.WaitGroup
		for range 60 {
			all.Go(func() { _ = wait(lane, tcretry.Turn{}) })
		}
		time.Sleep(3 * time.Second)
		m.SetError("")
		start := time.Now()
		all.Wait()
		require.LessOrEqual(t, time.Since(start), 6*time.Second, "alone it was one a second")
	})
}

// Whichever of the two events of one moment comes first.
func TestABookingOfACallThatEndsAtItsTurnGoesToTheNext(t *testing.T) {
	for range 30 {
		inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
			lane := newPacer(t, client, set(1)).Lane(key)
			require.NoError(t, wait(lane, tcretry.Turn{}))
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), interval+1)
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- lane.Wait(ctx, tcretry.Turn{}) }()
			time.Sleep(time.Millisecond)
			require.NoError(t, wait(lane, tcretry.Turn{}))
			want := interval
			if <-ended == nil {
				want = 2 * interval
			}
			require.Equal(t, want, time.Since(start).Truncate(time.Microsecond))
		})
	}
}

func TestWhatIsBookedIsUsedWhenRedisGoes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := piped(t)
		client := dialTo(m)
		defer client.Close()
		lane := newPacer(t, client, set(1)).Lane(key)
		require.NoError(t, wait(lane, tcretry.Turn{}))
		start := time.Now()
		var all sync.WaitGroup
		times := make([]time.Duration, 3)
		for i := range times {
			all.Go(func() {
				_ = wait(lane, tcretry.Turn{})
				times[i] = time.Since(start).Truncate(time.Microsecond)
			})
			time.Sleep(time.Millisecond)
		}
		m.SetError("down")
		all.Wait()
		require.Equal(t, []time.Duration{interval, 2 * interval}, times[:2])
	})
}
