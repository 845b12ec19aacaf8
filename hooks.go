package tcretry

import (
	"context"
	"time"

	"github.com/tcretry/tcretry/ratelimit"
)

// Hooks are functions that are called with the events of calls. Any of them may be nil.
// They run in the goroutine of the call, in order, and cannot change the call; a slow
// hook delays its call. They are called from many goroutines at once. The panic of a
// hook is recovered, and the call continues.
//
// Each field of the events documents whether it is safe as a label of a metric: whether
// it has few values, whatever callers request and the API returns. A [label.Limiter]
// makes those safe that need a limit. Numbers, times and durations are values of
// metrics, never labels. The texts of an [Operation] are parts of the request: a hook
// that keeps one for longer than the call must clone it.
type Hooks struct {
	// AttemptDone is called for every attempt, after its outcome is classified.
	AttemptDone func(context.Context, AttemptInfo)
	// RetryScheduled is called for every retry, before its delay.
	RetryScheduled func(context.Context, RetryInfo)
	// CallDone is called for every call, exactly once, with its StopReason.
	CallDone func(context.Context, CallInfo)
	// OutOfScope is called for every request that is out of scope, before it is
	// passed through; see [WithScope]. The other hooks are not called for it.
	OutOfScope func(context.Context, OutOfScopeInfo)
}

// Operation is what a request is for, as far as its host, headers and parameters name
// it. Fields that they do not name are empty.
type Operation struct {
	// Service is the product, such as "cvm": the first label of the API's host, the
	// service in the credential scope, the one that the underlying RoundTripper reports,
	// or that of [WithService]. Some three hundred exist; safe as a label unless callers
	// choose the host.
	Service string
	// Action is the operation, such as "RunInstances". A few hundred values per
	// product: as a label it needs a limit, because callers choose it.
	Action string
	// Region is the data region, such as "ap-guangzhou". Some thirty values; as a
	// label it needs a limit, because callers choose it.
	Region string
	// Host is the host of the request's URL, with the port if it has one. As a label it needs a limit, because callers choose it.
	Host string
	// Method is the HTTP method. The API accepts GET and POST; as a label it needs a
	// limit, because callers choose it.
	Method string
}

// OutOfScopeInfo describes a request that is passed through unchanged.
type OutOfScopeInfo struct {
	// Host is the host of the request's URL, with the port if that has one. Any
	// service's: as a label it needs a limit.
	Host string
	// Method is the HTTP method, "" for GET.
	Method string
}

// AttemptInfo describes one attempt.
type AttemptInfo struct {
	Operation
	// Attempt is the number of the attempt, from 1. Throttled attempts
	// do not count towards Policy.MaxAttempts, so it may be larger.
	Attempt int
	// ClientToken is the one that WithClientTokens added, "" if it added none. Never a
	// label.
	ClientToken string
	// Class is the class of the outcome. A closed list: safe as a label.
	Class Class
	// Code is the API's error code, printable and at most 128 bytes; "" if the
	// response has none. Thousands are documented and services add to them: as a label it
	// needs a limit.
	Code string
	// Family is the part of Code before its first dot. The API documents some
	// hundred: as a label it needs a limit.
	Family string
	// Message is the API's error message, printable and at most 512 bytes. Never a label.
	Message string
	// RequestID is the API's id of the failed attempt, printable and at
	// most 128 bytes; "" if the response was not an error. Never a label, but fit for an exemplar.
	RequestID string
	// Status is the HTTP status, 0 without a response. Safe as a label if only the
	// standard ones have a value of their own: a server can send any of three digits.
	Status int
	// Err is the error of the underlying RoundTripper or of reading the body; nil if
	// there was none.
	// Its text may hold addresses. Never a label.
	Err error
	// Start is when the attempt started, after its waits.
	Start time.Time
	// Duration is the time from Start to the classification of the outcome.
	Duration time.Duration
	// RateLimitWait is the time that the attempt waited for the rate limiter.
	RateLimitWait time.Duration
	// RateLimit is the state of the rate limiter for the key of the attempt, after the
	// attempt: its mode, which is safe as a label, and the learned limit. It is zero
	// without a rate limiter, or with one that does not report its state.
	RateLimit ratelimit.State
	// Peeked is the number of bytes of the body that were read to classify the attempt.
	Peeked int64
}

// RetryInfo describes a retry that is scheduled. Its fields are safe as labels where
// those of AttemptInfo are.
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
	// Delay is the wait before the next attempt. With RateLimited it is the least
	// wait: the rate limiter schedules the attempt.
	Delay time.Duration
	// RateLimited reports that the attempt before was throttled and that the rate
	// limiter schedules the next one. Safe as a label.
	RateLimited bool
	// BudgetWait is the time for which the retry budget deferred the retry. It counts
	// towards Delay.
	BudgetWait time.Duration
}

// CallInfo describes one call that ended. Its fields are safe as labels where those of
// AttemptInfo are.
type CallInfo struct {
	Operation
	// Attempts is the number of attempts made, 0 if the call ended before one.
	Attempts int
	// ClientToken is the one that WithClientTokens added, "" if it added none. Never a
	// label.
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
	// Waited is the part of Duration spent in backoff, and in waits for the retry budget
	// and the rate limiter.
	Waited time.Duration
	// RateLimitWait and BudgetWait are the parts of Waited spent waiting for the rate
	// limiter and for the retry budget.
	RateLimitWait, BudgetWait time.Duration
}

