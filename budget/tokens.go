package budget

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/tcretry/tcretry/internal/recent"
)

// The defaults of a Tokens. Each was chosen from runs of the program in bench/:
// go run ./bench -neighbours prints the results of the neighbouring values.
const (
	// A burst of failures that a healthy service may have, half a second at 100 calls per
	// second, is retried completely; more retries only add to an outage.
	defaultCapacity = 50
	// Half a token per success is enough for every retry while a third of all attempts
	// fail, and limits the retries that fail to half of the attempts that succeed.
	defaultPerSuccess = 0.5
	// Twelve failures in a row are no chance while less than half of the attempts fail
	// (once in 4,096), and cost twelve retries to detect.
	defaultOpenAfter = 12
	// Five seconds are enough for a restart or a failover, and about what a person waits.
	defaultMaxDefer = 5 * time.Second
	// One attempt per second detects a service that has recovered, and is no load.
	defaultProbeInterval = time.Second
)

// Tokens is a [Budget] in memory: a bucket of tokens and a circuit for each action of a
// host, see the package comment. The zero Tokens is ready to use, full, and consists of the
// defaults of its fields. It is safe for use from many goroutines; its fields must not be
// changed after its first use, and it must not be copied.
//
// A Tokens runs no goroutine. It stores the last one to two thousand hosts that were used,
// and up to 128 actions with failures for each host; a host or an action that it has
// removed has a full bucket again.
type Tokens struct {
	// Capacity is the number of tokens of an action, all available at the start; 0 means
	// 50. All actions of a host together have twice as many.
	Capacity int
	// PerSuccess is the part of a token that an attempt that succeeds refills, above 0 and
	// at most 1; 0 means 0.5.
	PerSuccess float64
	// OpenAfter is how many attempts in a row must fail for a circuit to open;
	// 0 means 12.
	OpenAfter int
	// MaxDefer is the longest time for which a retry is deferred, from the start of its
	// call; 0 means 5 seconds. It is also the time for which few retries are in flight
	// after a circuit has closed.
	MaxDefer time.Duration
	// ProbeInterval is the time without an attempt after which a deferred retry is
	// released as a probe, while a circuit is open; 0 means a second.
	ProbeInterval time.Duration

	hosts recent.Map[string, *hostBudget]
}

// Validate returns an error for every invalid field, joined, or nil. An invalid field counts
// as zero.
func (b *Tokens) Validate() error {
	var errs []error
	invalid := func(field string, value any, why string) {
		errs = append(errs, fmt.Errorf("tcretry: budget.Tokens.%s is %v: must %s", field, value, why))
	}
	if b.Capacity < 0 {
		invalid("Capacity", b.Capacity, "not be negative")
	}
	if !validPerSuccess(b.PerSuccess) {
		invalid("PerSuccess", b.PerSuccess, "be from 0 to 1")
	}
	if b.OpenAfter < 0 {
		invalid("OpenAfter", b.OpenAfter, "not be negative")
	}
	if b.MaxDefer < 0 {
		invalid("MaxDefer", b.MaxDefer, "not be negative")
	}
	if b.ProbeInterval < 0 {
		invalid("ProbeInterval", b.ProbeInterval, "not be negative")
	}
	return errors.Join(errs...)
}

// validPerSuccess is false for NaN too.
func validPerSuccess(n float64) bool { return n >= 0 && n <= 1 }

// settings returns the fields with their defaults.
func (b *Tokens) settings() settings {
	perSuccess := b.PerSuccess
	if !validPerSuccess(perSuccess) || perSuccess == 0 {
		perSuccess = defaultPerSuccess
	}
	return settings{
		capacity:      float64(positive(b.Capacity, defaultCapacity)),
		perSuccess:    perSuccess,
		openAfter:     positive(b.OpenAfter, defaultOpenAfter),
		maxDefer:      positive(b.MaxDefer, defaultMaxDefer),
		probeInterval: min(positive(b.ProbeInterval, defaultProbeInterval), math.MaxInt64/busyProbeIntervals),
	}
}

// positive returns n, or otherwise if n is not above zero.
func positive[N int | time.Duration](n, otherwise N) N {
	if n > 0 {
		return n
	}
	return otherwise
}
