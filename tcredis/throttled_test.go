package tcredis_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tcredis"
)

// start makes one attempt of a key and returns how long it waited for its slot.
func start(t *testing.T, p ratelimit.Limiter, k ratelimit.Key) time.Duration {
	t.Helper()
	from := time.Now()
	require.NoError(t, wait(p.ForKey(k), ratelimit.WaitOptions{}))
	return time.Since(from)
}

// rejectForSeconds makes attempts that are throttled in each of several seconds: others
// use the limit, too. What was the last one is reported with the next booking.
func rejectForSeconds(t *testing.T, p ratelimit.Limiter, r ratelimit.Result) {
	t.Helper()
	for range 8 {
		time.Sleep(1100 * time.Millisecond)
		throttle(t, p.ForKey(key), r)
	}
	start(t, p, key)
	time.Sleep(time.Millisecond)
}

// A response of status 429 has no code and no numbers, and is a throttling response of
// its key as any other: what is known of the limit stays, and less is sent.
func TestA429IsAThrottlingResponseOfItsKey(t *testing.T) {
	tooMany := ratelimit.Result{Verdict: ratelimit.Throttled}
	inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
		p := newLimiter(t, client, set(20))
		require.Zero(t, start(t, p, key))
		require.Equal(t, 20.0, p.States()[0].Rate)
		rejectForSeconds(t, p, tooMany)
		require.Less(t, p.States()[0].Rate, 20.0)
		require.Equal(t, 20, p.States()[0].Limit)
		require.Equal(t, ratelimit.Shared, p.States()[0].Mode)
	})
	inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
		p := newLimiter(t, client)
		for range 3 {
			require.Zero(t, start(t, p, key))
		}
		throttle(t, p.ForKey(key), tooMany)
		throttle(t, p.ForKey(key), tooMany)
		require.Equal(t, ratelimit.Shared, p.States()[0].Mode, "in memory: there is no limit to book by")
		require.Len(t, p.States(), 1, "it is listed once")
	})
}

// A limit over many keys throttles none of them alone: none is booked for it, and none
// that is booked gets slower by more than that limit.
func TestALimitOfTheAccountIsNotOneOfTheKey(t *testing.T) {
	for _, code := range []string{
		"RequestLimitExceeded.UinLimitExceeded", "RequestLimitExceeded.IPLimitExceeded",
		"RequestLimitExceeded.GlobalRegionUinLimitExceeded",
	} {
		wide := ratelimit.Result{Verdict: ratelimit.Throttled, Code: code, Count: 2, Limit: 1}
		inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
			p := newLimiter(t, client, set(20))
			rejectForSeconds(t, p, wide)
			of := stateOf(t, p, key)
			require.Equal(t, 20, of.Limit, code)
			require.Equal(t, 20.0, of.Rate, code)
			require.Equal(t, ratelimit.Own, of.Mode, code)
		})
		inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
			p := newLimiter(t, client)
			throttle(t, p.ForKey(key), wide)
			start(t, p, key)
			require.Equal(t, ratelimit.Open, stateOf(t, p, key).Mode, code)
			require.Zero(t, stateOf(t, p, key).Limit, code)
			require.Empty(t, client.Keys(t.Context(), "*").Val(), code)
		})
	}
}

// stateOf is what is listed of a key.
func stateOf(t *testing.T, p *tcredis.Limiter, k ratelimit.Key) ratelimit.State {
	t.Helper()
	for _, s := range p.States() {
		if s.Host == k.Host && s.Action == k.Action {
			return s
		}
	}
	require.Fail(t, "it is not listed")
	return ratelimit.State{}
}

// Limits over many keys are listed beside those of the keys, without an action, and
// only while there is one.
func TestLimitsOverManyKeysAreListed(t *testing.T) {
	for code, host := range map[string]string{
		"RequestLimitExceeded.UinLimitExceeded": key.Host, "RequestLimitExceeded.IPLimitExceeded": "",
		"RequestLimitExceeded.GlobalRegionUinLimitExceeded": "",
	} {
		for _, limit := range []int{0, 20} {
			inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
				p := newLimiter(t, client, set(limit))
				start(t, p, key)
				require.Len(t, p.States(), 1)
				for range 2 {
					require.NoError(t, p.ForKey(key).Wait(t.Context(), ratelimit.WaitOptions{}))
				}
				p.ForKey(key).Done(ratelimit.Result{Verdict: ratelimit.Accepted})
				p.ForKey(key).Done(ratelimit.Result{Verdict: ratelimit.Throttled, Code: code, Count: 3, Limit: 2})
				var wide []ratelimit.State
				for _, s := range p.States() {
					if s.Action == "" {
						wide = append(wide, s)
					}
				}
				require.Len(t, p.States(), 2)
				require.Len(t, wide, 1, code)
				require.Equal(t, host, wide[0].Host, code)
				require.Equal(t, 2, wide[0].Limit, code)
				require.NotEqual(t, ratelimit.Open, wide[0].Mode, code)
				time.Sleep(2 * time.Minute)
				start(t, p, key)
				require.Len(t, p.States(), 1, "it is forgotten")
			})
		}
	}
}
