package budget

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tcretry/tcretry/internal/recent"
)

// ErrExhausted is what [Budget.Acquire] returns when a retry may not be made.
var ErrExhausted = errors.New("tcretry: the retry budget is spent")

// A Budget limits the retries of many calls together, so that retries do not
// multiply the load of a service that is down. Only retries of Transient and
// Ambiguous outcomes consume it: other responses prove that the service is up.
// It is called from many goroutines at once.
//
// An implementation keeps hosts apart, permits the first retry to a host that it
// has no record of immediately, permits few retries while every attempt fails, and
// permits them again once attempts succeed. The failures of one action must not
// take the retries of another, nor may a host that is called rarely run out of
// them. tctest.TestBudget checks that. tcretry.WithBudget calls the method Validate()
// error of one that has it, and one with a method States() []HostState reports to
// tcretry.Transport.Budgets.
type Budget interface {
	// Acquire requests one retry. It returns nil if the retry may be made,
	// ErrExhausted if it may not, and the context's cause when ctx ends. It may
	// defer the retry for some time, but never past w.Latest nor longer than its
	// own limit. The time for which it defers a retry counts towards the retry's
	// backoff: the caller waits only what is left of it.
	Acquire(ctx context.Context, w Request) error
	// Record reports an attempt that ended, the first ones of calls too, or a
	// retry that was permitted and not made: each retry that Acquire permitted is
	// reported once. A first attempt that the caller canceled is not reported.
	Record(r Report)
}

// Request is one retry that a Budget is to permit. More fields may be added.
type Request struct {
	// Host is the access host of the call.
	Host string
	// Action is the API action of the call; "" if the request has none. Callers
	// choose it: a Budget must bound what it stores by it. It is a part of the
	// request: a Budget that stores it clones it.
	Action string
	// Retry is the number of the retry in its call, from 1; zero counts as 1.
	Retry int
	// Start is when the call started; zero means now.
	Start time.Time
	// Latest is when the retry must start at the latest; zero means any time.
	Latest time.Time

	// Cancel, if it is not nil, ends the wait when it is closed, as http.Request.Cancel
	// does: Acquire returns context.Canceled then. A Transport sets it for [Tokens]
	// only; for other budgets it ends ctx.
	Cancel <-chan struct{}
}

// Result is what became of an attempt, as far as it concerns a Budget.
type Result uint8

const (
	// Success: there was a response that proves that the service is up. It
	// may be an error that is terminal or that asks to come back later.
	Success Result = iota
	// Failure: the outcome was Transient or Ambiguous.
	Failure
	// Unused: a retry that Acquire permitted was not made, because the call
	// was canceled or ran out of time before. Its token comes back.
	Unused
	// Canceled: a retry that Acquire permitted was made, and is no evidence
	// for the service or against it: the caller canceled it, or it failed for a
	// reason of its own.
	Canceled
)

// Report is one attempt as a Budget receives it. More fields may be added.
type Report struct {
	// Host and Action are those of the call, as in a Request.
	Host, Action string
	// Retry is the number of the retry in its call if Acquire permitted it, as in
	// a Request; 0 for a first attempt, and for a retry that needed no permission.
	Retry int
	// Result is what became of the attempt.
	Result Result
	// Withdrawn is how many tokens of the call come back: of a Success those
	// of all retries that it was permitted since its last one, of a Unused 1,
	// of the others 0.
	Returned int
}

// The defaults of a Tokens. Each was chosen from runs of the program in
// bench/: go run ./bench -neighbours prints what the neighbouring values lead to.
const (
	// A burst of failures that a healthy service may have, half a second of a
	// hundred calls, is retried whole; more only adds to an outage.
	defaultCapacity = 50
	// Half a token per success keeps every call alive while a third of all
	// attempts fail, and limits retries that fail to half of what succeeds.
	defaultPerSuccess = 0.5
	// Twelve failures in a row do not happen by chance while less than half of
	// the attempts fail (once in 4,096), and cost twelve retries to find out.
	defaultOpenAfter = 12
	// Five seconds bridge a restart or a failover and are about what a person
	// waits.
	defaultMaxDefer = 5 * time.Second
	// One attempt per second finds a service that came back, and is no load.
	defaultProbeInterval = time.Second
)

