package tcretry

import (
	"time"

	"github.com/tcretry/tcretry/ratelimit"
)

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
