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

// plan is when the next attempt is made.
type plan struct {
	delay       time.Duration // backoff, or what the server requested
	rateLimited bool          // the attempt was throttled: the rate limiter schedules the next one
}

// decide returns the plan for the next attempt, or why there is none. Checks without
// side effects come first; the retry budget, which is consumed, comes last, in pause.
func (c *call) decide() (plan, StopReason) {
	if reason := c.mayRetry(); reason != 0 {
		return plan{}, reason
	}
	return c.schedule()
}

// mayRetry returns why there must not be another attempt, or 0.
func (c *call) mayRetry() StopReason {
	class := c.rule.class
	switch {
	case class == Success:
		return StopSuccess
	case c.isCanceled():
		return StopCanceled
	case class == Terminal:
		return StopTerminal
	case (class == Ambiguous || c.rule.idempotentOnly) && !c.isIdempotent():
		return StopNotIdempotent
	case c.attemptsExhausted():
		return StopMaxAttempts
	case !c.body.Replayable():
		return StopNotReplayable
	}
	return 0
}

// attemptsExhausted counts the last attempt and reports whether the call, or its rule,
// has reached its number of attempts. An attempt that was throttled at a rate limit
// which the limiter handles does not count against the policy's MaxAttempts: it was not executed, the limiter
// schedules the next one, and MaxElapsed, the deadline and the signature limit the
// call. Without a limiter it counts: nothing but the backoff would limit the load.
func (c *call) attemptsExhausted() bool {
	tally := c.tally()
	tally.attempts++
	switch {
	case c.rules.maxAttempts == 1, c.rule.maxAttempts > 0 && c.ruleAttempts() >= c.rule.maxAttempts:
		return true
	case c.rateLimited(), c.rule.maxAttempts > c.rules.maxAttempts: // it counts against its rule alone
		c.counted--
		return false
	}
	return c.counted >= c.rules.maxAttempts
}

// rateLimited reports whether the last attempt was throttled at a limit that the rate
// limiter learns.
func (c *call) rateLimited() bool {
	return c.limiter != nil && c.rule.class == Throttled && limiterResult(&c.out, c.rule).Verdict == ratelimit.Throttled
}

// schedule returns when the next attempt is due, or why it would be too late.
func (c *call) schedule() (plan, StopReason) {
	p := plan{rateLimited: c.rateLimited()}
	requested := max(retryAfter(c.resp), c.rule.leastDelay)
	if requested > c.rule.maxDelay {
		return p, StopRetryAfterTooLong
	}
	if !p.rateLimited || c.rule.ownBackoff {
		tally := c.tally()
		if tally.delays == nil {
			tally.delays = c.rule.newBackOff(c.rule.maxDelay)
		}
		if p.delay = tally.delays.NextBackOff(); p.delay == backoff.Stop {
			return p, StopMaxAttempts
		}
	}
	p.delay = max(p.delay, requested, 0)
	next := c.ended.Add(p.delay)
	latest, late := c.latest(c.ended)
	if next.After(latest) || late == StopDeadlineExceeded && next.Equal(latest) {
		return p, late
	}
	return p, 0
}

// retryAfter is the delay that a response requests, 0 without one.
func retryAfter(resp *http.Response) time.Duration {
	if resp == nil || len(resp.Header["Retry-After"]) == 0 {
		return 0
	}
	if value := strings.TrimLeft(resp.Header["Retry-After"][0], "+0"); len(value) > 9 && strings.Trim(value, "0123456789") == "" {
		// More seconds than the reader below can hold.
		return math.MaxInt64
	}
	// DefaultBackoff reads the header for these statuses only; it holds for every response.
	throttled := &http.Response{StatusCode: http.StatusTooManyRequests, Header: resp.Header}
	return retryablehttp.DefaultBackoff(0, 0, 0, throttled)
}

