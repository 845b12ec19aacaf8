package tcredis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The rate is that of the whole curve at any time, whether it was read meanwhile or not:
// 80 of 10 are missing to the target, and seven eighths of those come in half of the time.
func TestFallback_recoversInAsLongAsTheCongestionLasted(t *testing.T) {
	for lasted, span := range map[time.Duration]time.Duration{
		0: time.Second, 500 * time.Millisecond: time.Second, 6 * time.Second: 6 * time.Second,
		24 * time.Second: 24 * time.Second, time.Hour: 24 * time.Second,
	} {
		for _, steps := range []time.Duration{1, 2, 50} {
			f := &fallback{
				share: 100, rate: 10, target: 90, gap: 80, now: noon, throttledAt: noon.Add(-time.Second),
				cutAt: noon.Add(-time.Second), congestedSince: noon.Add(-lasted), acceptedSince: noon,
			}
			at := func(end time.Duration, limit int) float64 {
				for i := range steps {
					f.advance(noon.Add(end*(i+1)/steps), limit)
				}
				return f.rate
			}
			require.InDelta(t, 80, at(span/2, 1000), 0.3, "%v, half", lasted)
			require.InDelta(t, 90, at(span, 1000), 0.5, "%v, the target", lasted)
			require.InDelta(t, 95, at(2*span, 95), 1e-9, "%v, the limit", lasted)
			require.InDelta(t, 105, at(3*span, 1000), 5, "%v, the share, which grows slowly", lasted)
		}
	}
}

// A cut is made from a rate that may recover to the target again: the share, if it is known;
// else twice what is left. Each further second of cuts lowers the target to three quarters.
func TestFallback_recoversToItsTarget(t *testing.T) {
	f := newFallback(20)
	f.throttle(noon, throttling{80, 20}, 20)
	require.Equal(t, []float64{5, 20, 15}, []float64{f.rate, f.target, f.gap})
	f.throttle(noon.Add(time.Second-1), throttling{80, 20}, 20)
	require.Equal(t, 20.0, f.target, "it is one second still")
	f.throttle(noon.Add(time.Second), throttling{}, 20)
	require.InDeltaSlice(t, []float64{3.2, 15, 11.8}, []float64{f.rate, f.target, f.gap}, 0.01)
	f.accept(noon.Add(time.Second))
	f.advance(noon.Add(1900*time.Millisecond), 20)
	f.throttle(noon.Add(2*time.Second-1), throttling{}, 20)
	require.InDelta(t, 0.9*4, f.rate, 0.01, "what was recovered is cut from the same rate")
	f.throttle(noon.Add(20*time.Second), throttling{}, 20)
	require.InDelta(t, 15*0.75, f.target, 0.01)
	f.accept(noon.Add(20 * time.Second))
	f.advance(noon.Add(60*time.Second), 20)
	rate := f.rate
	require.Greater(t, rate, 12.0)
	f.throttle(noon.Add(60*time.Second), throttling{}, 20)
	require.Equal(t, rate, f.target, "there is more than the target")

	f = new(fallback)
	f.begin(noon, 20, false, new(startLog))
	f.throttle(noon, throttling{80, 20}, 20)
	require.Equal(t, []float64{5, 10, 5}, []float64{f.rate, f.target, f.gap}, "the share was a guess")

	f = newFallback(1)
	f.throttle(noon, throttling{}, 20)
	require.Equal(t, []float64{1, 2, 1}, []float64{f.rate, f.target, f.gap}, "the floor is the share")
}

func TestFallback_cutsByWhatTheResponseSays(t *testing.T) {
	for _, row := range []struct {
		r    throttling
		rate float64
	}{
		{throttling{}, 18}, {throttling{25, 20}, 16}, {throttling{2, 1}, 10}, {throttling{4000, 20}, 1},
	} {
		f := newFallback(20)
		f.throttle(noon, row.r, 20)
		require.InDelta(t, row.rate, f.rate, 1e-9, row.r)
	}
}

