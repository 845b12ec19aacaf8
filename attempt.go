package tcretry

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/internal/contain"
	"github.com/tcretry/tcretry/internal/envelope"
	"github.com/tcretry/tcretry/internal/request"
	"github.com/tcretry/tcretry/internal/watch"
)

// attempt sends the request once and classifies the outcome.
func (c *call) attempt() {
	c.attempts++
	c.counted++
	if c.attempts > 1 {
		c.out, c.peeked = Outcome{}, envelope.Seen{}
	}
	c.out.Request = c.req
	if c.limiter != nil {
		// Deferred: a panic of the underlying RoundTripper must not leave the attempt in flight.
		defer c.reportToLimiter()
	}
	if c.retry > 0 {
		defer c.reportPanic()
	}
	c.drop() // here, because the body of the last response may panic too
	c.exchange()
	// A body that was recorded has parameters that could not be read before.
	c.known = c.known && (!c.body.Records() || c.id.Action != "")
	c.classify()
	c.unknown = c.rule.class != Success && (c.unknown || c.rule.outcomeUnknown(&c.out))
	if c.rule.class != Success || c.attemptsAreObserved() {
		// A success that nobody observes needs no clock reading at its end.
		c.ended = time.Now()
	}
	c.record()
	c.retry = 0
}

// trip is what the underlying RoundTripper and the caller may keep after an attempt. It
// is one allocation, because each part would cost one of its own in every call.
type trip struct {
	watch.Tracer // makes it the context of the attempt
	request      http.Request
	body         bodies.Peeked // of the response
}

// Value is part of context.Context. The context of an attempt has its request, by which a
// Transport further inside detects the attempt.
func (t *trip) Value(key any) any {
	if _, ok := key.(callSettingsKey); ok {
		own := callSettingsOf(t.Context)
		own.within = &t.request
		return own
	}
	return t.Tracer.Value(key)
}

// exchange sends the request and peeks at the response.
func (c *call) exchange() {
	trip := new(trip)
	over := c.ctx.Err() // before the attempt: an error that reports it means that nothing was sent
	ctx, timer := watch.StartTimer(trip.Watch(c.ctx, trip), c.t.attemptTimeout)
	sent := &trip.request
	err := c.request(ctx, sent)
	var resp *http.Response
	if err == nil {
		resp, err = c.t.wrapped().RoundTrip(sent)
	}
	switch {
	case err != nil && resp != nil:
		bodies.Discard(resp)
		resp = nil
	case err == nil && resp == nil:
		err = errNoResponse
	case resp != nil:
		limit := cmp.Or(c.t.peekLimit, envelope.DefaultLimit)
		if c.isObserved() || len(c.t.classifiers) > 0 {
			c.peeked = envelope.Peek(resp, limit, &trip.body)
		} else {
			c.peeked = envelope.PeekForErrors(resp, limit, &trip.body)
		}
		err = c.peeked.Err
	}
	if resp != nil && resp.Request == sent {
		// The caller finds its own request, as without a Transport.
		resp.Request = c.caller
	}
	if timer != nil {
		resp, err = timer.End(resp, err, &c.peeked)
	}
	c.resp, c.err = resp, err
	c.out.Response, c.out.APIError, c.out.TaskFailure, c.out.legacy = resp, (*APIError)(c.peeked.Failure), c.peeked.Task, c.peeked.Legacy
	c.out.Err, c.out.MaybeSent = err, resp != nil || trip.MayHaveSent() && !(over != nil && isCause(err, c.ctx))
}

// isCause reports whether err is why ctx ended.
func isCause(err error, ctx context.Context) bool {
	return contain.Result(func() bool { return errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)) })
}

// request makes sent the request of the attempt: the caller's with a body of its
// own. The header is shared with the caller's request: a RoundTripper does not modify
// it.
func (c *call) request(ctx context.Context, sent *http.Request) error {
	if err := c.prepareBody(); err != nil {
		return err
	}
	*sent = *c.req.WithContext(ctx)
	sent.Body, sent.GetBody = c.next.Body, c.next.GetBody
	c.next.ready = false
	if request.MayBeResent(sent) && !c.isIdempotent() {
		request.ForbidResend(sent)
	}
	return nil
}

// prepareBody gets the request's body for the next attempt, unless it is there.
func (c *call) prepareBody() (err error) {
	if !c.next.ready {
		c.next.Body, c.next.GetBody, err = c.body.Next()
		c.next.ready = err == nil
	}
	return err
}

// classify calls the user's classifiers, then applies the rules of the call.
func (c *call) classify() {
	decided := Undecided
	if len(c.t.classifiers) > 0 || c.out.APIError != nil {
		c.out.Operation = c.operation()
	}
	if len(c.t.classifiers) > 0 {
		seen := c.out.withoutBody()
		for _, classifier := range c.t.classifiers {
			if decided = contain.Result(func() Class { return classifier.Classify(seen) }); decided != Undecided {
				break
			}
		}
	}
	c.rule = c.rules.judge(&c.out, decided)
}

// record reports the attempt to the retry budget: a response, or a failure that the
// caller did not cause.
func (c *call) record() {
	b := c.t.activeBudget()
	if b == nil {
		return
	}
	failed := c.rule.class == Transient || c.rule.class == Ambiguous
	if (failed || c.out.Err != nil) && c.ctx.Err() != nil || c.out.Err != nil && !failed {
		if c.retry > 0 {
			c.report(b, budget.Canceled, 0)
		}
		return
	}
	if failed {
		c.report(b, budget.Failure, 0)
		return
	}
	returned := c.acquired
	c.acquired = 0
	if own, ok := b.(*budget.Tokens); ok && own.Steady(c.host) {
		return // no need to identify the action
	}
	c.report(b, budget.Success, returned)
}

// report reports the result of an attempt or a retry to the retry budget.
func (c *call) report(b budget.Budget, result budget.Result, acquired int) {
	b.Record(budget.Report{Host: c.host, Action: c.identify().Action, Retry: c.retry, Result: result, Returned: acquired})
}

// reportPanic reports a retry that record has not reported, because the attempt panicked.
func (c *call) reportPanic() {
	if c.retry > 0 {
		c.report(c.t.activeBudget(), budget.Canceled, 0)
	}
}

// reportToLimiter reports the result of the attempt to the rate limiter.
func (c *call) reportToLimiter() {
	c.limiter.Done(limiterResult(&c.out, c.rule))
}
