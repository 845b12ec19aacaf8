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

// attempt makes one trip through the base and judges it.
func (c *call) attempt() {
	c.attempts++
	c.charged++
	c.out = Outcome{Request: c.req}
	c.look = envelope.Seen{}
	if c.lane != nil {
		// Deferred so that a base that panics keeps no place in the lane.
		defer c.leaveLane()
	}
	c.exchange()
	// A body that was kept tells more than one that could not be read yet.
	c.known = c.known && (!c.body.Records() || c.id.Action != "")
	c.classify()
	c.unknown = c.rule.class != Success && (c.unknown || c.rule.outcomeUnknown(&c.out))
	if c.rule.class != Success || c.isTold() {
		// Nobody asks for the end of a success that is not told.
		c.ended = time.Now()
	}
	c.record()
	c.retry = 0
}

// trip is what the base and the caller may hold on to after an attempt. It is
// allocated as a whole, because each part would cost an allocation of its own on
// the way of every call.
type trip struct {
	request http.Request
	context attemptContext
	body    bodies.Peeked // of the answer
}

// exchange sends the request and peeks at the answer.
func (c *call) exchange() {
	trip := new(trip)
	trip.context.request = &trip.request
	over := c.ctx.Err() // before the attempt: then a base that returns it has sent nothing
	ctx, timer := watch.StartTimer(trip.context.Watch(c.ctx, &trip.context), c.t.attemptTimeout)
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
		err = errNoAnswer
	case resp != nil:
		c.look = envelope.Peek(resp, cmp.Or(c.t.peekLimit, envelope.DefaultLimit), &trip.body)
		err = c.look.Err
	}
	if resp != nil && resp.Request == sent {
		// The caller's, as from a base without us.
		resp.Request = c.caller
	}
	if timer != nil {
		resp, err = timer.End(resp, err, &c.look)
	}
	c.resp, c.err = resp, err
	c.out.Response, c.out.APIError, c.out.TaskFailure, c.out.legacy = resp, (*APIError)(c.look.Failure), c.look.Task, c.look.Legacy
	c.out.Err, c.out.MaybeSent = err, resp != nil || trip.context.MayHaveSent() && !(over != nil && isCause(err, c.ctx))
}

// isCause says that err is why ctx ended.
func isCause(err error, ctx context.Context) bool {
	return contain.Result(func() bool { return errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)) })
}

// request makes sent the request of the attempt: the caller's with a body of its
// own. Its header is the caller's too, which a base does not modify.
func (c *call) request(ctx context.Context, sent *http.Request) error {
	if err := c.prepareBody(); err != nil {
		return err
	}
	*sent = *c.req.WithContext(ctx)
	sent.Body, sent.GetBody = c.next.Body, c.next.GetBody
	c.next.ready = false
	if request.MayBeResent(sent) && !c.isHarmless() {
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

// classify asks the user's classifiers, then the rules of the call.
func (c *call) classify() {
	decided := Undecided
	if len(c.t.classifiers) > 0 || c.out.APIError != nil {
		c.out.Operation = c.target()
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

// record reports the attempt to the budget: a response, or a failure that is not
// the caller's doing.
func (c *call) record() {
	b := c.t.budgetOf()
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
	returned := c.withdrawn
	c.withdrawn = 0
	if own, ok := b.(*budget.Tokens); ok && own.Steady(c.host) {
		return // without looking for the action
	}
	c.report(b, budget.Success, returned)
}

// report reports to the budget what became of an attempt, or of a retry.
func (c *call) report(b budget.Budget, result budget.Result, withdrawn int) {
	b.Record(budget.Report{Host: c.host, Action: c.identify().Action, Retry: c.retry, Result: result, Returned: withdrawn})
}

// leaveLane tells the pacer how the attempt ended.
func (c *call) leaveLane() {
	c.lane.Done(paceResult(&c.out, c.rule))
}