// Responses less than burstGap apart are one burst, whose attempts were sent together.
func TestFallback_countsTheResponsesOfABurstAsOne(t *testing.T) {
	f, now := newFallback(20), noon
	for _, row := range []struct {
		after time.Duration
		inRow int
		rate  float64
	}{
		{0, 1, 18}, {burstGap - 1, 1, 18}, {burstGap - 1, 1, 18}, {burstGap, 2, 14.4}, {burstGap - 1, 2, 11.52},
	} {
		now = now.Add(row.after)
		f.throttle(now, throttling{}, 20)
		require.Equal(t, row.inRow, f.throttledInRow)
		require.InDelta(t, row.rate, f.rate, 0.01)
	}
	f.accept(now)
	require.Zero(t, f.throttledInRow)
	f.throttle(now, throttling{}, 20)
	require.Equal(t, 1, f.throttledInRow, "one was accepted meanwhile")
	f.throttle(now.Add(burstGap), throttling{}, 20)
	require.Equal(t, 2, f.throttledInRow)
}

// Congestion is over after eight seconds without a throttling response, and after half of the
// time for which it had lasted.
func TestFallback_knowsWhenCongestionIsOver(t *testing.T) {
	for _, row := range []struct {
		lasted, quiet time.Duration
		over          bool
	}{
		{0, 8 * time.Second, true},
		{0, 8*time.Second - 1, false},
		{15 * time.Second, 8 * time.Second, true},
		{20 * time.Second, 10*time.Second - 1, false},
		{20 * time.Second, 10 * time.Second, true},
	} {
		f := newFallback(20)
		last := noon
		for d := time.Duration(0); d <= row.lasted; d += 5 * time.Second {
			last = noon.Add(d)
			f.throttle(last, throttling{}, 20)
		}
		require.Equal(t, noon, f.congestedSince)
		f.throttle(last.Add(row.quiet), throttling{}, 20)
		require.Equal(t, row.over, f.congestedSince.Equal(last.Add(row.quiet)), row)
	}
}

// Only the first attempt that is accepted after a throttling response begins the recovery.
func TestFallback_recoversFromTheFirstAcceptedAttemptOn(t *testing.T) {
	f := newFallback(20)
	f.accept(noon)
	require.Zero(t, f.acceptedSince, "there was nothing to recover from")
	f.throttle(noon, throttling{}, 20)
	for _, seconds := range []time.Duration{3, 4, 1} {
		f.accept(noon.Add(seconds * time.Second))
		require.Equal(t, noon.Add(3*time.Second), f.acceptedSince)
	}
	f.throttle(noon.Add(5*time.Second), throttling{}, 20)
	require.Zero(t, f.acceptedSince)
	f.accept(noon)
	require.Equal(t, noon.Add(5*time.Second), f.acceptedSince, "its time does not go back")
}

// A response that cut the rate is followed by a rest of half a second at most, and the
// intervals after it are longer or shorter by a quarter at most.
func TestFallback_keepsProcessesApartThatWereThrottledTogether(t *testing.T) {
	var rests, intervals []time.Duration
	for range 10_000 {
		f := newFallback(20)
		f.throttle(noon, throttling{40, 20}, 20)
		rests = append(rests, f.next.Sub(noon))
		first := f.reserve(noon, 20)
		intervals = append(intervals, f.reserve(noon, 20).Sub(first))
	}
	requireFills(t, rests, 0, 500*time.Millisecond)
	requireFills(t, intervals, window*3/40, window*5/40)
}

// requireFills checks that times are in a range, and near to both of its ends.
func requireFills(t *testing.T, times []time.Duration, from, to time.Duration) {
	t.Helper()
	least, most := times[0], times[0]
	for _, d := range times {
		least, most = min(least, d), max(most, d)
	}
	require.GreaterOrEqual(t, least, from)
	require.LessOrEqual(t, most, to)
	require.Less(t, least, from+(to-from)/100)
	require.Greater(t, most, to-(to-from)/100)
}

func TestFallback_hasALeastShareAndGrowsToTheLimitAlone(t *testing.T) {
	require.Equal(t, 0.05, newFallback(0.001).rate)
	grown := func(share float64, limit int, after time.Duration) float64 {
		f := newFallback(share)
		f.advance(noon.Add(after), limit)
		return f.rate
	}
	require.InDelta(t, 2*1.01, grown(2, 20, 30*time.Second), 0.01)
	require.Less(t, grown(2, 20, 148*time.Second), 20.0)
	require.Equal(t, 20.0, grown(2, 20, 152*time.Second))
	require.Equal(t, 1.0, grown(0.5, 1, time.Hour))
	require.Equal(t, 1.0, grown(0.5, 0, time.Hour), "one per second is made whatever the limit")
}
