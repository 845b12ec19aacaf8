package tcretry

import (
	"context"
	"time"

	"github.com/tcretry/tcretry/ratelimit"
)

// Hooks are functions told of the events of a call. Any of them may be nil.
// They run in the goroutine of the call, in order, and cannot change it; a slow
// hook delays its call. They are called from many goroutines at once. A hook
// that panics is contained: the call goes on as if it had returned.
//
// Each field that they are told says whether it is safe as a label of a metric:
// whether it has few values, whatever callers ask and the API answers. A
// [label.Limiter] makes those safe that need a limit. Numbers, times and durations
// are the values of metrics, never labels. The texts of a [Operation] are parts of
// the request: a hook that keeps one for longer than the call clones it.
type Hooks struct {
	// AttemptDone is told of every attempt, once its outcome is classified.
	AttemptDone func(context.Context, AttemptInfo)
	// RetryScheduled is told of every retry, before its delay.
	RetryScheduled func(context.Context, RetryInfo)
	// CallDone is told of every call, exactly once, with its StopReason.
	CallDone func(context.Context, CallInfo)
	// OutOfScope is called for every request that is out of scope, before it is
	// passed to the base; see [WithScope]. None of the other hooks is.
	OutOfScope func(context.Context, OutOfScopeInfo)
}

// Operation is what a request asks for, as far as the request tells. Fields that
// it does not tell are empty.
type Operation struct {
	// Service is the product, such as "cvm": the first label of the API's host, or
	// the service in the credential scope, or what a base that signs reports, or
	// that of [WithService]. Some three hundred are known; safe as a label unless
	// callers choose the host.
	Service string
	// Action is the operation, such as "RunInstances". A few hundred values a
	// product: as a label it needs a limit, because callers choose it.
	Action string
	// Region is the data region, such as "ap-guangzhou". Some thirty values; as a
	// label it needs a limit, because callers choose it.
	Region string
	// Host is where the request lands, the host of its URL with the port if that
	// has one. As a label it needs a limit, because callers choose it.
	Host string
	// Method is the HTTP method. The API knows GET and POST; as a label it needs a
	// limit, because callers choose it.
	Method string
}

// OutOfScopeInfo describes a request that is passed through untouched.
type OutOfScopeInfo struct {
	// Host is the host of the request's URL, with the port if that has one. Any
	// service's: as a label it needs a limit.
	Host string
	// Method is the HTTP method, "" for GET.
	Method string
}

// AttemptInfo tells of one attempt.
type AttemptInfo struct {
	Operation
	// Attempt is the number of the attempt, from 1. A call that waits for the pace
	// may make more than Policy.MaxAttempts.
	Attempt int
	// ClientToken is the one that WithClientTokens gave the call, "" if it gave
	// none. Never a label.
	ClientToken string
	// Class is what the outcome means. A closed list: safe as a label.
	Class Class
	// Code is the API's error code, printable and bounded; "" if the answer
	// held none. Thousands are documented and services add to them: as a label it
	// needs a limit.
	Code string
	// Family is the part of Code before its first dot. The API documents some
	// hundred: as a label it needs a limit.
	Family string
	// Message is the API's error message, printable and bounded. Never a label.
	Message string
	// RequestID is the API's id of the failed attempt, printable and bounded;
	// "" if the answer was not an error. Never a label, but fit for an exemplar.
	RequestID string
	// Status is the HTTP status, 0 if no answer came. Safe as a label if only the
	// standard ones are told apart: a server can send any of three digits.
	Status int
	// Err is the error of the base or of reading the body; nil if there was none.
	// Its text may hold addresses. Never a label.
	Err error
	// Start is when the attempt started, after its waits.
	Start time.Time
	// Duration is the time from Start to the classification of the outcome.
	Duration time.Duration
	// PaceWait is the time that the pacer made the attempt wait before its start.
	RateLimitWait time.Duration
	// Pace is what the pacer knows of the key once it was told of the attempt: the
	// mode, which is safe as a label, and the quota it learnt. It is the zero Pace
	// if there is no pacer, or one that does not tell.
	RateLimit ratelimit.State
	// Peeked is the number of bytes read of the body to decide.
	Peeked int64
}

// RetryInfo tells of a retry that is about to be made. What AttemptInfo says of
// its fields as labels holds here.
type RetryInfo struct {
	Operation
	// Attempt is the number of the attempt that just ended, from 1.
	Attempt int
	// Class, Code, Family, RequestID, Status and Err are those of that attempt.
	Class     Class
	Code      string
	Family    string
	RequestID string
	Status    int
	Err       error
	// Delay is the wait before the next attempt. For a call that waits for the
	// pace it is the least: the pacer says when the next attempt starts.
	Delay time.Duration
	// Paced says that the pacer sets the time of the next attempt. Safe as a label.
	RateLimited bool
	// BudgetWait is the time that the budget held the retry, a part of Delay that
	// has passed unless the hold took longer.
	BudgetWait time.Duration
}

