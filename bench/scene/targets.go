package scene

import (
	"time"

	"github.com/tcretry/tcretry/tctest"
)

// A QuotaTarget is a scene and what tcretry with its defaults must reach in it,
// whatever the seed.
type QuotaTarget struct {
	Quota
	// SlowStart says that the pacer starts slowly, which is not the default.
	SlowStart bool
	// Makespan is the most of Queued.Slowness, Waste that of Queued.Waste.
	Makespan, Waste float64
	// Fair is the least of Queued.Fairness.
	Fair float64
}

// Callers of one process are served in turn. Those of several know nothing of each
// other but rejections, some forty for each of ten processes in a scene: chance
// alone leaves 0.99 in the mean of seeds, and less of some.
const (
	fair    = 0.99
	fairish = 0.97
)

// falls is a quota that falls from 20 to 5 for half a minute.
func falls(second int) int {
	if second >= 30 && second < 60 {
		return 5
	}
	return 20
}

// QuotaTargets are the scenes of a quota of 20 a second, with 2,000 calls if their
// names do not say otherwise.
func QuotaTargets() []QuotaTarget {
	blind := []tctest.ThrottleOption{tctest.WithoutCounts()}
	chinese := []tctest.ThrottleOption{tctest.Chinese()}
	const sliding, bucket = tctest.SlidingWindow, tctest.TokenBucket
	return []QuotaTarget{
		{Quota{Name: "fixed window, 50 callers", Callers: 50}, false, 1.02, 0.03, fair},
		{Quota{Name: "fixed window, 50 callers", Callers: 50}, true, 1.02, 0.02, fair},
		{Quota{Name: "fixed window, 500 callers", Callers: 500}, false, 1.02, 0.26, fair},
		{Quota{Name: "fixed window, 500 callers", Callers: 500}, true, 1.02, 0.02, fair},
		{Quota{Name: "fixed window, far away", Callers: 50, Far: true}, false, 1.02, 0.04, fair},
		{Quota{Name: "fixed window, Chinese", Callers: 50, Options: chinese}, false, 1.02, 0.03, fair},
		{Quota{Name: "sliding window", Callers: 50, Kind: sliding}, false, 1.03, 0.04, fair},
		{Quota{Name: "token bucket", Callers: 50, Kind: bucket}, false, 1.02, 0.03, fair},
		{Quota{Name: "20, then 5 for 30 s, then 20", Callers: 50, Limit: falls}, false, 1.10, 0.03, fair},
		{Quota{Name: "100 calls in all, 50 callers", Callers: 50, Calls: 100}, false, 1.10, 0.35, 0.9}, // two calls a caller
		{Quota{Name: "two processes, 50 callers", Callers: 50, Processes: 2}, false, 1.10, 0.08, 0.95},
		{Quota{Name: "five processes, 50 callers", Callers: 50, Processes: 5}, false, 1.08, 0.13, 0.95},
		{Quota{Name: "ten processes, 50 callers", Callers: 50, Processes: 10}, false, 1.08, 0.25, fairish},
		{Quota{Name: "ten processes, 100 callers", Callers: 100, Processes: 10}, false, 1.08, 0.25, fairish},
		{Quota{Name: "somebody takes 5 a second and never waits", Callers: 50, Others: 5}, false, 1.25, 0.10, fair},
		{Quota{Name: "fixed window, no numbers", Callers: 50, Options: blind}, false, 1.12, 0.04, fair},
		{Quota{Name: "sliding window, no numbers", Callers: 50, Kind: sliding, Options: blind}, false, 1.20, 0.05, fair},
		{Quota{Name: "token bucket, no numbers", Callers: 50, Kind: bucket, Options: blind}, false, 1.10, 0.07, fair},
		{Quota{Name: "ten processes, no numbers", Callers: 50, Processes: 10, Options: blind}, false, 1.08, 0.25, 0.95},
	}
}

// Below is a scene whose callers stay below the quota whatever happens.
func Below() Quota {
	return Quota{Name: "below the quota", Callers: 9, Kind: tctest.SlidingWindow, Think: 480 * time.Millisecond}
}
