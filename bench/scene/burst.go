package scene

import "time"

// BurstOfOthers is a scene of 50 calls, 5 ms apart, that start right after another program
// has sent so many requests within a second, to a limit of 10 per second.
func BurstOfOthers(others int, seed uint64) Shared {
	s := Shared{Seed: seed, Limit: 10, OneWay: 10 * time.Millisecond, Processes: 1, Calls: 50, Load: "5 ms apart", Neighbor: "a burst"}
	for i := range others {
		s.Others = append(s.Others, time.Duration(i)*time.Second/time.Duration(others)-time.Second)
	}
	for i := range s.Calls {
		s.Starts = append(s.Starts, time.Duration(i)*5*time.Millisecond)
	}
	return s
}

// Succeeded returns when the calls succeeded, in order: a one-way time after the attempt
// was accepted.
func (o SharedResult) Succeeded() (at []time.Duration) {
	for _, a := range o.Arrivals {
		if !a.Other && !a.Failed {
			at = append(at, a.At+o.OneWay)
		}
	}
	return at
}
