package tcredis

import (
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

// limiterWith returns the limiter of a key over a client, with n calls that wait.
func limiterWith(t *testing.T, client *scripted, configured, n int) *keyLimiter {
	t.Helper()
	r, err := New(client, WithLimits(func(ratelimit.Key) int { return configured }))
	require.NoError(t, err)
	l := r.newKey(testKey)
	for range n {
		l.queue.add(&waiter{result: make(chan error, 1)})
	}
	t.Cleanup(func() {
		l.mu.Lock()
		l.queue = waitQueue{}
		l.mu.Unlock()
		if client.after > 0 {
			time.Sleep(2 * client.after) // in a bubble: what it was sent has ended
		}
	})
	return l
}

// requested returns the arguments of the command that reserve sends at a time.
func requested(t *testing.T, l *keyLimiter, client *scripted, at time.Time) []any {
	t.Helper()
	before := len(client.sent())
	l.requesting = false
	require.False(t, l.reserve(at))
	synctest.Wait()
	require.Len(t, client.sent(), before+1)
	return client.sent()[before]
}

// never is a client whose reply comes after the test.
func never() *scripted { return &scripted{after: time.Hour} }

func TestReserve_requestsWhatTheWaitersNeed(t *testing.T) {
	for _, row := range []struct{ waiting, due, want, ahead int }{
		{1, 0, 1, 2}, {3, 1, 2, 1}, {64, 0, 64, 2}, {65, 0, 64, 2}, {0, 0, 0, 0}, {1, 1, 0, 0}, {3, 2, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := never()
			l := limiterWith(t, client, 20, row.waiting)
			for range row.due {
				l.reservations.add(time.Now().Add(time.Second), 20)
			}
			if row.want == 0 {
				require.False(t, l.reserve(time.Now()))
				require.False(t, l.requesting)
				return
			}
			require.Equal(t, []any{row.want, row.ahead}, requested(t, l, client, time.Now())[:2])
			require.True(t, l.requesting)
			require.False(t, l.reserve(time.Now()))
			synctest.Wait()
			require.Len(t, client.sent(), 1, "one command at a time")
		})
	}
}

// Redis receives the limit that the process has learned, but not the configured one: that is
// known there by itself.
func TestReserve_reportsWhatTheProcessHasLearned(t *testing.T) {
	for _, row := range []struct {
		configured, limit int
		rate              float64
		want              int
	}{
		{0, 20, 0, 20}, {20, 20, 0, 0}, {20, 15, 15, 15}, {20, 15, 0.5, 15}, {1, 1, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := never()
			l := limiterWith(t, client, row.configured, 1)
			l.limit, l.rate = row.limit, row.rate
			require.Equal(t, []any{row.want, row.configured}, requested(t, l, client, time.Now())[3:5])
		})
	}
}

func TestReserve_reportsAThrottlingResponseOfTheLastTwoSeconds(t *testing.T) {
	for age, count := range map[time.Duration]int{0: 21, 2 * time.Second: 21, 2*time.Second + 1: -1} {
		synctest.Test(t, func(t *testing.T) {
			client := never()
			l := limiterWith(t, client, 20, 1)
			l.throttled, l.throttledAt = &throttling{21, 20}, time.Now()
			time.Sleep(age)
			require.Equal(t, count, requested(t, l, client, time.Now())[5])
			require.Equal(t, -1, requested(t, l, client, time.Now())[5], "once")
		})
	}
}

func TestReserve_reportsWhetherTheLastSecondWasQuiet(t *testing.T) {
	for age, quiet := range map[time.Duration]int{0: 0, window: 0, window + 1: 1} {
		synctest.Test(t, func(t *testing.T) {
			client := never()
			l := limiterWith(t, client, 20, 1)
			l.lastUnreserved = time.Now()
			time.Sleep(age)
			require.Equal(t, quiet, requested(t, l, client, time.Now())[2], age)
		})
	}
}

// For a second and the time-out after Redis is back, the process reserves there at the rate
// of its share.
func TestReserve_keepsTheShareWhileOthersMayNotKnowThatRedisIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := never()
		l, begun := limiterWith(t, client, 20, 10), time.Now()
		l.fallback.begin(begun, 2, true, &l.started)
		l.onFallback = true
		l.reservations.add(begun.Add(300*time.Millisecond), 2)
		l.rejoin(begun)
		require.False(t, l.onFallback)
		require.Empty(t, l.reservations.due)
		require.Equal(t, 1050*time.Millisecond, l.rejoinedUntil.Sub(begun))
		require.Equal(t, 300*time.Millisecond, l.fallback.next.Sub(begun), "the place of the reservation is kept")

		requireNone := func(after time.Duration) {
			t.Helper()
			l.requesting = false
			require.False(t, l.reserve(begun.Add(after)))
			require.False(t, l.requesting)
		}
		requireNone(300*time.Millisecond - 1)
		require.Equal(t, 1, requested(t, l, client, begun.Add(300*time.Millisecond))[0])
		require.WithinDuration(t, begun.Add(300*time.Millisecond+window/2), l.fallback.next, time.Millisecond)
		requireNone(300*time.Millisecond + window/2 - time.Millisecond)
		l.fallback.next = begun.Add(time.Hour)
		requireNone(1050*time.Millisecond - 1)
		require.Equal(t, 10, requested(t, l, client, begun.Add(1050*time.Millisecond))[0])
	})
}

