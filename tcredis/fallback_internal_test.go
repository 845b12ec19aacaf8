package tcredis

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

// noon is when the fallback of a test begins.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func newFallback(share float64, started ...time.Duration) *fallback {
	var s startLog
	for _, d := range started {
		s.add(noon.Add(d))
	}
	c := new(fallback)
	c.begin(noon, share, true, &s)
	return c
}

// reserveN returns when the next n attempts may start, after noon.
func (f *fallback) reserveN(n int) []time.Duration {
	var due []time.Duration
	for range n {
		due = append(due, f.reserve(noon, 20).Sub(noon).Round(time.Millisecond))
	}
	return due
}

func TestFallback_reservesAtTheShareOfItsProcess(t *testing.T) {
	require.Equal(t, []time.Duration{0, window / 2, window}, newFallback(2).reserveN(3))
}

func TestFallback_beginsAfterTheReservationsInRedis(t *testing.T) {
	c := newFallback(2, -200*time.Millisecond, -100*time.Millisecond)
	require.Equal(t, []time.Duration{window - 200*time.Millisecond, 3*window/2 - 200*time.Millisecond}, c.reserveN(2))
	c = newFallback(2, -100*time.Millisecond)
	require.Zero(t, c.reserveN(1)[0], "one of two was used")
}

func TestFallback_thatBeginsAgainKeepsItsPlace(t *testing.T) {
	c := newFallback(1)
	c.reserveN(2)
	c.begin(noon, 1, true, new(startLog))
	require.Equal(t, []time.Duration{2 * window}, c.reserveN(1))
}

func TestFallback_cutsTheRateOncePerSecond(t *testing.T) {
	c := newFallback(20)
	for _, count := range []int{21, 100, 200, 150} {
		c.throttle(noon, throttling{count, 20}, 20)
	}
	require.Equal(t, 2.0, c.rate)
	c.throttle(noon.Add(time.Second), throttling{}, 20)
	c.throttle(noon.Add(time.Second), throttling{}, 20)
	require.InDelta(t, 1.28, c.rate, 0.01, "nothing was accepted meanwhile")
	for i := range 1000 {
		c.throttle(noon.Add(time.Duration(i)*time.Second), throttling{1000, 1}, 20)
	}
	require.InDelta(t, 1/(floorRatio*1000), c.rate, 0.001)
}

func TestFallback_recoversWithinSecondsOfItsFirstAcceptedAttempt(t *testing.T) {
	c := newFallback(20)
	c.throttle(noon, throttling{400, 20}, 20)
	require.Equal(t, 1.0, c.rate, "it tries once a second at least")
	c.reserve(noon.Add(3*time.Second), 20)
	require.InDelta(t, 1.0, c.rate, 0.01, "silence is no evidence")
	c.accept(noon.Add(3 * time.Second))
	c.reserve(noon.Add(6*time.Second), 20)
	require.InDelta(t, 20, c.rate, 0.01)
}

func TestFallback_countsNoTimeTwice(t *testing.T) {
	run := func(times ...time.Duration) fallback {
		c := newFallback(20)
		c.throttle(noon, throttling{40, 20}, 20)
		c.accept(noon)
		for _, d := range times {
			c.advance(noon.Add(d), 20)
		}
		return *c
	}
	var late []time.Duration
	for range 1000 {
		late = append(late, 500*time.Millisecond, 499*time.Millisecond)
	}
	once, c := run(500*time.Millisecond), run(late...)
	require.Equal(t, once.rate, c.rate)
	require.Equal(t, once.now, c.now)
	c = run(time.Second)
	require.Equal(t, noon.Add(time.Second), c.reserve(noon, 20), "its time does not go back")
	c.throttle(noon, throttling{40, 20}, 20)
	require.Equal(t, noon.Add(time.Second), c.throttledAt)
	var s startLog
	s.add(noon.Add(time.Second))
	s.add(noon)
	last, _ := s.back(1)
	require.Equal(t, noon.Add(time.Second), last)
}

func TestFallback_growsToTheWholeLimitInTime(t *testing.T) {
	rate := func(after time.Duration) float64 {
		c := newFallback(2)
		for d := time.Duration(0); d <= after; d += time.Second {
			c.reserve(noon.Add(d), 20)
		}
		return c.rate
	}
	require.InDelta(t, 2.01, rate(30*time.Second), 0.01, "the others are there still")
	require.InDelta(t, 2.05, rate(time.Minute), 0.05)
	require.Equal(t, 20.0, rate(3*time.Minute))
	require.Equal(t, 20.0, rate(1000*time.Hour/100))
}

func TestTheShareOfAProcessIsAnEqualOneOrClearlyMore(t *testing.T) {
	l := &keyLimiter{limit: 20, processes: 10}
	require.Equal(t, 2.0, l.share(noon), "a process that used none may need it")
	use := func(n int) {
		for i := range n {
			l.started.add(noon.Add(-time.Duration(n-i) * history / time.Duration(n)))
		}
	}
	use(4 * 2)
	require.Equal(t, 2.0, l.share(noon))
	use(4 * 5)
	require.InDelta(t, 7, l.share(noon), 0.5)
	use(4 * 50)
	require.Equal(t, 20.0, l.share(noon))
	require.Zero(t, l.started.rate(noon.Add(time.Minute)))
	l.processes = 0
	require.Equal(t, 20.0, l.share(noon.Add(time.Minute)), "no others were counted")
}

func TestTheStateOfTheFallbackIsThatOfNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newKeyLimiter(&Limiter{configured: func(ratelimit.Key) int { return 20 }}, ratelimit.Key{})
		l.onFallback = true
		l.fallback.begin(time.Now(), 10, true, &l.started)
		l.fallback.throttle(time.Now(), throttling{40, 20}, 20)
		l.fallback.accept(time.Now())
		require.Equal(t, 5.0, l.State().Rate)
		time.Sleep(time.Minute)
		require.GreaterOrEqual(t, l.State().Rate, 10.0, "it has recovered, though nothing was reserved since")
	})
}
