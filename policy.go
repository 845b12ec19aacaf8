package tcretry

import (
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Policy bounds one call. The zero Policy consists of defaults.
type Policy struct {
	// MaxAttempts is how many attempts a call makes at the most; 0 means 4, and
	// 1 turns retries off.
	MaxAttempts int
	// MaxElapsed is the time from the start of a call after which no attempt is
	// started; 0 means 2 minutes.
	MaxElapsed time.Duration
	// MaxDelay is the longest delay before one retry; 0 means 30 seconds.
	// Delays of ours are cut to it; a server that asks for more ends the call.
	MaxDelay time.Duration
	// Codes holds rules by code or family, over the built-in table; the most
	// specific one wins, field by field.
	Codes map[string]Rule
}

// Rule says what to do about one code or family. Zero fields say what the less
// specific rule says.
type Rule struct {
	// Class is what the code means.
	Class Class
	// MaxAttempts is how many attempts may end with this code in one call, the
	// last one included.
	MaxAttempts int
	// Backoff makes the delays.
	Backoff Backoff
	// IdempotentOnly repeats the code only if that is harmless.
	IdempotentOnly bool
}

// Backoff is a sequence of delays as data. Each delay is drawn uniformly from
// interval·(1-Jitter) to interval·(1+Jitter); the interval starts at Initial and
// is multiplied by Multiplier after each delay, up to Max. Zero fields mean what
// the less specific rule says.
type Backoff struct {
	// Initial is the first interval.
	Initial time.Duration
	// Max is the longest interval.
	Max time.Duration
	// Multiplier is the growth of the interval, at least 1.
	Multiplier float64
	// Jitter is the random part of a delay, above 0 and at most 1; NoJitter
	// means none.
	Jitter float64
	// New makes the sequence of one call, in place of the fields above. A
	// backoff.BackOff belongs to one call, so New must return a fresh one; its
	// backoff.Stop ends the call.
	New func() backoff.BackOff
}

// NoJitter as a Backoff's Jitter means delays without a random part.
const NoJitter = -1
