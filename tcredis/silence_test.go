package tcredis_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tcredis"
)

// burst makes attempts at once and returns when each of them started, in order.
func burst(lane ratelimit.KeyLimiter, attempts int) []time.Duration {
	begun := time.Now()
	times := make([]time.Duration, attempts)
	var all sync.WaitGroup
	for i := range times {
		all.Go(func() {
			_ = wait(lane, ratelimit.WaitOptions{})
			times[i] = time.Since(begun)
		})
	}
	all.Wait()
	slices.Sort(times)
	return times
}

// requireApart holds starts to a limit: no second, and what attempts may be delayed
// against each other, has more of them.
func requireApart(t *testing.T, starts []time.Duration, limit int) {
	t.Helper()
	for i := limit; i < len(starts); i++ {
		require.GreaterOrEqual(t, starts[i]-starts[i-limit], time.Second, "attempts %d and %d", i-limit, i)
	}
}

// A nightly job begins anew after hours, and what was booked or known before must
// neither be used then nor be in its way. If Redis has forgotten the key meanwhile, or
// all keys, a second of the limit is spread: others may have used it.
func TestABurstAfterAnHourIsAsFreeAsTheFirst(t *testing.T) {
	const limit = 20
	for _, forgotten := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			m := piped(t)
			client := dialTo(m)
			defer client.Close()
			lane := newLimiter(t, client, set(limit)).ForKey(key)
			for round := range 3 {
				starts := burst(lane, 3*limit)
				if round == 0 || !forgotten {
					require.Less(t, starts[limit-1], 10*time.Millisecond, "burst %d", round)
				}
				requireApart(t, starts, limit)
				require.Less(t, starts[len(starts)-1], 4*time.Second)
				for range 2 { // these leave what was booked for them
					require.ErrorIs(t, wait(lane, ratelimit.WaitOptions{NotAfter: time.Now()}), ratelimit.ErrTooLate)
				}
				time.Sleep(time.Hour)
				if forgotten {
					m.FlushAll()
				}
			}
		})
	}
}

// The calls of a process that starts while Redis is away wait for its share, and come
// to the fleet as soon as Redis does.
func TestCallsThatWaitSinceBeforeRedisWasUpComeToTheFleet(t *testing.T) {
	replicasBubble(t, func(t *testing.T) {
		m := piped(t)
		client := dialTo(m)
		defer client.Close()
		p := newLimiter(t, client, set(20))
		for outage := range 2 { // and in a later outage again
			m.SetError("down")
			time.AfterFunc(3*time.Second, func() { m.SetError("") })
			done := make(chan []time.Duration)
			go func() { done <- burst(p.ForKey(key), 200) }()
			time.Sleep(2 * time.Second)
			require.Error(t, p.Err(), outage)
			require.Greater(t, p.States()[0].Waiting, 100)
			time.Sleep(4 * time.Second)
			require.NoError(t, p.Err(), outage)
			require.Len(t, m.Keys(), 1, "they are booked")
			require.Equal(t, 20.0, p.States()[0].Rate)
			starts := <-done
			require.Less(t, starts[len(starts)-1], 15*time.Second, "200 at 20 per second take 9 at least")
			requireApart(t, starts, 20)
			require.Zero(t, p.States()[0].Waiting)
			require.Zero(t, p.States()[0].InFlight)
			time.Sleep(time.Minute)
		}
	})
}

// While no answer has come nothing but its deadline ends a wait: the soonest one ends
// at its time, wherever it stands in the queue.
func TestTheSoonestDeadlineEndsFirst(t *testing.T) {
	for _, deadlines := range [][]time.Duration{{1, 3}, {3, 1}, {2, 3, 1}, {1, 2, 3}, {0, 1, 3}, {1, 0, 3}} {
		bubble(t, func(t *testing.T) {
			defer time.Sleep(2 * time.Minute) // all answers are there
			lane := newLimiter(t, silent{}, set(20), tcredis.WithTimeout(20*time.Second)).ForKey(key)
			from := time.Now()
			var all sync.WaitGroup
			for _, seconds := range deadlines {
				after := seconds * time.Second
				all.Go(func() {
					var o ratelimit.WaitOptions
					if after > 0 {
						o.NotAfter = from.Add(after)
					}
					err := wait(lane, o)
					if after == 0 {
						require.NoError(t, err)
						return
					}
					require.ErrorIs(t, err, ratelimit.ErrTooLate)
					require.WithinDuration(t, o.NotAfter, time.Now(), time.Microsecond, fmt.Sprint(deadlines))
				})
				time.Sleep(time.Millisecond)
			}
			all.Wait()
		})
	}
}

// A program may have more keys than are kept for certain in one generation: each of
// those that are kept is listed once, the ones that were used again too.
func TestOfManyKeysEachIsListedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
		p := newLimiter(t, empty{})
		name := func(i int) ratelimit.Key { return ratelimit.Key{Host: "h", Action: fmt.Sprintf("Describe%04d", i)} }
		const keys = 1024 + 500
		for i := range keys {
			p.ForKey(name(i))
		}
		for i := range 300 { // of the older ones
			p.ForKey(name(i))
		}
		p.ForKey(ratelimit.Key{Host: "h"}) // of a request without an action
		require.NoError(t, wait(p.ForKey(ratelimit.Key{Host: "h"}), ratelimit.WaitOptions{}))
		listed := map[string]int{}
		for _, s := range p.States() {
			listed[s.Action]++
		}
		require.Len(t, listed, keys+1)
		for action, times := range listed {
			require.Equal(t, 1, times, action)
		}
	})
}
