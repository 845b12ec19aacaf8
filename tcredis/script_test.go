package tcredis

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// desk runs the script at times that it sets.
type scriptTest struct {
	t      *testing.T
	redis  *miniredis.Miniredis
	client *redis.Client
	now    time.Time
}

func newScriptTest(t *testing.T) *scriptTest {
	m := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: m.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	return &scriptTest{t, m, client, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

// run runs a request d later.
func (k *scriptTest) run(d time.Duration, o request) reply {
	k.t.Helper()
	k.now = k.now.Add(d)
	k.redis.SetTime(k.now)
	r, err := run(context.Background(), k.client, "key", o)
	require.NoError(k.t, err)
	return r
}

// reserve reserves n attempts in one command, and returns the last wait.
func (k *scriptTest) reserve(n int, o request) (wait time.Duration) {
	k.t.Helper()
	o.want, o.ahead = 1, 1
	for range n {
		wait = k.run(0, o).waits[0]
	}
	return wait
}

func TestScript_writesNothingWhileTheLimitIsNotKnown(t *testing.T) {
	k := newScriptTest(t)
	require.Zero(t, k.run(0, request{}).limit)
	require.Empty(t, k.redis.Keys())
}

func TestScript_changesNothingInARead(t *testing.T) {
	k := newScriptTest(t)
	k.reserve(5, request{quiet: true, configured: 20})
	before := k.redis.Dump()
	require.Equal(t, 20, k.run(time.Second, request{configured: 20}).limit)
	require.Equal(t, before, k.redis.Dump())
}

func TestScript_makesKeysExpire(t *testing.T) {
	k := newScriptTest(t)
	k.reserve(1, request{quiet: true, configured: 20})
	require.Equal(t, keyTTL, k.redis.TTL("key"))
}

func TestScript_reservesTheWholeLimitImmediatelyAfterSilence(t *testing.T) {
	k := newScriptTest(t)
	for range 3 {
		require.Zero(t, k.reserve(20, request{quiet: true, configured: 20}))
		require.Equal(t, window, k.reserve(1, request{quiet: true, configured: 20}).Round(time.Millisecond))
		k.now = k.now.Add(3 * time.Second)
	}
}

func TestScript_countsAttemptsWithoutAReservation(t *testing.T) {
	k := newScriptTest(t)
	require.Equal(t, 19*window/20, k.reserve(20, request{configured: 20}))
}

// The promise of the script, at any times.
func TestScript_reservesNoMoreThanTheLimitInAnySecond(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 2))
		k := newScriptTest(t)
		quota := 1 + rng.IntN(30)
		var due []time.Time
		for range 200 {
			r := k.run(time.Duration(rng.ExpFloat64()*rng.Float64()*2*float64(time.Second)/float64(quota)), request{want: 1, ahead: 1, quiet: true, configured: quota})
			due = append(due, k.now.Add(r.waits[0]))
			if rng.IntN(50) == 0 {
				k.now = k.now.Add(time.Duration(rng.Int64N(int64(3 * time.Second))))
			}
		}
		slices.SortFunc(due, time.Time.Compare)
		for i := quota; i < len(due); i++ {
			require.GreaterOrEqual(t, due[i].Sub(due[i-quota]), time.Second, "seed %d, quota %d, booking %d", seed, quota, i)
		}
	}
}

func TestScript_learnsTheLimitFromTheFirstThrottlingResponse(t *testing.T) {
	k := newScriptTest(t)
	r := k.run(0, request{want: 1, ahead: 1, throttled: &throttling{21, 20}})
	require.Equal(t, 20, r.limit)
	require.Equal(t, time.Second, r.waits[0], "what is left of the second is lost")
	require.Equal(t, 20, k.run(0, request{}).limit)
}

func TestScript_learnsAnotherLimit(t *testing.T) {
	k := newScriptTest(t)
	k.run(0, request{want: 1, ahead: 1, throttled: &throttling{21, 20}})
	require.Equal(t, 5, k.run(time.Minute, request{want: 1, ahead: 1, limit: 20, throttled: &throttling{6, 5}}).limit)
	require.Equal(t, 5, k.run(0, request{want: 1, ahead: 1, limit: 20}).limit, "what a process has learned is older")
	require.Equal(t, 40, k.run(time.Minute, request{want: 1, ahead: 1, limit: 5, throttled: &throttling{41, 40}}).limit)
}

func TestScript_doesNotExceedAConfiguredLimit(t *testing.T) {
	k := newScriptTest(t)
	require.Equal(t, 10, k.run(0, request{want: 1, ahead: 1, configured: 10, throttled: &throttling{21, 20}}).limit)
	require.Equal(t, 5, k.run(time.Minute, request{want: 1, ahead: 1, configured: 10, throttled: &throttling{6, 5}}).limit)
}

func TestScript_appliesANewConfiguredLimitImmediately(t *testing.T) {
	k := newScriptTest(t)
	k.reserve(5, request{quiet: true, configured: 20})
	k.reserve(5, request{quiet: true, limit: 20, configured: 20})
	require.Equal(t, 50, k.run(time.Minute, request{want: 1, ahead: 1, quiet: true, configured: 50}).limit)
	require.Equal(t, 50.0, k.run(time.Second, request{want: 1, ahead: 1, quiet: true, configured: 50}).rate)
	require.Equal(t, 0, k.run(0, request{}).limit, "it is not learned")
}