// lastAPIError is the API error of the last response, with printable texts.
func (c *call) lastAPIError() (shown APIError) {
	if e := c.out.APIError; e != nil {
		shown.Code = printable(e.Code, maxCode)
		shown.Message = printable(e.Message, maxMessage)
		shown.RequestID = printable(e.RequestID, maxRequestID)
	}
	return shown
}

// status is the HTTP status of the last response, 0 without one.
func (c *call) status() int {
	if c.out.Response != nil {
		return c.out.Response.StatusCode
	}
	return 0
}

// hookLists are hooks by their event: an event that no hook has costs nothing.
type hookLists struct {
	attemptDone    []func(context.Context, AttemptInfo)
	retryScheduled []func(context.Context, RetryInfo)
	callDone       []func(context.Context, CallInfo)
	outOfScope     []func(context.Context, OutOfScopeInfo)
}

func (l *hookLists) add(h Hooks) {
	l.attemptDone = appendSet(l.attemptDone, h.AttemptDone, h.AttemptDone != nil)
	l.retryScheduled = appendSet(l.retryScheduled, h.RetryScheduled, h.RetryScheduled != nil)
	l.callDone = appendSet(l.callDone, h.CallDone, h.CallDone != nil)
	l.outOfScope = appendSet(l.outOfScope, h.OutOfScope, h.OutOfScope != nil)
}

func appendSet[F any](hooks []F, hook F, set bool) []F {
	if set {
		return append(hooks, hook)
	}
	return hooks
}

// isObserved reports whether the call has a trace, or hooks for one of its events.
func (c *call) isObserved() bool {
	h := &c.t.hooks
	return c.trace != nil || len(h.attemptDone)+len(h.retryScheduled)+len(h.callDone) > 0
}

// attemptsAreObserved reports whether each attempt is reported, which a trace does too.
func (c *call) attemptsAreObserved() bool { return c.trace != nil || len(c.t.hooks.attemptDone) > 0 }

func (c *call) attemptDone() {
	if !c.attemptsAreObserved() {
		return
	}
	apiErr := c.lastAPIError()
	began := c.began
	if began.IsZero() {
		began = c.start()
	}
	info := AttemptInfo{
		Operation:     c.operation(),
		Attempt:       c.attempts,
		Class:         c.rule.class,
		Code:          apiErr.Code,
		Family:        apiErr.Family(),
		Message:       apiErr.Message,
		RequestID:     apiErr.RequestID,
		Status:        c.status(),
		Err:           c.out.Err,
		Start:         began,
		Duration:      c.ended.Sub(began),
		RateLimitWait: c.limitWait,
		Peeked:        c.peeked.Size,
		ClientToken:   c.token,
	}
	if limiter, ok := c.limiter.(interface{ State() ratelimit.State }); ok {
		info.RateLimit = limiter.State()
	}
	if c.trace != nil {
		c.traced = c.trace.attemptDone(c.traced, info)
	}
	for _, hook := range c.t.hooks.attemptDone {
		c.runHook(func() { hook(c.ctx, info) })
	}
}

func (c *call) retryScheduled(p plan) {
	if c.trace == nil && len(c.t.hooks.retryScheduled) == 0 {
		return
	}
	apiErr := c.lastAPIError()
	info := RetryInfo{
		Operation:   c.operation(),
		Attempt:     c.attempts,
		Class:       c.rule.class,
		Code:        apiErr.Code,
		Family:      apiErr.Family(),
		RequestID:   apiErr.RequestID,
		Status:      c.status(),
		Err:         c.out.Err,
		Delay:       p.delay,
		RateLimited: p.rateLimited,
		BudgetWait:  c.budgetWait,
	}
	if c.trace != nil {
		c.trace.retryScheduled(c.traced, info)
	}
	for _, hook := range c.t.hooks.retryScheduled {
		c.runHook(func() { hook(c.ctx, info) })
	}
}

func (c *call) callDone(reason StopReason, err error) {
	if c.trace == nil && len(c.t.hooks.callDone) == 0 {
		return
	}
	apiErr := c.lastAPIError()
	info := CallInfo{
		Operation:      c.operation(),
		Attempts:       c.attempts,
		Code:           apiErr.Code,
		Family:         apiErr.Family(),
		Message:        apiErr.Message,
		RequestID:      apiErr.RequestID,
		Status:         c.status(),
		Reason:         reason,
		Err:            err,
		OutcomeUnknown: c.unknown,
		Start:          c.start(),
		Duration:       time.Since(c.start()),
		Waited:         c.waited.backoff + c.waited.budget + c.waited.rateLimit,
		RateLimitWait:  c.waited.rateLimit,
		BudgetWait:     c.waited.budget,
		ClientToken:    c.token,
	}
	if c.rule != nil {
		info.Class = c.rule.class
	}
	if c.trace != nil {
		c.traced = c.trace.callDone(c.traced, info)
	}
	for _, hook := range c.t.hooks.callDone {
		c.runHook(func() { hook(c.ctx, info) })
	}
}

// runHook runs a hook. A panic must not end the call, nor lose its response.
func (c *call) runHook(hook func()) {
	defer func() { _ = recover() }()
	hook()
}