// CallInfo tells of one call that ended. What AttemptInfo says of its fields as
// labels holds here.
type CallInfo struct {
	Operation
	// Attempts is the number of attempts made, 0 if the call ended before one.
	Attempts int
	// ClientToken is the one that WithClientTokens gave the call, "" if it gave
	// none. Never a label.
	ClientToken string
	// Class, Code, Family, Message, RequestID and Status are those of the last
	// attempt. Class is Undecided if there was none.
	Class     Class
	Code      string
	Family    string
	Message   string
	RequestID string
	Status    int
	// Reason is why the call ended. A closed list: safe as a label.
	Reason StopReason
	// OutcomeUnknown reports that the call failed and that the request may have been
	// executed: at least one attempt was sent and got no response, only that of a
	// gateway, or an API error that the policy retries for idempotent requests only
	// (Rule.IdempotentOnly). It is set whether the caller got an error, which then is
	// an [ErrOutcomeUnknown], or a response. It is also true of read-only requests,
	// for which it does not matter. Safe as a label.
	OutcomeUnknown bool
	// Err is the error that the caller got, nil with a response. Never a label.
	Err error
	// Start is when the call started.
	Start time.Time
	// Duration is the time from Start to the end of the call.
	Duration time.Duration
	// Waited is the part of Duration spent in delays, holds and waits for the pace.
	Waited time.Duration
	// PaceWait and BudgetWait are the parts of Waited spent in waits for the pace
	// and in holds of the budget.
	RateLimitWait, BudgetWait time.Duration
}

// said is what the last answer said of its failure, fit to be shown.
func (c *call) said() (shown APIError) {
	if e := c.out.APIError; e != nil {
		shown.Code = printable(e.Code, maxCode)
		shown.Message = printable(e.Message, maxMessage)
		shown.RequestID = printable(e.RequestID, maxRequestID)
	}
	return shown
}

// status is that of the last answer, 0 if there was none.
func (c *call) status() int {
	if c.out.Response != nil {
		return c.out.Response.StatusCode
	}
	return 0
}

// isTold says that somebody is told of the events of the call.
func (c *call) isTold() bool { return len(c.t.hooks) > 0 || c.trace != nil }

func (c *call) attemptDone() {
	if !c.isTold() {
		return
	}
	said := c.said()
	info := AttemptInfo{
		Operation:     c.target(),
		Attempt:       c.attempts,
		Class:         c.rule.class,
		Code:          said.Code,
		Family:        said.Family(),
		Message:       said.Message,
		RequestID:     said.RequestID,
		Status:        c.status(),
		Err:           c.out.Err,
		Start:         c.began,
		Duration:      c.ended.Sub(c.began),
		RateLimitWait: c.paceWait,
		Peeked:        c.look.Size,
		ClientToken:   c.token,
	}
	if lane, ok := c.lane.(interface{ State() ratelimit.State }); ok {
		info.RateLimit = lane.State()
	}
	if c.trace != nil {
		c.traced = c.trace.attemptDone(c.traced, info)
	}
	for _, h := range c.t.hooks {
		if h.AttemptDone != nil {
			c.tell(func() { h.AttemptDone(c.ctx, info) })
		}
	}
}

func (c *call) retryScheduled(p plan) {
	if !c.isTold() {
		return
	}
	said := c.said()
	info := RetryInfo{
		Operation:   c.target(),
		Attempt:     c.attempts,
		Class:       c.rule.class,
		Code:        said.Code,
		Family:      said.Family(),
		RequestID:   said.RequestID,
		Status:      c.status(),
		Err:         c.out.Err,
		Delay:       p.delay,
		RateLimited: p.paced,
		BudgetWait:  c.held,
	}
	if c.trace != nil {
		c.traced = c.trace.retryScheduled(c.traced, info)
	}
	for _, h := range c.t.hooks {
		if h.RetryScheduled != nil {
			c.tell(func() { h.RetryScheduled(c.ctx, info) })
		}
	}
}

func (c *call) callDone(reason StopReason, err error) {
	if !c.isTold() {
		return
	}
	said := c.said()
	info := CallInfo{
		Operation:      c.target(),
		Attempts:       c.attempts,
		Code:           said.Code,
		Family:         said.Family(),
		Message:        said.Message,
		RequestID:      said.RequestID,
		Status:         c.status(),
		Reason:         reason,
		Err:            err,
		OutcomeUnknown: c.unknown,
		Start:          c.start,
		Duration:       time.Since(c.start),
		Waited:         c.waited.backoff + c.waited.budget + c.waited.pace,
		RateLimitWait:  c.waited.pace,
		BudgetWait:     c.waited.budget,
		ClientToken:    c.token,
	}
	if c.rule != nil {
		info.Class = c.rule.class
	}
	if c.trace != nil {
		c.traced = c.trace.callDone(c.traced, info)
	}
	for _, h := range c.t.hooks {
		if h.CallDone != nil {
			c.tell(func() { h.CallDone(c.ctx, info) })
		}
	}
}

// tell runs a hook. One that panics must not end the call, nor lose its answer.
func (c *call) tell(hook func()) {
	defer func() { _ = recover() }()
	hook()
}
