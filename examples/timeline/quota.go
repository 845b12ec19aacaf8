package main

import (
	"fmt"
	"time"
)

// second is what the quota did in one second.
type second struct{ taken, rejected int }

// seconds counts the requests as the API saw them arrive, second by second.
func (s *side) seconds() []second {
	var seconds []second
	for _, c := range s.api.Recorded() {
		for int(c.Time.Sub(s.zero)/time.Second) >= len(seconds) {
			seconds = append(seconds, second{})
		}
		if last := &seconds[len(seconds)-1]; c.Answer == "Quota" {
			last.rejected++
		} else {
			last.taken++
		}
	}
	return seconds
}

// totals sums the side up in one line.
func (s *side) totals() string {
	failed, requests, rejected := 0, 0, 0
	for _, c := range s.calls {
		if c.failed {
			failed++
		}
	}
	for _, sec := range s.seconds() {
		requests, rejected = requests+sec.taken+sec.rejected, rejected+sec.rejected
	}
	return fmt.Sprintf("%d calls succeed, %d fail · %d requests, %d of them rejected · %.1f s",
		burst-failed, failed, requests, rejected, (s.end() - start).Seconds())
}