// pause waits until the next attempt may start, or returns why it will not. The last
// response is kept until then: if no attempt follows, the caller gets it.
func (c *call) pause(p plan) StopReason {
	if err := c.prepareBody(); err != nil {
		return StopNotReplayable
	}
	before := c.acquired
	if reason := c.acquire(); reason != 0 {
		return reason
	}
	reason := StopCanceled // until the wait has ended: a panic returns the retry too
	defer func() {
		if reason != 0 && c.acquired > before {
			c.acquired = before
			c.report(c.t.activeBudget(), budget.Unused, 1)
		}
	}()
	reason = c.waitForNext(p)
	return reason
}

// waitForNext waits for the backoff and the rate limiter, or returns why the next
// attempt will not start.
func (c *call) waitForNext(p plan) StopReason {
	if !c.peeked.Whole && !p.rateLimited && c.resp != nil && !bodies.Keep(c.resp) {
		// The rest of the body is read before the wait, so that its connection is free.
		// A short one is kept: the next attempt may never start, and then the caller
		// gets it. After throttling the rate limiter reports that immediately.
		c.resp = nil
	}
	c.retryScheduled(p)
	if !c.sleep(c.ended.Add(p.delay)) {
		return StopCanceled
	}
	return c.admit(time.Now(), p.rateLimited)
}

// acquire requests a retry from the retry budget. Throttled and Busy responses prove
// that the service is up: their retries consume nothing.
func (c *call) acquire() StopReason {
	b := c.t.activeBudget()
	if b == nil || c.rule.class != Transient && c.rule.class != Ambiguous {
		return 0
	}
	latest, _ := c.latest(c.ended)
	from := time.Now()
	w := budget.Request{Host: c.host, Action: c.identify().Action, Retry: c.attempts, Start: c.start(), Latest: latest}
	ctx := c.ctx
	if _, own := b.(*budget.Tokens); own {
		//lint:ignore SA1019 old callers cancel by it
		w.Cancel = c.req.Cancel // other budgets need a goroutine for it
	} else {
		waiting, done := c.waiting()
		defer done()
		ctx = waiting
	}
	err := b.Acquire(ctx, w)
	c.budgetWait = wait(&c.waited.budget, from, time.Now())
	switch {
	case err == nil:
		c.acquired++
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

// waiting returns the context for a wait in foreign code, and a function that must be
// called after it: the context of the call, which the request's Cancel channel ends too.
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

// whyCanceled returns the error of a wait in our own limiter or budget, which report
// a closed Cancel channel as context.Canceled.
func (c *call) whyCanceled(err error) error {
	if err == context.Canceled && c.ctx.Err() == nil {
		return errCanceled
	}
	return err
}

// isCanceled reports whether the caller canceled the call.
func (c *call) isCanceled() bool {
	select {
	//lint:ignore SA1019 old callers cancel by it
	case <-c.req.Cancel:
		return true
	default:
		return c.ctx.Err() != nil
	}
}

// canceled returns the stop reason of a call that its caller ended, and the cause.
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
		return StopCanceled, nil // a foreign limiter or budget returned it
	case limited && !time.Now().Before(deadline):
		return StopDeadlineExceeded, context.DeadlineExceeded
	}
	return StopCanceled, errCanceled
}

// cancel discards the last response: the caller is gone, for this cause.
func (c *call) cancel(cause error) {
	c.drop()
	c.err = cause
}

// tally counts the attempts of a call under one rule.
type tally struct {
	rule     *resolved
	attempts int
	delays   backoff.BackOff // nil until the first is needed
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

// ruleAttempts is how many attempts of the call count against the number of the last
// one's rule.
func (c *call) ruleAttempts() int {
	n := 0
	for i := range c.tallies {
		if c.tallies[i].rule.counter == c.rule.counter {
			n += c.tallies[i].attempts
		}
	}
	return n
}

// maxElapsed is how long after the start of the call another attempt may start,
// by the policy and the rules of the codes it has got. A shorter time of a rule holds
// for its own code; a longer one holds for the call, which may have to wait for
// something else too.
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
