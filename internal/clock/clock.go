// Package clock reads the monotonic clock alone, which costs half of time.Now: a call that
// succeeds needs no more. It imports the standard library only.
package clock

import "time"

// epoch is what the clock counts from: long ago, so that zero is in the past, in virtual
// time too, which begins in 2000.
var epoch = time.Now().Add(-100 * 365 * 24 * time.Hour)

// Now is the present time.
func Now() time.Duration { return time.Since(epoch) }

// Of is t as a time of the clock.
func Of(t time.Time) time.Duration { return t.Sub(epoch) }

// Time is d, a time of the clock, as the wall clock shows it now: if that has been set
// meanwhile, the result is not what time.Now was at d.
func Time(d time.Duration) time.Time {
	now := time.Now()
	return now.Add(d - Of(now))
}
