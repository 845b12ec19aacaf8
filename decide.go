package tcretry

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/ratelimit"
)

// plan is how the next attempt comes about.
type plan struct {
	delay time.Duration // before it
	paced bool          // the pacer knows that the quota refused us: it says when
}

// decide says how the call goes on, or why it stops. Questions that are cheap
// and certain come first; the budget, which is paid, comes last, in pause.
func (c *call) decide() (plan, StopReason) {
	if reason := c.mayRepeat(); reason != 0 {
		return plan{}, reason
	}
	return c.schedule()
}

// mayRepeat says why there must not be another attempt, or 0.
func (c *call) mayRepeat() StopReason {
	class := c.rule.class
	switch {
	case class == Success:
		return StopSuccess
	case c.isCanceled():
		return StopCanceled
	case class == Terminal:
		return StopTerminal
	case (class == Ambiguous || c.rule.idempotentOnly) && !c.isHarmless():
		return StopNotIdempotent
	case c.spent():
		return StopMaxAttempts
	case !c.body.Replayable():
		return StopNotReplayable
	}
	return 0
}

// spent counts the last attempt and reports whether the call, or its rule, has had all
// that it may. An attempt that was throttled at a rate limit which the limiter handles
// does not count against the policy's MaxAttempts: it was not executed, the limiter says
// when the next one starts, and MaxElapsed, the deadline and the signature bound the
// call. Without a limiter it counts: nothing but the backoff would bound the load.
func (c *call) spent() bool {
	tally := c.tally()
	tally.attempts++
	switch {
	case c.rules.maxAttempts == 1, c.rule.maxAttempts > 0 && c.counted() >= c.rule.maxAttempts:
		return true
	case c.paced(), c.rule.maxAttempts > c.rules.maxAttempts: // it counts against its rule alone
		c.charged--
		return false
	}
	return c.charged >= c.rules.maxAttempts
}

// paced says that the quota which the pacer learns refused the last attempt.
func (c *call) paced() bool {
	return c.lane != nil && c.rule.class == Throttled && paceResult(&c.out, c.rule).Verdict == ratelimit.Throttled
}

// schedule says when the next attempt is to be made, or why it is too late.
func (c *call) schedule() (plan, StopReason) {
	p := plan{paced: c.paced()}
	asked := max(retryAfter(c.resp), c.rule.leastDelay)
	if asked > c.rule.maxDelay {
		return p, StopRetryAfterTooLong
	}
	if !p.paced || c.rule.ownBackoff {
		tally := c.tally()
		if tally.delays == nil {
			tally.delays = c.rule.newBackOff(c.rule.maxDelay)
		}
		if p.delay = tally.delays.NextBackOff(); p.delay == backoff.Stop {
			return p, StopMaxAttempts
		}
	}
	p.delay = max(p.delay, asked, 0)
	next := c.ended.Add(p.delay)
	latest, late := c.latest(c.ended)
	if next.After(latest) || late == StopDeadlineExceeded && next.Equal(latest) {
		return p, late
	}
	return p, 0
}

// retryAfter is the wait that an answer asks for, 0 if it does not.
func retryAfter(resp *http.Response) time.Duration {
	if resp == nil || len(resp.Header["Retry-After"]) == 0 {
		return 0
	}
	if value := strings.TrimLeft(resp.Header["Retry-After"][0], "+0"); len(value) > 9 && strings.Trim(value, "0123456789") == "" {
		// More seconds than the reader below can hold.
		return math.MaxInt64
	}
	// It reads the header of these statuses only; we believe it of every answer.
	asked := &http.Response{StatusCode: http.StatusTooManyRequests, Header: resp.Header}
	return retryablehttp.DefaultBackoff(0, 0, 0, asked)
}

// pause waits until the next attempt may start, or says why it will not. As long
// as it holds the last response, that is what the caller gets then.
func (c *call) pause(p plan) StopReason {
	if err := c.prepareBody(); err != nil {
		return StopNotReplayable
	}
	before := c.withdrawn
	if reason := c.withdraw(); reason != 0 {
		return reason
	}
	reason := c.waitForNext(p)
	if reason != 0 && c.withdrawn > before {
		c.withdrawn = before
		c.report(c.t.budgetOf(), budget.Unused, 1)
		c.retry = 0
	}
	return reason
}

// waitForNext waits for the delay and the pace of the next attempt, or says why it
// will not start.
func (c *call) waitForNext(p plan) StopReason {
	if !c.look.Whole && !p.paced && c.resp != nil && !bodies.Keep(c.resp) {
		// Its connection is free before the wait, as that of a whole one was when
		// it was peeked at. The answer stays at hand if it can, because the turn
		// of the next attempt may never come. Of one that is paced the pacer tells
		// that at once.
		c.resp = nil
	}
	c.retryScheduled(p)
	if !c.sleep(c.ended.Add(p.delay)) {
		return StopCanceled
	}
	if reason := c.admit(time.Now(), p.paced); reason != 0 {
		return reason
	}
	c.drop()
	return 0
}

