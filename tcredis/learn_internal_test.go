package tcredis

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

func throttledBy(count, limit int) ratelimit.Result {
	return ratelimit.Result{Verdict: ratelimit.Throttled, Code: "RequestLimitExceeded", Count: count, Limit: limit}
}

// A limit is below its count, and above nothing; the configured one is not exceeded.
func TestLearnLimit_believesPossibleNumbersOnly(t *testing.T) {
	for _, row := range []struct {
		configured, count, limit int
		want                     int
		reported                 throttling
	}{
		{0, 2, 1, 1, throttling{2, 1}},
		{0, 1<<20 + 1, 1 << 20, 1 << 20, throttling{1<<20 + 1, 1 << 20}},
		{0, 1<<20 + 2, 1<<20 + 1, 7, throttling{}},
		{0, 20, 20, 7, throttling{}},
		{0, 19, 20, 7, throttling{}},
		{0, 5, 0, 7, throttling{}},
		{0, 5, -1, 7, throttling{}},
		{10, 21, 20, 10, throttling{21, 20}},
		{10, 9, 8, 8, throttling{9, 8}},
		{1, 21, 20, 1, throttling{21, 20}},
	} {
		l := limiterWith(t, new(scripted), row.configured, 0)
		l.limit = 7
		l.learnLimit(throttledBy(row.count, row.limit))
		require.Equal(t, row.want, l.limit, row)
		require.Equal(t, row.reported, *l.throttled, row)
	}
}

// Others may have learned in the meantime what a response does not state.
func TestLearnLimit_readsAgainWhatOthersHaveLearned(t *testing.T) {
	for limit, peeked := range map[int]bool{0: false, 1: true, 20: true} {
		l := limiterWith(t, new(scripted), 0, 0)
		l.limit, l.peeked = limit, true
		l.learnLimit(throttledBy(0, 0))
		require.Equal(t, peeked, l.peeked, limit)
	}
}

// What others have learned ends the limiter in memory, a limit of one too; and a read that
// failed is made again.
func TestPeek_learnsFromOthers(t *testing.T) {
	for limit, reserving := range map[int64]bool{0: false, 1: true, 20: true} {
		synctest.Test(t, func(t *testing.T) {
			client := &scripted{reply: []any{limit, limit * 1000, int64(0), int64(0)}}
			l := limiterWith(t, client, 0, 0)
			l.syncRedis()
			require.True(t, l.peeked)
			synctest.Wait()
			l.mu.Lock()
			defer l.mu.Unlock()
			require.Equal(t, reserving, l.reserving)
			require.EqualValues(t, limit, l.limit)
			require.EqualValues(t, limit, l.rate)
			require.Equal(t, 0, client.sent()[0][0], "it reads only")
		})
	}
	synctest.Test(t, func(t *testing.T) {
		l := limiterWith(t, &scripted{}, 0, 0)
		l.syncRedis()
		synctest.Wait()
		l.mu.Lock()
		defer l.mu.Unlock()
		require.False(t, l.peeked)
		require.False(t, l.reserving)
	})
}

// The state is that of all processes; a rate below the limit is one that others share.
func TestState_ofAKeyThatReserves(t *testing.T) {
	for rate, mode := range map[float64]ratelimit.Mode{
		0: ratelimit.Own, 0.5: ratelimit.Shared, 1: ratelimit.Shared, 19: ratelimit.Shared, 20: ratelimit.Own, 30: ratelimit.Own,
	} {
		l := limiterWith(t, new(scripted), 20, 3)
		l.rate = rate
		l.inFlight.Store(5)
		l.local.inFlight.Store(2)
		require.Equal(t, ratelimit.State{
			Host: testKey.Host, Action: testKey.Action, Mode: mode, Limit: 20, Rate: rate, Waiting: 3, InFlight: 7,
		}, l.State())
	}
}

// Each attempt ends once, as what it began: reserved, or in memory.
func TestDone_endsAttemptsAsWhatTheyBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiterWith(t, never(), 0, 0)
		for range 2 {
			require.NoError(t, l.local.wait(t.Context(), ratelimit.WaitOptions{}))
		}
		l.inFlight.Store(2)
		for _, want := range [][2]int64{{1, 2}, {0, 2}, {0, 1}, {0, 0}} {
			l.Done(ratelimit.Result{Verdict: ratelimit.Accepted})
			require.Equal(t, want, [2]int64{l.local.inFlight.Load(), l.inFlight.Load()})
		}
		require.False(t, l.local.done(ratelimit.Result{}))
	})
}

// A call that ends while it waits leaves nothing in flight, of the key or of any limit.
func TestWait_thatEndsLeavesNothingInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiterWith(t, never(), 20, 0)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, errors.New("the caller has gone"))
		defer cancel()
		require.EqualError(t, l.Wait(ctx, ratelimit.WaitOptions{}), "the caller has gone")
		require.Zero(t, l.State().InFlight)
		require.Zero(t, l.queue.len())
		require.NotEmpty(t, l.limiter.memory.States())
		for _, s := range l.limiter.memory.States() {
			require.Zero(t, s.InFlight, s.Action)
		}
	})
}

// Two throttling responses in a row and a third after an accepted one are chance.
func TestDone_forgetsTheStreakWhenAnAttemptIsAccepted(t *testing.T) {
	for accepted, held := range map[bool]bool{false: true, true: false} {
		synctest.Test(t, func(t *testing.T) {
			l := limiterWith(t, never(), 20, 0)
			l.inFlight.Store(10)
			now := time.Now()
			for range 2 {
				l.Done(throttledBy(21, 20))
			}
			if accepted {
				l.Done(ratelimit.Result{Verdict: ratelimit.Accepted})
			}
			l.Done(throttledBy(21, 20))
			require.Equal(t, now, l.throttledAt)
			l.reservations.add(now, 20)
			require.Equal(t, !held, l.reservations.take(now))
			require.Equal(t, held, l.reservations.notBefore.Equal(now.Add(time.Second)))
			if accepted {
				l.Done(throttledBy(21, 20))
				require.Zero(t, l.reservations.notBefore, "two since then")
			}
		})
	}
}

// While it limits its attempts without Redis, and for a while after, a throttling response
// cuts the rate of the process; only after that it is reported to Redis.
func TestThrottle_cutsTheShareWhileItCounts(t *testing.T) {
	for _, row := range []struct {
		onFallback, rejoining, cut, reported bool
	}{{false, false, false, true}, {true, false, true, false}, {false, true, true, true}} {
		synctest.Test(t, func(t *testing.T) {
			l := limiterWith(t, never(), 20, 0)
			now := time.Now()
			l.fallback.begin(now, 20, true, &l.started)
			l.onFallback = row.onFallback
			if row.rejoining {
				l.rejoinedUntil = now.Add(1)
			}
			l.throttle(now, throttledBy(40, 20))
			require.Equal(t, row.cut, l.fallback.rate == 10)
			require.Equal(t, row.reported, l.throttled != nil)
		})
	}
}
