package scene

import (
	"time"

	"github.com/tcretry/tcretry/tctest"
)

// A RateLimitTarget is a scene and what tcretry with its defaults must reach in it,
// whatever the seed.
type RateLimitTarget struct {
	RateLimit
	// SlowStart is set if the rate limiter starts slowly, which is not the default.
	SlowStart bool
	// Completion is the maximum of RateLimitResult.Slowness, Throttled that of
	// ThrottledPerCall.
	Completion, Throttled float64
	// Fair is the minimum of RateLimitResult.Fairness.
	Fair float64
}

// Callers of one process are served in the order of a queue. Several processes learn of
// each other by throttling responses alone, some forty for each of ten processes in a
// scene: by chance alone the mean over the seeds is 0.99, and some seeds have less.
const (
	fair       = 0.99
	fairAcross = 0.97
)

// falls is a limit that falls from 20 to 5 for half a minute.
func falls(second int) int {
	if second >= 30 && second < 60 {
		return 5
	}
	return 20
}

// RateLimitTargets are the scenes with a limit of 20 per second, and 2,000 calls unless
// their names give another number.
func RateLimitTargets() []RateLimitTarget {
	blind := []tctest.ThrottleOption{tctest.WithoutCounts()}
	chinese := []tctest.ThrottleOption{tctest.Chinese()}
	const sliding, bucket = tctest.SlidingWindow, tctest.TokenBucket
	return []RateLimitTarget{
		{RateLimit{Name: "fixed window, 50 callers", Callers: 50}, false, 1.02, 0.03, fair},
		{RateLimit{Name: "fixed window, 50 callers", Callers: 50}, true, 1.02, 0.02, fair},
		{RateLimit{Name: "fixed window, 500 callers", Callers: 500}, false, 1.02, 0.26, fair},
		{RateLimit{Name: "fixed window, 500 callers", Callers: 500}, true, 1.02, 0.02, fair},
		{RateLimit{Name: "fixed window, far away", Callers: 50, Far: true}, false, 1.02, 0.04, fair},
		{RateLimit{Name: "fixed window, Chinese", Callers: 50, Options: chinese}, false, 1.02, 0.03, fair},
		{RateLimit{Name: "sliding window", Callers: 50, Kind: sliding}, false, 1.03, 0.04, fair},
		{RateLimit{Name: "token bucket", Callers: 50, Kind: bucket}, false, 1.02, 0.03, fair},
		{RateLimit{Name: "20, then 5 for 30 s, then 20", Callers: 50, Limit: falls}, false, 1.10, 0.03, fair},
		{RateLimit{Name: "100 calls in all, 50 callers", Callers: 50, Calls: 100}, false, 1.10, 0.35, 0.9}, // two calls per caller
		{RateLimit{Name: "two processes, 50 callers", Callers: 50, Processes: 2}, false, 1.10, 0.08, 0.95},
		{RateLimit{Name: "five processes, 50 callers", Callers: 50, Processes: 5}, false, 1.08, 0.13, 0.95},
		{RateLimit{Name: "ten processes, 50 callers", Callers: 50, Processes: 10}, false, 1.08, 0.25, fairAcross},
		{RateLimit{Name: "ten processes, 100 callers", Callers: 100, Processes: 10}, false, 1.08, 0.25, fairAcross},
		{RateLimit{Name: "another program takes 5/s and never waits", Callers: 50, Others: 5}, false, 1.25, 0.10, fair},
		{RateLimit{Name: "fixed window, no numbers", Callers: 50, Options: blind}, false, 1.12, 0.04, fair},
		{RateLimit{Name: "sliding window, no numbers", Callers: 50, Kind: sliding, Options: blind}, false, 1.20, 0.05, fair},
		{RateLimit{Name: "token bucket, no numbers", Callers: 50, Kind: bucket, Options: blind}, false, 1.10, 0.07, fair},
		{RateLimit{Name: "ten processes, no numbers", Callers: 50, Processes: 10, Options: blind}, false, 1.08, 0.25, 0.95},
	}
}

// WithinLimit is a scene whose callers stay within the limit in any case.
func WithinLimit() RateLimit {
	return RateLimit{Name: "within the limit", Callers: 9, Kind: tctest.SlidingWindow, Think: 480 * time.Millisecond}
}