// withdraw requests the retry from the budget. Throttled and Busy responses prove
// that the service is up: their retries consume nothing.
func (c *call) withdraw() StopReason {
	b := c.t.budgetOf()
	if b == nil || c.rule.class != Transient && c.rule.class != Ambiguous {
		return 0
	}
	latest, _ := c.latest(c.ended)
	from := time.Now()
	w := budget.Request{Host: c.host, Action: c.identify().Action, Retry: c.attempts, Start: c.start, Latest: latest}
	ctx := c.ctx
	if _, own := b.(*budget.Tokens); own {
		//lint:ignore SA1019 old callers cancel by it
		w.Cancel = c.req.Cancel // which others need a goroutine to heed
	} else {
		waiting, done := c.waiting()
		defer done()
		ctx = waiting
	}
	err := b.Acquire(ctx, w)
	c.held = wait(&c.waited.budget, from, time.Now())
	switch {
	case err == nil:
		c.withdrawn++
		c.retry = w.Retry
		return 0
	case c.isCanceled() && !errors.Is(err, budget.ErrExhausted):
		c.cancel(c.whyCanceled(err))
		return StopCanceled
	}
	return StopBudgetExhausted
}

// sleep waits until then. It is false if the call was canceled.
func (c *call) sleep(then time.Time) bool {
	from := time.Now()
	defer func() { wait(&c.waited.backoff, from, time.Now()) }()
	timer := time.NewTimer(then.Sub(from))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ctx.Done():
		c.cancel(context.Cause(c.ctx))
	//lint:ignore SA1019 old callers cancel by it
	case <-c.req.Cancel:
		c.cancel(errCanceled)
	}
	return false
}

// waiting is the context of a wait of others for the call, which must be done with
// after it: that of the call, and the request's Cancel channel ends it too.
func (c *call) waiting() (context.Context, func()) {
	//lint:ignore SA1019 old callers cancel by it
	canceled := c.req.Cancel
	if canceled == nil {
		return c.ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(c.ctx)
	go func() {
		select {
		case <-canceled:
			cancel(errCanceled)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// whyCanceled returns the error of a wait of our own limiter or budget, which report
// a closed Cancel channel as context.Canceled.
func (c *call) whyCanceled(err error) error {
	if err == context.Canceled && c.ctx.Err() == nil {
		return errCanceled
	}
	return err
}

// isCanceled says that the caller does not want the call any more.
func (c *call) isCanceled() bool {
	select {
	//lint:ignore SA1019 old callers cancel by it
	case <-c.req.Cancel:
		return true
	default:
		return c.ctx.Err() != nil
	}
}

// canceled returns the stop reason of a call that its caller ended, and why he did.
// http.Client ends a call at its Timeout by the context's deadline and by the
// Cancel channel at the same moment: whichever is seen first, time ran out.
func (c *call) canceled() (reason StopReason, cause error) {
	deadline, limited := c.ctx.Deadline()
	switch err := c.ctx.Err(); {
	case errors.Is(err, context.DeadlineExceeded):
		return StopDeadlineExceeded, context.Cause(c.ctx)
	case err != nil:
		return StopCanceled, context.Cause(c.ctx)
	case !c.isCanceled():
		return StopCanceled, nil // others say so
	case limited && !time.Now().Before(deadline):
		return StopDeadlineExceeded, context.DeadlineExceeded
	}
	return StopCanceled, errCanceled
}

// cancel gives the last response up: the caller is gone, and cause is why.
func (c *call) cancel(cause error) {
	c.drop()
	c.err = cause
}

// tally is what a call has had of one rule.
type tally struct {
	rule     *resolved
	attempts int
	delays   backoff.BackOff // nil until the first is asked for
}

// tally returns the tally of the last attempt's rule.
func (c *call) tally() *tally {
	i := slices.IndexFunc(c.tallies, func(t tally) bool { return t.rule == c.rule })
	if i < 0 {
		i = len(c.tallies)
		c.tallies = append(c.tallies, tally{rule: c.rule})
	}
	return &c.tallies[i]
}

// counted is how many attempts of the call have counted against the number of
// the last one's rule.
func (c *call) counted() int {
	n := 0
	for i := range c.tallies {
		if c.tallies[i].rule.counter == c.rule.counter {
			n += c.tallies[i].attempts
		}
	}
	return n
}

// maxElapsed is how long after the start of the call another attempt may start,
// by the policy and the rules that the call has met. A shorter time of a rule is
// about its own code; a longer one is about the call, which may have to wait out
// something else on its way.
func (c *call) maxElapsed() time.Duration {
	longest := c.rules.maxElapsed
	if c.rule != nil && c.rule.maxElapsed > 0 && c.rule.maxElapsed < longest {
		return c.rule.maxElapsed
	}
	for i := range c.tallies {
		longest = max(longest, c.tallies[i].rule.maxElapsed)
	}
	return longest
}
