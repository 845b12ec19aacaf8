package main

import (
	"fmt"
	"time"
)

// second counts the requests of one second.
type second struct{ accepted, rejected int }

// seconds counts the requests by the second in which the API received them.
func (s *side) seconds() []second {
	var seconds []second
	for _, c := range s.api.Recorded() {
		for int(c.Time.Sub(s.zero)/time.Second) >= len(seconds) {
			seconds = append(seconds, second{})
		}
		if last := &seconds[len(seconds)-1]; c.Reply == "RateLimit" {
			last.rejected++
		} else {
			last.accepted++
		}
	}
	return seconds
}

// totals returns the totals of the side as one line.
func (s *side) totals() string {
	failed, requests, rejected := 0, 0, 0
	for _, c := range s.calls {
		if c.failed {
			failed++
		}
	}
	for _, sec := range s.seconds() {
		requests, rejected = requests+sec.accepted+sec.rejected, rejected+sec.rejected
	}
	return fmt.Sprintf("%d calls succeed, %d fail · %d requests, %d of them throttled · %.1f s",
		burst-failed, failed, requests, rejected, (s.end() - start).Seconds())
}
