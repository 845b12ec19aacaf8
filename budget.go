package tcretry

import (
	"context"
	"errors"
	"time"
)

// ErrBudgetSpent is what [Budget.Withdraw] returns when a retry may not be made.
var ErrBudgetSpent = errors.New("tcretry: the retry budget is spent")

// A Budget bounds the retries of many calls together, so that retries do not
// multiply the load of a service that is down. Only retries of Transient and
// Ambiguous outcomes are paid for: other answers prove that the service is up.
// It is called from many goroutines at once.
//
// An implementation keeps hosts apart, lets the first retry to a host that it
// knows nothing of go at once, allows few retries while every attempt fails, and
// allows them again once attempts succeed. tctest.TestBudget checks that.
type Budget interface {
	// Withdraw asks for leave to make one retry. It returns nil when the retry
	// may be made, ErrBudgetSpent when it may not, and the context's cause when
	// ctx ends. It may hold the retry for some time, but never past w.Latest
	// nor longer than its own limit. The time that it holds a retry counts
	// towards the retry's delay: the caller waits only what is left of it.
	Withdraw(ctx context.Context, w Withdrawal) error
	// Record tells of every attempt that ended, the first ones too: failed says
	// that its outcome was Transient or Ambiguous, rather than an answer.
	// Attempts that the caller canceled are not recorded.
	Record(host string, failed bool)
}

// Withdrawal is one retry that a Budget is asked for.
type Withdrawal struct {
	// Host is the access host of the call.
	Host string
	// Start is when the call started.
	Start time.Time
	// Latest is when the retry must start at the latest; zero means any time.
	Latest time.Time
}
