package tcretry

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"
)

// attempt makes one trip through the base and judges it.
func (c *call) attempt() {
	c.attempts++
	c.charged++
	c.out = Outcome{Request: c.req}
	c.look = peeked{}
	if c.lane != nil {
		// Deferred so that a base that panics keeps no place in the lane.
		defer c.leaveLane()
	}
	c.exchange()
	// A body that was kept tells more than one that could not be read yet.
	c.known = c.known && (c.body.tape == nil || c.id.Action != "")
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
	tracer  tracer
	body    peekedBody // of the answer
}

// exchange sends the request and peeks at the answer.
func (c *call) exchange() {
	trip := new(trip)
	trip.tracer.request = &trip.request
	over := c.ctx.Err() // before the attempt: then a base that returns it has sent nothing
	ctx, timer := startTimer(trip.tracer.watch(c.ctx), c.t.attemptTimeout)
	sent := &trip.request
	err := c.request(ctx, sent)
	var resp *http.Response
	if err == nil {
		resp, err = c.t.wrapped().RoundTrip(sent)
	}
	switch {
	case err != nil && resp != nil:
		discard(resp)
		resp = nil
	case err == nil && resp == nil:
		err = errNoAnswer
	case resp != nil:
		c.look = peek(resp, cmp.Or(c.t.peekLimit, defaultPeekLimit), &trip.body)
		err = c.look.err
	}
	if resp != nil && resp.Request == sent {
		// The caller's, as from a base without us.
		resp.Request = c.caller
	}
	if timer != nil {
		resp, err = timer.end(resp, err, &c.look)
	}
	c.resp, c.err = resp, err
	c.out.Response, c.out.Envelope, c.out.Task, c.out.legacy = resp, c.look.envelope, c.look.task, c.look.legacy
	c.out.Err, c.out.Written = err, resp != nil || trip.tracer.mayHaveLeft() && !(over != nil && isCause(err, c.ctx))
}

// isCause says that err is why ctx ended.
func isCause(err error, ctx context.Context) bool {
	return contained(func() bool { return errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)) })
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
	c.once(sent)
	return nil
}

// prepareBody gets the request's body for the next attempt, unless it is there.
func (c *call) prepareBody() (err error) {
	if !c.next.ready {
		c.next.Body, c.next.GetBody, err = c.body.next()
		c.next.ready = err == nil
	}
	return err
}

// classify asks the user's classifiers, then the rules of the call.
func (c *call) classify() {
	decided := Undecided
	if len(c.t.classifiers) > 0 || c.out.Envelope != nil {
		c.out.Target = c.identify().Target
	}
	if len(c.t.classifiers) > 0 {
		seen := c.out.withoutBody()
		for _, classifier := range c.t.classifiers {
			if decided = contained(func() Class { return classifier.Classify(seen) }); decided != Undecided {
				break
			}
		}
	}
	c.rule = c.rules.judge(&c.out, decided)
}

// record reports the attempt to the budget: a response, or a failure that is not
// the caller's doing.
func (c *call) record() {
	budget := c.t.budgetOf()
	if budget == nil {
		return
	}
	failed := c.rule.class == Transient || c.rule.class == Ambiguous
	if (failed || c.out.Err != nil) && c.ctx.Err() != nil || c.out.Err != nil && !failed {
		if c.retry > 0 {
			c.report(budget, BudgetCanceled, 0)
		}
		return
	}
	if failed {
		c.report(budget, BudgetFailure, 0)
		return
	}
	returned := c.withdrawn
	c.withdrawn = 0
	if own, ok := budget.(*TokenBudget); ok && own.calm(c.host) {
		return // without looking for the action
	}
	c.report(budget, BudgetSuccess, returned)
}

// report reports to the budget what became of an attempt, or of a retry.
func (c *call) report(budget Budget, result BudgetResult, withdrawn int) {
	budget.Record(BudgetReport{Host: c.host, Action: c.identify().Action, Retry: c.retry, Result: result, Withdrawn: withdrawn})
}

// leaveLane tells the pacer how the attempt ended.
func (c *call) leaveLane() {
	c.lane.Done(paceResult(&c.out, c.rule))
}