// A share that was counted is one to recover to; without a count it is a guess. What was
// throttled before is not reported when Redis is back.
func TestReserve_fallsBackToTheShareIfRedisIsDown(t *testing.T) {
	for processes, target := range map[int]float64{0: 0, 1: 20, 10: 2} {
		synctest.Test(t, func(t *testing.T) {
			l := limiterWith(t, never(), 20, 3)
			l.limiter.link.record(errDown)
			l.processes, l.throttled = processes, &throttling{}
			now := time.Now()
			require.True(t, l.reserve(now))
			require.True(t, l.onFallback)
			require.Nil(t, l.throttled)
			require.Equal(t, target, l.fallback.target)
			require.Equal(t, now, l.lastUnreserved)
			require.False(t, l.reserve(now), "there is one")
			require.True(t, l.reservations.take(now))
			require.False(t, l.reserve(now))
			interval := time.Duration(float64(window) * float64(max(1, processes)) / 20)
			require.Equal(t, []time.Time{now.Add(interval)}, l.reservations.due)
			require.Equal(t, now.Add(interval), l.lastUnreserved)
		})
	}
}

// A configured limit applies from the first call on, and nothing before it is counted.
func TestAConfiguredLimitAppliesFromTheFirstCallOn(t *testing.T) {
	for configured, limit := range map[int]int{-1: 0, 0: 0, 1: 1, 20: 20, 1<<20 + 1: 1 << 20} {
		l := limiterWith(t, new(scripted), configured, 0)
		require.Equal(t, limit > 0, l.reserving, configured)
		require.Equal(t, []int{limit, limit}, []int{l.configured, l.limit})
		require.Zero(t, l.lastUnreserved)
	}
}

// The attempts before the first reservation may have used up a second, in Redis and without it.
func TestStartReserving_countsTheSecondBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiterWith(t, never(), 0, 1)
		l.limit = 1
		l.limiter.link.record(errDown)
		l.startReserving()
		now := time.Now()
		require.Equal(t, now, l.lastUnreserved)
		require.False(t, l.reserve(now))
		require.Equal(t, []time.Time{now.Add(window)}, l.reservations.due)
	})
}

// Redis counts too few processes for a while after it was down.
func TestReceived_believesAFallingCountOnlyLater(t *testing.T) {
	for _, row := range []struct {
		since          time.Duration
		had, got, want int
	}{
		{0, 5, 3, 5}, {0, 5, 5, 5}, {0, 5, 6, 6}, {10 * time.Second, 5, 3, 5}, {10*time.Second + 1, 5, 3, 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := limiterWith(t, never(), 20, 0)
			l.processes, l.rejoinedUntil = row.had, time.Now()
			time.Sleep(row.since)
			l.received(request{}, reply{limit: 20, rate: 20, processes: row.got, census: 9}, nil)
			require.Equal(t, row.want, l.processes)
			require.EqualValues(t, 9, l.census)
		})
	}
}

// What a failed request should have reported is reported by the next one, unless there is
// something newer or Redis is down.
func TestReceived_keepsWhatAFailedRequestDidNotReport(t *testing.T) {
	old, newer := &throttling{21, 20}, &throttling{11, 10}
	for _, row := range []struct {
		now        *throttling
		onFallback bool
		want       *throttling
	}{{nil, false, old}, {newer, false, newer}, {nil, true, nil}} {
		l := limiterWith(t, new(scripted), 20, 0)
		l.throttled, l.onFallback, l.requesting = row.now, row.onFallback, true
		l.limiter.link.record(errDown)
		l.received(request{throttled: old}, reply{}, errDown)
		require.Same(t, row.want, l.throttled)
		require.False(t, l.requesting)
	}
}

func TestTheKeyOfALimiterKeepsNoRequestInMemory(t *testing.T) {
	l := limiterWith(t, new(scripted), 20, 0)
	require.Equal(t, testKey, l.key)
	require.NotSame(t, unsafe.StringData(testKey.Host), unsafe.StringData(l.key.Host))
}
