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
	// Fair says that Queued.Fairness must be 0.99 at least. Callers of different
	// processes know nothing of each other, so it is not promised there.
	Fair bool
}

// falls is a quota that falls from 20 to 5 for half a minute.
func falls(second int) int {
	if second >= 30 && second < 60 {
		return 5
	}
	return 20
}

// QuotaTargets are the scenes of a quota of 20 a second and 2,000 calls.
func QuotaTargets() []QuotaTarget {
	blind := []tctest.ThrottleOption{tctest.WithoutNumbers()}
	chinese := []tctest.ThrottleOption{tctest.Chinese()}
	const sliding, bucket = tctest.SlidingWindow, tctest.TokenBucket
	return []QuotaTarget{
		{Quota{Name: "fixed window, 50 callers", Callers: 50}, false, 1.02, 0.03, true},
		{Quota{Name: "fixed window, 50 callers", Callers: 50}, true, 1.02, 0.02, true},
		{Quota{Name: "fixed window, 500 callers", Callers: 500}, false, 1.02, 0.26, true},
		{Quota{Name: "fixed window, 500 callers", Callers: 500}, true, 1.02, 0.02, true},
		{Quota{Name: "fixed window, far away", Callers: 50, Far: true}, false, 1.02, 0.04, true},
		{Quota{Name: "fixed window, Chinese", Callers: 50, Options: chinese}, false, 1.02, 0.03, true},
		{Quota{Name: "sliding window", Callers: 50, Kind: sliding}, false, 1.03, 0.04, true},
		{Quota{Name: "token bucket", Callers: 50, Kind: bucket}, false, 1.02, 0.03, true},
		{Quota{Name: "20, then 5 for 30 s, then 20", Callers: 50, Limit: falls}, false, 1.10, 0.03, true},
		{Quota{Name: "ten processes, 50 callers", Callers: 50, Processes: 10}, false, 1.08, 0.25, false},
		{Quota{Name: "ten processes, 100 callers", Callers: 100, Processes: 10}, false, 1.08, 0.25, false},
		{Quota{Name: "somebody takes 5 a second and never waits", Callers: 50, Others: 5}, false, 1.25, 0.10, true},
		{Quota{Name: "fixed window, no numbers", Callers: 50, Options: blind}, false, 1.12, 0.04, true},
		{Quota{Name: "sliding window, no numbers", Callers: 50, Kind: sliding, Options: blind}, false, 1.20, 0.05, true},
		{Quota{Name: "token bucket, no numbers", Callers: 50, Kind: bucket, Options: blind}, false, 1.10, 0.07, true},
		{Quota{Name: "ten processes, no numbers", Callers: 50, Processes: 10, Options: blind}, false, 1.08, 0.25, false},
	}
}

// Below is a scene whose callers stay below the quota whatever happens.
func Below() Quota {
	return Quota{Name: "below the quota", Callers: 9, Kind: tctest.SlidingWindow, Think: 480 * time.Millisecond}
}
