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
type desk struct {
	t      *testing.T
	redis  *miniredis.Miniredis
	client *redis.Client
	now    time.Time
}

func newDesk(t *testing.T) *desk {
	m := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: m.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	return &desk{t, m, client, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

// ask runs an order d later.
func (k *desk) ask(d time.Duration, o order) reply {
	k.t.Helper()
	k.now = k.now.Add(d)
	k.redis.SetTime(k.now)
	r, err := run(context.Background(), k.client, "key", o)
	require.NoError(k.t, err)
	return r
}

// book books n attempts at once, and returns the last wait.
func (k *desk) book(n int, o order) (wait time.Duration) {
	k.t.Helper()
	o.want, o.ahead = 1, 1
	for range n {
		wait = k.ask(0, o).waits[0]
	}
	return wait
}

func TestNothingIsWrittenWhileTheQuotaIsNotKnown(t *testing.T) {
	k := newDesk(t)
	require.Zero(t, k.ask(0, order{}).quota)
	require.Empty(t, k.redis.Keys())
}

func TestALookChangesNothing(t *testing.T) {
	k := newDesk(t)
	k.book(5, order{quiet: true, set: 20})
	before := k.redis.Dump()
	require.Equal(t, 20, k.ask(time.Second, order{set: 20}).quota)
	require.Equal(t, before, k.redis.Dump())
}

func TestKeysExpire(t *testing.T) {
	k := newDesk(t)
	k.book(1, order{quiet: true, set: 20})
	require.Equal(t, keep, k.redis.TTL("key"))
}

func TestASecondAfterSilenceIsFreeUpToTheQuota(t *testing.T) {
	k := newDesk(t)
	for range 3 {
		require.Zero(t, k.book(20, order{quiet: true, set: 20}))
		require.Equal(t, perSecond, k.book(1, order{quiet: true, set: 20}).Round(time.Millisecond))
		k.now = k.now.Add(3 * time.Second)
	}
}

func TestOneWhoSentUnbookedGetsNoFreeSecond(t *testing.T) {
	k := newDesk(t)
	require.Equal(t, 19*perSecond/20, k.book(20, order{set: 20}))
}

// The promise of the script, for any times of booking.
func TestNoSecondHasMoreBookingsThanTheQuota(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 2))
		k := newDesk(t)
		quota := 1 + rng.IntN(30)
		var due []time.Time
		for range 200 {
			r := k.ask(time.Duration(rng.ExpFloat64()*rng.Float64()*2*float64(time.Second)/float64(quota)), order{want: 1, ahead: 1, quiet: true, set: quota})
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
	k := newDesk(t)
	r := k.ask(0, order{want: 1, ahead: 1, rejected: &rejection{21, 20}})
	require.Equal(t, 20, r.quota)
	require.Equal(t, time.Second, r.waits[0], "what is left of the second is lost")
	require.Equal(t, 20, k.ask(0, order{}).quota)
}

func TestARejectionTellsAnotherQuota(t *testing.T) {
	k := newDesk(t)
	k.ask(0, order{want: 1, ahead: 1, rejected: &rejection{21, 20}})
	require.Equal(t, 5, k.ask(time.Minute, order{want: 1, ahead: 1, known: 20, rejected: &rejection{6, 5}}).quota)
	require.Equal(t, 5, k.ask(0, order{want: 1, ahead: 1, known: 20}).quota, "what a process knows is older")
	require.Equal(t, 40, k.ask(time.Minute, order{want: 1, ahead: 1, known: 5, rejected: &rejection{41, 40}}).quota)
}

func TestAQuotaThatIsSetIsNotExceeded(t *testing.T) {
	k := newDesk(t)
	require.Equal(t, 10, k.ask(0, order{want: 1, ahead: 1, set: 10, rejected: &rejection{21, 20}}).quota)
	require.Equal(t, 5, k.ask(time.Minute, order{want: 1, ahead: 1, set: 10, rejected: &rejection{6, 5}}).quota)
}

func TestAQuotaThatIsSetAnewHoldsAtOnce(t *testing.T) {
	k := newDesk(t)
	k.book(5, order{quiet: true, set: 20})
	k.book(5, order{quiet: true, known: 20, set: 20})
	require.Equal(t, 50, k.ask(time.Minute, order{want: 1, ahead: 1, quiet: true, set: 50}).quota)
	require.Equal(t, 50.0, k.ask(time.Second, order{want: 1, ahead: 1, quiet: true, set: 50}).rate)
	require.Equal(t, 0, k.ask(0, order{}).quota, "it is not what a rejection told")
}

func TestWhatAProcessKnowsOutlivesRedis(t *testing.T) {
	k := newDesk(t)
	require.Equal(t, 20, k.ask(0, order{want: 1, ahead: 1, quiet: true, known: 20}).quota)
	require.Equal(t, 19*perSecond/20, k.book(19, order{quiet: true, known: 20}), "nobody knows what was sent in this second")
}

func TestRejectionsInARowSlowTheFleetAndSilenceSpeedsItUp(t *testing.T) {
	k := newDesk(t)
	k.ask(0, order{want: 1, ahead: 1, rejected: &rejection{21, 20}})
	k.now = k.now.Add(3 * time.Second)
	var rates []float64
	for range 4 {
		rates = append(rates, k.ask(1100*time.Millisecond, order{want: 1, ahead: 1, rejected: &rejection{24, 20}}).rate)
	}
	require.Equal(t, []float64{20, 20}, rates[:2], "it may be the jitter of our own attempts")
	require.InDelta(t, 16.6, rates[2], 0.1, "others use the quota too")
	require.InDelta(t, 14.3, rates[3], 0.1)
	require.InDelta(t, 14.4, k.ask(900*time.Millisecond, order{want: 1, ahead: 1}).rate, 0.1, "for a second it stays")
	require.InDelta(t, 16.5, k.ask(1100*time.Millisecond, order{want: 1, ahead: 1}).rate, 0.5, "it recovers")
	for range 20 {
		k.ask(time.Second, order{want: 1, ahead: 1})
	}
	require.Equal(t, 20.0, k.ask(0, order{want: 1, ahead: 1}).rate)
}

func TestRejectionsWithoutNumbersSlowTheFleet(t *testing.T) {
	k := newDesk(t)
	k.ask(0, order{want: 1, ahead: 1, rejected: &rejection{21, 20}})
	k.now = k.now.Add(3 * time.Second)
	var rate float64
	for range 3 {
		rate = k.ask(1100*time.Millisecond, order{want: 1, ahead: 1, rejected: &rejection{}}).rate
	}
	require.Equal(t, 18.0, rate)
}

// saturate books for d as a busy fleet does, always ten ahead, and returns the
// number of bookings.
func (k *desk) saturate(d time.Duration, o order) int {
	n := 0
	for range d / (100 * time.Millisecond) {
		k.now = k.now.Add(100 * time.Millisecond)
		for k.book(1, o) < 500*time.Millisecond {
			n++
		}
		n++
	}
	return n
}

func TestABusyFleetLooksForARaisedQuota(t *testing.T) {
	k := newDesk(t)
	o := order{known: 20}
	k.saturate(11*time.Second, o)
	require.Equal(t, 20, k.ask(0, order{}).quota)
	k.saturate(10*time.Second, o)
	require.Greater(t, k.ask(0, order{}).quota, 20)
	require.Equal(t, 20, k.ask(0, order{want: 1, ahead: 1, rejected: &rejection{31, 20}}).quota, "it was not raised")
}

func TestAFleetThatIsToldItsQuotaDoesNotLook(t *testing.T) {
	k := newDesk(t)
	n := k.saturate(time.Minute, order{quiet: true, set: 20})
	require.LessOrEqual(t, n, int(20*(time.Minute.Seconds()/perSecond.Seconds()+1))+1)
	require.Equal(t, 20, k.ask(0, order{set: 20}).quota)
}

// As that of a replica may, which takes over.
func TestAClockThatGoesBackDelaysNothing(t *testing.T) {
	k := newDesk(t)
	o := order{quiet: true, set: 20}
	k.book(60, o)
	k.ask(0, order{want: 1, ahead: 1, set: 20, rejected: &rejection{21, 20}})
	k.now = k.now.Add(-time.Hour)
	require.LessOrEqual(t, k.book(1, o), 4*perSecond)
	k.now = k.now.Add(24 * time.Hour)
	require.Zero(t, k.book(1, o))
}

func TestOneCommandBooksAllThatMayStartAtOnceAndTwoThatMayNot(t *testing.T) {
	k := newDesk(t)
	r := k.ask(0, order{want: 30, ahead: 2, quiet: true, set: 20})
	require.Len(t, r.waits, 22)
	require.Zero(t, r.waits[19])
	require.Equal(t, []time.Duration{perSecond, perSecond}, r.waits[20:])
	require.Len(t, k.ask(0, order{want: 30, ahead: 2, quiet: true, set: 20}).waits, 2)
}

func TestProcessesAreCounted(t *testing.T) {
	k := newDesk(t)
	o := order{want: 1, ahead: 1, quiet: true, set: 20}
	censuses := make([]int64, 7)
	for range 100 {
		for i := range censuses {
			o.census = censuses[i]
			r := k.ask(10*time.Millisecond, o)
			censuses[i] = r.census
			require.LessOrEqual(t, r.fleet, len(censuses))
		}
	}
	require.Equal(t, len(censuses), k.ask(0, o).fleet)
	k.now = k.now.Add(time.Minute)
	o.census = 0
	require.Equal(t, 1, k.ask(0, o).fleet, "the others are gone")
}
