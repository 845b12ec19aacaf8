package tcretry

import (
	"fmt"
	"slices"
)

// RateLimiting says whether the rate limiter of a Transport handles the throttling
// responses of a code: it learns the limit from them, sets the time of their
// retries, and such attempts do not count against MaxAttempts. It is about
// [Throttled] codes; other classes are not rate limited. In JSON it is true or false,
// and a field that is left out for RateLimitByClass.
type RateLimiting uint8

const (
	// RateLimitByClass: as the less specific rule says, in the end the class. Rate
	// limited are all throttled codes but those that last a minute or more.
	RateLimitByClass RateLimiting = iota
	// RateLimited: also if the code lasts a minute or more.
	RateLimited
	// NotRateLimited: retried with backoff, counted against MaxAttempts, and not
	// reported to the rate limiter. For a limit that is not one per second, such
	// as one that a single resource has.
	NotRateLimited
)

var rateLimitingNames = [...]string{"by class", "true", "false"}

// String returns the value as it stands in JSON, or "by class".
func (r RateLimiting) String() string {
	if int(r) < len(rateLimitingNames) {
		return rateLimitingNames[r]
	}
	return fmt.Sprintf("rate limiting(%d)", uint8(r))
}

// isPacedCode reports whether a code is one by which the API's own layer refuses a
// request for its rate.
func isPacedCode(code string) bool { return slices.Contains(pacedCodes, code) }

// rateLimits reports whether an API error with a code, for which r is what to do, is
// a throttle to the rate limiter. Those of the API's own layer are whatever their
// class: a call that is not retried has met the limit as well.
func (r *resolved) rateLimits(code string) bool {
	switch {
	case r == nil || r.rateLimit == RateLimitByClass:
		return isPacedCode(code) || r != nil && r.class == Throttled && r.leastDelay < productDelay
	case r.rateLimit == NotRateLimited:
		return false
	}
	return isPacedCode(code) || r.class == Throttled
}
