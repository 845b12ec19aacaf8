package tcredis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

// crowd is a queue of n waiters that start a tenth of a second apart. All have
// time for all before them, but the last one only for half of those.
func crowd(n int) (*waitQueue, func(int) time.Time) {
	q := new(waitQueue)
	start := func(place int) time.Time { return noon.Add(time.Duration(place) * time.Second / 10) }
	for i := range n {
		w := &waiter{notAfter: start(n), result: make(chan error, 1)}
		if i == n-1 {
			w.notAfter = start(n / 2)
		}
		q.add(w)
	}
	return q, start
}

func TestWaitQueue_checksDeadlinesOfManyWaitersAtLittleCost(t *testing.T) {
	const n = 1000
	q, start := crowd(n)
	q.head().notAfter, q.earliestDeadline = start(1), start(1)
	checks := 0
	counted := func(place int) time.Time {
		checks++
		return start(place)
	}
	for range n {
		q.rejectLate(noon, counted, ratelimit.ErrTooLate)
	}
	require.LessOrEqual(t, checks, 3*n)
}

func TestWaitQueue_makesAPostponedCheck(t *testing.T) {
	const n = 1000
	q, start := crowd(n)
	last := q.regular.Back().Value.(*waiter)
	q.checkedAt = noon
	q.rejectLate(noon, start, ratelimit.ErrTooLate)
	require.Empty(t, last.result)
	soon := q.nextCheck()
	require.Equal(t, n*checkCost, soon.Sub(noon))
	q.rejectLate(soon, start, ratelimit.ErrTooLate)
	require.Equal(t, ratelimit.ErrTooLate, <-last.result)
	require.Equal(t, n-1, q.len())
	require.Equal(t, start(n), q.nextCheck(), "no other is late")
}

func TestWaitQueue_putsThrottledCallsFirstInTheOrderOfArrival(t *testing.T) {
	var q waitQueue
	var all []*waiter
	for i, afterThrottle := range []bool{false, true, false, true} {
		all = append(all, &waiter{afterThrottle: afterThrottle, result: make(chan error, 1)})
		require.Equal(t, []int{0, 0, 2, 1}[i], q.add(all[i]))
	}
	for _, i := range []int{1, 3, 0, 2} {
		require.Same(t, all[i], q.head())
		require.True(t, q.remove(all[i]))
		require.False(t, q.remove(all[i]))
	}
}