// Tokens is a [Budget] in memory: a bucket of tokens and a circuit for each
// action of a host. The zero Tokens is ready to use, full, and consists of the
// defaults of its fields. It is safe for use from many goroutines; its fields must
// not be changed after its first use, and it must not be copied.
//
// A retry consumes a token. A call whose retry succeeds gets its tokens back, every
// other success refills a part of a token, and time alone fills an empty bucket in
// 100 seconds. A retry that finds no token is deferred until there is one, for
// MaxDefer at most, and given up after that.
//
// When the last attempts of an action all failed, whichever calls made them, its
// circuit opens: its retries are deferred until an attempt succeeds, and then
// released, those that have come furthest first and otherwise in order, a token
// each. Failures of half a minute before the last one do not count. First attempts are never deferred. Some retries
// are released as probes: one when nobody tried the action for a second, and one of
// ten attempts, at least one every three seconds, while others try it. A probe needs
// no token, so that nothing that keeps the circuit open depends on what it defers.
//
// One action's failures take no retries from the others: all actions of a host share
// twice the capacity, and each may take as many tokens as it leaves. The host has a
// circuit as well, for failures of several actions: it counts at most half as many of
// each as open one. While it is open the retries of every action whose last attempt
// failed are deferred.
//
// For MaxDefer after a circuit closed, few retries are in flight at once, at first 12
// per host: more for each that succeeds, fewer for each that fails. What was deferred
// in an outage must not bring the service down again.
//
// It runs no goroutine. It stores the last thousand or two hosts that were used,
// and for each up to 128 actions that had failures; what it forgot is full again.
type Tokens struct {
	// Capacity is the number of tokens of an action, full at the start; 0 means 50.
	// All actions of a host together have twice as many.
	Capacity int
	// PerSuccess is how much of a token an attempt that succeeds refills, above 0
	// and at most 1; 0 means 0.5.
	PerSuccess float64
	// OpenAfter is how many attempts in a row must fail for a circuit to open;
	// 0 means 12.
	OpenAfter int
	// MaxDefer is how long a retry is deferred at the most, from the start of its
	// call; 0 means 5 seconds.
	MaxDefer time.Duration
	// ProbeInterval is how long nobody must have tried an action whose circuit is open
	// until a deferred retry is released to probe it; 0 means a second.
	ProbeInterval time.Duration

	hosts recent.Map[string, *hostBudget]
}

// Validate returns every mistake in the fields, joined, or nil. A field that is
// wrong counts as zero.
func (b *Tokens) Validate() error {
	var errs []error
	wrong := func(field string, value any, why string) {
		errs = append(errs, fmt.Errorf("tcretry: budget.Tokens.%s is %v: it must %s", field, value, why))
	}
	if b.Capacity < 0 {
		wrong("Capacity", b.Capacity, "not be negative")
	}
	if !validPerSuccess(b.PerSuccess) {
		wrong("PerSuccess", b.PerSuccess, "be from 0 to 1")
	}
	if b.OpenAfter < 0 {
		wrong("OpenAfter", b.OpenAfter, "not be negative")
	}
	if b.MaxDefer < 0 {
		wrong("MaxDefer", b.MaxDefer, "not be negative")
	}
	if b.ProbeInterval < 0 {
		wrong("ProbeInterval", b.ProbeInterval, "not be negative")
	}
	return errors.Join(errs...)
}

// validPerSuccess is false for NaN too.
func validPerSuccess(n float64) bool { return n >= 0 && n <= 1 }

// rules are the fields with their defaults.
func (b *Tokens) rules() rules {
	perSuccess := b.PerSuccess
	if !validPerSuccess(perSuccess) || perSuccess == 0 {
		perSuccess = defaultPerSuccess
	}
	return rules{
		capacity:   float64(positive(b.Capacity, defaultCapacity)),
		earned:     perSuccess,
		openAfter:  positive(b.OpenAfter, defaultOpenAfter),
		maxHold:    positive(b.MaxDefer, defaultMaxDefer),
		probeEvery: positive(b.ProbeInterval, defaultProbeInterval),
	}
}

// positive returns n, or otherwise if n is not above zero.
func positive[N int | time.Duration](n, otherwise N) N {
	if n > 0 {
		return n
	}
	return otherwise
}
