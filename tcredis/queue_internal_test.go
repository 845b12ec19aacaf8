package tcredis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

// crowd is a queue of n waiters whose turns are a tenth of a second apart. All have
// time for all before them, but the last one only for half of those.
func crowd(n int) (*queue, func(int) time.Time) {
	q := new(queue)
	start := func(place int) time.Time { return noon.Add(time.Duration(place) * time.Second / 10) }
	for i := range n {
		w := &waiter{latest: start(n), told: make(chan error, 1)}
		if i == n-1 {
			w.latest = start(n / 2)
		}
		q.add(w)
	}
	return q, start
}

func TestToFindWhoIsLateCostsLittleForEachOfManyWaiters(t *testing.T) {
	const n = 1000
	q, start := crowd(n)
	q.head().latest, q.soonest = start(1), start(1)
	looks := 0
	counted := func(place int) time.Time {
		looks++
		return start(place)
	}
	for range n {
		q.tellLate(noon, counted, ratelimit.ErrTooLate)
	}
	require.LessOrEqual(t, looks, 3*n)
}

func TestALookThatIsPutOffComes(t *testing.T) {
	const n = 1000
	q, start := crowd(n)
	last := q.first.Back().Value.(*waiter)
	q.looked = noon
	q.tellLate(noon, start, ratelimit.ErrTooLate)
	require.Empty(t, last.told)
	soon := q.look()
	require.Equal(t, n*lookEach, soon.Sub(noon))
	q.tellLate(soon, start, ratelimit.ErrTooLate)
	require.Equal(t, ratelimit.ErrTooLate, <-last.told)
	require.Equal(t, n-1, q.len())
	require.Equal(t, start(n), q.look(), "nobody else is late")
}

func TestRejectedOnesGoFirstInTheOrderOfArrival(t *testing.T) {
	var q queue
	var all []*waiter
	for i, again := range []bool{false, true, false, true} {
		all = append(all, &waiter{again: again, told: make(chan error, 1)})
		require.Equal(t, []int{0, 0, 2, 1}[i], q.add(all[i]))
	}
	for _, i := range []int{1, 3, 0, 2} {
		require.Same(t, all[i], q.head())
		require.True(t, q.remove(all[i]))
		require.False(t, q.remove(all[i]))
	}
}
