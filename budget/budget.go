package budget

import (
	"context"
	"errors"
	"time"
)

// ErrExhausted is the error of [Budget.Acquire] when the retry may not be made.
var ErrExhausted = errors.New("tcretry: retry budget exhausted")

// A Budget limits the retries of many calls together. Only retries after Transient and
// Ambiguous outcomes consume it: other responses prove that the service is up. It must be
// safe for use from many goroutines.
//
// An implementation keeps hosts apart, permits the first retry to a host without a record
// immediately, permits few retries while every attempt fails, and permits them again once
// attempts succeed. The failures of one action must not take the retries of another, and a
// host that is called rarely must not run out of them. The conformance suite
// conformance.TestBudget checks this.
//
// If a Budget has a method Validate() error, tcretry.WithBudget calls it. If it has a method
// States() []HostState, tcretry.Transport.Budgets returns the result.
type Budget interface {
	// Acquire requests one retry. It returns nil if the retry may be made, ErrExhausted
	// if it may not, and the cause of the context when ctx ends. It may defer the retry,
	// but never past r.Latest and never longer than its own limit. The time for which it
	// defers a retry counts towards the backoff of the retry: the caller waits only for
	// the rest.
	Acquire(ctx context.Context, r Request) error
	// Record reports the end of an attempt, first attempts included. Each retry that
	// Acquire permitted is reported exactly once, also if it was not made. A first
	// attempt that the caller canceled is not reported.
	Record(r Report)
}

// Request is one retry that needs the permission of a [Budget]. More fields may be added.
type Request struct {
	// Host is the access host of the call.
	Host string
	// Action is the API action of the call; "" if the request has none. Callers choose
	// it, so a Budget must bound what it stores by it. It is a part of the request: a
	// Budget that stores it clones it.
	Action string
	// Retry is the number of the retry in its call, from 1; zero counts as 1.
	Retry int
	// Start is when the call started; zero means now.
	Start time.Time
	// Latest is the latest time at which the retry may start; zero means any time.
	Latest time.Time

	// Cancel ends the wait when it is closed, as http.Request.Cancel does: Acquire then
	// returns context.Canceled. It may be nil. A Transport sets it for [Tokens] only; for
	// other budgets it ends ctx, by a goroutine that ends with Acquire.
	Cancel <-chan struct{}
}

// Result is the end of an attempt, as far as it concerns a [Budget].
type Result uint8

const (
	// Success: a response proves that the service is up. It may be a terminal error, or
	// a throttled or busy one.
	Success Result = iota
	// Failure: the outcome was Transient or Ambiguous.
	Failure
	// Unused: a retry that Acquire permitted was not made, because the call was canceled
	// or its time expired. Its token is returned.
	Unused
	// Canceled: a retry that Acquire permitted was made, and is no evidence for the
	// service or against it: the caller canceled it, or it failed for a reason on the
	// client's side.
	Canceled
)

// Report is the end of one attempt. More fields may be added.
type Report struct {
	// Host and Action are those of the call, as in a [Request].
	Host, Action string
	// Retry is the number of the retry in its call if Acquire permitted it, as in a
	// [Request]; 0 for a first attempt, and for a retry that needed no permission.
	Retry int
	// Result is the end of the attempt.
	Result Result
	// Returned is how many tokens the call returns. With Success it is one for each
	// retry that was permitted since the last Success of the call, with Unused it is 1,
	// otherwise 0.
	Returned int
}
