package tcretry

import (
	"context"
	"time"
)

// Hooks are functions told of the events of a call. Any of them may be nil.
// They run in the goroutine of the call, in order, and cannot change it; a slow
// hook delays its call. They are called from many goroutines at once. A hook
// that panics is contained: the call goes on as if it had returned.
type Hooks struct {
	// AttemptDone is told of every attempt, once its outcome is classified.
	AttemptDone func(context.Context, AttemptInfo)
	// RetryScheduled is told of every retry, before its delay.
	RetryScheduled func(context.Context, RetryInfo)
	// CallDone is told of every call, exactly once, with its StopReason.
	CallDone func(context.Context, CallInfo)
}

// Target is what a request asks for, as far as the request tells. Fields that
// it does not tell are empty.
type Target struct {
	// Service is the product, such as "cvm": the first label of the API's host,
	// or the service in the credential scope. Few values: safe as a label.
	Service string
	// Action is the operation, such as "RunInstances". A few hundred values a
	// product: as a label it needs a limit, because callers choose it.
	Action string
	// Region is the data region, such as "ap-guangzhou". Chosen by callers.
	Region string
}

// AttemptInfo tells of one attempt.
type AttemptInfo struct {
	Target
	// Attempt is the number of the attempt, from 1.
	Attempt int
	// Class is what the outcome means.
	Class Class
	// Code is the API's error code, printable and bounded; "" if the answer
	// held none.
	Code string
	// Message is the API's error message, printable and bounded. Never a label.
	Message string
	// RequestID is the API's id of the failed attempt, printable and bounded;
	// "" if the answer was not an error. Never a label.
	RequestID string
	// Status is the HTTP status, 0 if no answer came.
	Status int
	// Err is the error of the base or of reading the body; nil if there was none.
	Err error
	// Duration is the time from the start of the attempt to its classification.
	Duration time.Duration
	// PaceWait is the time that the pacer made the attempt wait before its start.
	PaceWait time.Duration
	// Pace is what the pacer knows of the key once it was told of the attempt: the
	// mode, the quota it learnt. It is the zero Pace if there is no pacer, or one
	// that does not tell.
	Pace Pace
	// Peeked is the number of bytes read of the body to decide.
	Peeked int64
}

// RetryInfo tells of a retry that is about to be made.
type RetryInfo struct {
	Target
	// Attempt is the number of the attempt that just ended, from 1.
	Attempt int
	// Class and Code are those of that attempt.
	Class Class
	Code  string
	// Delay is the wait before the next attempt. For a call that waits for the
	// pace it is the least: the pacer says when the next attempt starts.
	Delay time.Duration
	// Paced says that the pacer sets the time of the next attempt.
	Paced bool
	// BudgetWait is the time that the budget held the retry, a part of Delay that
	// has passed.
	BudgetWait time.Duration
}

// CallInfo tells of one call that ended.
type CallInfo struct {
	Target
	// Attempts is the number of attempts made, 0 if the call ended before one.
	Attempts int
	// Class, Code, RequestID and Status are those of the last attempt.
	Class     Class
	Code      string
	RequestID string
	Status    int
	// Reason is why the call ended.
	Reason StopReason
	// Err is the error that the caller got, nil with a response.
	Err error
	// Duration is the time from the start of the call to its end.
	Duration time.Duration
	// Waited is the part of Duration spent in delays, holds and waits for the pace.
	Waited time.Duration
	// PaceWait and BudgetWait are the parts of Waited spent in waits for the pace
	// and in holds of the budget.
	PaceWait, BudgetWait time.Duration
}
