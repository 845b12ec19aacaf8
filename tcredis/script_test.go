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

// ask runs an order d later.
func (k *scriptTest) run(d time.Duration, o request) reply {
	k.t.Helper()
	k.now = k.now.Add(d)
	k.redis.SetTime(k.now)
	r, err := run(context.Background(), k.client, "key", o)
	require.NoError(k.t, err)
	return r
}

// book books n attempts at once, and returns the last wait.
func (k *scriptTest) reserve(n int, o request) (wait time.Duration) {
	k.t.Helper()
	o.want, o.ahead = 1, 1
	for range n {
		wait = k.run(0, o).waits[0]
	}
	return wait
}

func TestNothingIsWrittenWhileTheQuotaIsNotKnown(t *testing.T) {
	k := newScriptTest(t)
	require.Zero(t, k.run(0, request{}).limit)
	require.Empty(t, k.redis.Keys())
}

func TestALookChangesNothing(t *testing.T) {
	k := newScriptTest(t)
	k.reserve(5, request{quiet: true, configured: 20})
	before := k.redis.Dump()
	require.Equal(t, 20, k.run(time.Second, request{configured: 20}).limit)
	require.Equal(t, before, k.redis.Dump())
}

func TestKeysExpire(t *testing.T) {
	k := newScriptTest(t)
	k.reserve(1, request{quiet: true, configured: 20})
	require.Equal(t, keyTTL, k.redis.TTL("key"))
}

func TestASecondAfterSilenceIsFreeUpToTheQuota(t *testing.T) {
	k := newScriptTest(t)
	for range 3 {
		require.Zero(t, k.reserve(20, request{quiet: true, configured: 20}))
		require.Equal(t, window, k.reserve(1, request{quiet: true, configured: 20}).Round(time.Millisecond))
		k.now = k.now.Add(3 * time.Second)
	}
}

func TestOneWhoSentUnbookedGetsNoFreeSecond(t *testing.T) {
	k := newScriptTest(t)
	require.Equal(t, 19*window/20, k.reserve(20, request{configured: 20}))
}

// The promise of the script, for any times of booking.
func TestNoSecondHasMoreBookingsThanTheQuota(t *testing.T) {
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

func TestTheFirstRejectionSetsTheQuotaForAll(t *testing.T) {
	k := newScriptTest(t)
	r := k.run(0, request{want: 1, ahead: 1, throttled: &throttling{21, 20}})
	require.Equal(t, 20, r.limit)
	require.Equal(t, time.Second, r.waits[0], "what is left of the second is lost")
	require.Equal(t, 20, k.run(0, request{}).limit)
}

func TestARejectionTellsAnotherQuota(t *testing.T) {
	k := newScriptTest(t)
	k.run(0, request{want: 1, ahead: 1, throttled: &throttling{21, 20}})
	require.Equal(t, 5, k.run(time.Minute, request{want: 1, ahead: 1, limit: 20, throttled: &throttling{6, 5}}).limit)
	require.Equal(t, 5, k.run(0, request{want: 1, ahead: 1, limit: 20}).limit, "what a process knows is older")
	require.Equal(t, 40, k.run(time.Minute, request{want: 1, ahead: 1, limit: 5, throttled: &throttling{41, 40}}).limit)
}

func TestAQuotaThatIsSetIsNotExceeded(t *testing.T) {
	k := newScriptTest(t)
	require.Equal(t, 10, k.run(0, request{want: 1, ahead: 1, configured: 10, throttled: &throttling{21, 20}}).limit)
	require.Equal(t, 5, k.run(time.Minute, request{want: 1, ahead: 1, configured: 10, throttled: &throttling{6, 5}}).limit)
}

func TestAQuotaThatIsSetAnewHoldsAtOnce(t *testing.T) {
	k := newScriptTest(t)
	k.reserve(5, request{quiet: true, configured: 20})
	k.reserve(5, request{quiet: true, limit: 20, configured: 20})
	require.Equal(t, 50, k.run(time.Minute, request{want: 1, ahead: 1, quiet: true, configured: 50}).limit)
	require.Equal(t, 50.0, k.run(time.Second, request{want: 1, ahead: 1, quiet: true, configured: 50}).rate)
	require.Equal(t, 0, k.run(0, request{}).limit, "it is not what a rejection told")
}

func TestWhatAProcessKnowsOutlivesRedis(t *testing.T) {
	k := newScriptTest(t)
	require.Equal(t, 20, k.run(0, request{want: 1, ahead: 1, quiet: true, limit: 20}).limit)
	require.Equal(t, 19*window/20, k.reserve(19, request{quiet: true, limit: 20}), "nobody knows what was sent in this second")
}

func TestRejectionsInARowSlowTheFleetAndSilenceSpeedsItUp(t *testing.T) {
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

func TestRejectionsWithoutNumbersSlowTheFleet(t *testing.T) {
	k := newScriptTest(t)
	k.run(0, request{want: 1, ahead: 1, throttled: &throttling{21, 20}})
	k.now = k.now.Add(3 * time.Second)
	var rate float64
	for range 3 {
		rate = k.run(1100*time.Millisecond, request{want: 1, ahead: 1, throttled: &throttling{}}).rate
	}
	require.Equal(t, 18.0, rate)
}

// saturate books for d as a busy fleet does, always ten ahead, and returns the
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

func TestABusyFleetLooksForARaisedQuota(t *testing.T) {
	k := newScriptTest(t)
	o := request{limit: 20}
	k.saturate(11*time.Second, o)
	require.Equal(t, 20, k.run(0, request{}).limit)
	k.saturate(10*time.Second, o)
	require.Greater(t, k.run(0, request{}).limit, 20)
	require.Equal(t, 20, k.run(0, request{want: 1, ahead: 1, throttled: &throttling{31, 20}}).limit, "it was not raised")
}

func TestAFleetThatIsToldItsQuotaDoesNotLook(t *testing.T) {
	k := newScriptTest(t)
	n := k.saturate(time.Minute, request{quiet: true, configured: 20})
	require.LessOrEqual(t, n, int(20*(time.Minute.Seconds()/window.Seconds()+1))+1)
	require.Equal(t, 20, k.run(0, request{configured: 20}).limit)
}

// As that of a replica may, which takes over.
func TestAClockThatGoesBackDelaysNothing(t *testing.T) {
	k := newScriptTest(t)
	o := request{quiet: true, configured: 20}
	k.reserve(60, o)
	k.run(0, request{want: 1, ahead: 1, configured: 20, throttled: &throttling{21, 20}})
	k.now = k.now.Add(-time.Hour)
	require.LessOrEqual(t, k.reserve(1, o), 4*window)
	k.now = k.now.Add(24 * time.Hour)
	require.Zero(t, k.reserve(1, o))
}

func TestOneCommandBooksAllThatMayStartAtOnceAndTwoThatMayNot(t *testing.T) {
	k := newScriptTest(t)
	r := k.run(0, request{want: 30, ahead: 2, quiet: true, configured: 20})
	require.Len(t, r.waits, 22)
	require.Zero(t, r.waits[19])
	require.Equal(t, []time.Duration{window, window}, r.waits[20:])
	require.Len(t, k.run(0, request{want: 30, ahead: 2, quiet: true, configured: 20}).waits, 2)
}

func TestProcessesAreCounted(t *testing.T) {
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