func TestScript_learnsTheLimitFromAProcessIfRedisLostIt(t *testing.T) {
	k := newScriptTest(t)
	require.Equal(t, 20, k.run(0, request{want: 1, ahead: 1, quiet: true, limit: 20}).limit)
	require.Equal(t, 19*window/20, k.reserve(19, request{quiet: true, limit: 20}), "it is not known what was sent in this second")
}

func TestScript_cutsTheRateForThrottlingInARowAndRecovers(t *testing.T) {
	k := newScriptTest(t)
	k.run(0, request{want: 1, ahead: 1, throttled: &throttling{21, 20}})
	k.now = k.now.Add(3 * time.Second)
	var rates []float64
	for range 4 {
		rates = append(rates, k.run(1100*time.Millisecond, request{want: 1, ahead: 1, throttled: &throttling{24, 20}}).rate)
	}
	require.Equal(t, []float64{20, 20}, rates[:2], "it may be the jitter of our own attempts")
	require.InDelta(t, 16.6, rates[2], 0.1, "others use the quota too")
	require.InDelta(t, 14.3, rates[3], 0.1)
	require.InDelta(t, 14.4, k.run(900*time.Millisecond, request{want: 1, ahead: 1}).rate, 0.1, "for a second it stays")
	require.InDelta(t, 16.5, k.run(1100*time.Millisecond, request{want: 1, ahead: 1}).rate, 0.5, "it recovers")
	for range 20 {
		k.run(time.Second, request{want: 1, ahead: 1})
	}
	require.Equal(t, 20.0, k.run(0, request{want: 1, ahead: 1}).rate)
}

func TestScript_cutsTheRateWithoutNumbers(t *testing.T) {
	k := newScriptTest(t)
	k.run(0, request{want: 1, ahead: 1, throttled: &throttling{21, 20}})
	k.now = k.now.Add(3 * time.Second)
	var rate float64
	for range 3 {
		rate = k.run(1100*time.Millisecond, request{want: 1, ahead: 1, throttled: &throttling{}}).rate
	}
	require.Equal(t, 18.0, rate)
}

// saturate reserves for d as busy processes do, always ten ahead, and returns the
// number of bookings.
func (k *scriptTest) saturate(d time.Duration, o request) int {
	n := 0
	for range d / (100 * time.Millisecond) {
		k.now = k.now.Add(100 * time.Millisecond)
		for k.reserve(1, o) < 500*time.Millisecond {
			n++
		}
		n++
	}
	return n
}

func TestScript_probesForARaisedLimit(t *testing.T) {
	k := newScriptTest(t)
	o := request{limit: 20}
	k.saturate(11*time.Second, o)
	require.Equal(t, 20, k.run(0, request{}).limit)
	k.saturate(10*time.Second, o)
	require.Greater(t, k.run(0, request{}).limit, 20)
	require.Equal(t, 20, k.run(0, request{want: 1, ahead: 1, throttled: &throttling{31, 20}}).limit, "it was not raised")
}

func TestScript_doesNotProbeBeyondAConfiguredLimit(t *testing.T) {
	k := newScriptTest(t)
	n := k.saturate(time.Minute, request{quiet: true, configured: 20})
	require.LessOrEqual(t, n, int(20*(time.Minute.Seconds()/window.Seconds()+1))+1)
	require.Equal(t, 20, k.run(0, request{configured: 20}).limit)
}

// As that of a replica may, which takes over.
func TestScript_acceptsAClockThatGoesBack(t *testing.T) {
	k := newScriptTest(t)
	o := request{quiet: true, configured: 20}
	k.reserve(60, o)
	k.run(0, request{want: 1, ahead: 1, configured: 20, throttled: &throttling{21, 20}})
	k.now = k.now.Add(-time.Hour)
	require.LessOrEqual(t, k.reserve(1, o), 4*window)
	k.now = k.now.Add(24 * time.Hour)
	require.Zero(t, k.reserve(1, o))
}

func TestScript_reservesAllThatMayStartImmediatelyAndTwoThatMayNot(t *testing.T) {
	k := newScriptTest(t)
	r := k.run(0, request{want: 30, ahead: 2, quiet: true, configured: 20})
	require.Len(t, r.waits, 22)
	require.Zero(t, r.waits[19])
	require.Equal(t, []time.Duration{window, window}, r.waits[20:])
	require.Len(t, k.run(0, request{want: 30, ahead: 2, quiet: true, configured: 20}).waits, 2)
}

func TestScript_countsProcesses(t *testing.T) {
	k := newScriptTest(t)
	o := request{want: 1, ahead: 1, quiet: true, configured: 20}
	censuses := make([]int64, 7)
	for range 100 {
		for i := range censuses {
			o.census = censuses[i]
			r := k.run(10*time.Millisecond, o)
			censuses[i] = r.census
			require.LessOrEqual(t, r.processes, len(censuses))
		}
	}
	require.Equal(t, len(censuses), k.run(0, o).processes)
	k.now = k.now.Add(time.Minute)
	o.census = 0
	require.Equal(t, 1, k.run(0, o).processes, "the others are gone")
}
