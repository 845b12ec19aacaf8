// Package clock reads the monotonic clock alone, which costs half of time.Now: a call that
// succeeds needs no more. It imports the standard library only.
package clock

import "time"

// start is a time with a monotonic reading, and century is what the clock shows then: zero is
// in the past, in virtual time too, which begins in 2000. A time.Time a century before start
// would have no monotonic reading on a machine that starts in 1970. The clock would then
// change with the wall clock, which such a machine sets later.
var start = time.Now()

const century = 100 * 365 * 24 * time.Hour

// Now is the present time.
func Now() time.Duration { return time.Since(start) + century }

// Of is t as a time of the clock.
func Of(t time.Time) time.Duration { return t.Sub(start) + century }

// Time is d, a time of the clock, as the wall clock shows it now: if that has been set
// meanwhile, the result is not what time.Now was at d.
func Time(d time.Duration) time.Time {
	now := time.Now()
	return now.Add(d - Of(now))
}
