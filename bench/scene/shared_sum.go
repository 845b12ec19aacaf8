package scene

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tcretry/tcretry/tctest"
)

// Crowded reports whether ten or more processes, or more than the limit per second, share
// a sliding window that counts the throttled attempts as well. There no strategy without
// configuration lets all calls succeed: any load above the limit throttles nearly every
// attempt, and the processes cannot coordinate. The API counts in fixed windows.
func (s Shared) Crowded() bool {
	return s.Kind == tctest.SlidingWindow && (s.Processes >= 10 || s.Processes > s.Limit)
}

// Sum is the sum of the results of many scenes.
type Sum struct {
	Scenes, Calls, Failed, FailedScenes int
	// AttemptsPerCall is the mean over all calls.
	AttemptsPerCall float64
	// Outcomes are the results, sorted by slowness.
	Outcomes []SharedResult
}

// Total returns the sum of the results.
func Total(outs []SharedResult) Sum {
	s := Sum{Scenes: len(outs), Outcomes: slices.Clone(outs)}
	slices.SortStableFunc(s.Outcomes, func(a, b SharedResult) int { return cmp.Compare(a.Slowness(), b.Slowness()) })
	attempts := 0
	for _, o := range outs {
		s.Calls += o.Calls
		s.Failed += o.Failed
		if o.Failed > 0 {
			s.FailedScenes++
		}
		attempts += o.Attempts
	}
	s.AttemptsPerCall = float64(attempts) / float64(max(1, s.Calls))
	return s
}

// Slowness is a quantile of the slowness: 0.5 is the median, 1 the worst.
func (s Sum) Slowness(quantile float64) float64 {
	if len(s.Outcomes) == 0 {
		return 0
	}
	return s.Outcomes[int(quantile*float64(len(s.Outcomes)-1))].Slowness()
}

// String returns the figures in a line.
func (s Sum) String() string {
	return fmt.Sprintf("%d scenes, %d calls: %d failed in %d scenes; completion over the optimum %.2f, p95 %.2f, worst %.2f; %.2f attempts per call",
		s.Scenes, s.Calls, s.Failed, s.FailedScenes, s.Slowness(0.5), s.Slowness(0.95), s.Slowness(1), s.AttemptsPerCall)
}
