package tcretry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/internal/clock"
	"github.com/tcretry/tcretry/internal/contain"
	"github.com/tcretry/tcretry/internal/envelope"
	"github.com/tcretry/tcretry/internal/replay"
	"github.com/tcretry/tcretry/internal/request"
	"github.com/tcretry/tcretry/ratelimit"
)

// call is the state of one RoundTrip. It belongs to the goroutine that makes the call,
// and lives on its stack; what others may keep is in a trip.
type call struct {
	t     *Transport
	req   *http.Request // the caller's, or a copy that has a ClientToken
	ctx   context.Context
	known bool             // id is
	id    request.Identity // see identify
	rules *rules

	host string // of the URL of the request
	body replay.Body
	next struct { // the body of the next attempt
		Body    io.ReadCloser
		GetBody func() (io.ReadCloser, error)
		ready   bool // it is ours to close until an attempt gets it
	}

	resp   *http.Response // the last response, until it is discarded or returned
	err    error          // why there is no response
	out    Outcome        // of the last attempt
	peeked envelope.Seen  // of its response
	rule   *resolved      // that decides what to do

	attempts         int                  // made so far
	formRead         int                  // how many had been made when the form was read ahead
	unknown          bool                 // one of them may have been executed, and did not succeed
	counted          int                  // of those, the ones that count against MaxAttempts
	tallies          []tally              // by rule, of the attempts that failed
	limiter          ratelimit.KeyLimiter // nil without a rate limiter
	idempotencyKnown bool                 // idempotent is
	idempotent       bool                 // whether a retry is safe

	caller *http.Request // the caller's
	token  string        // the ClientToken that we gave it; "" for none

	begun      time.Duration // when the call began, by package clock
	beganAt    time.Time     // the same; zero until start needs it
	began      time.Time     // of the last attempt; zero for that of the call
	ended      time.Time     // of the last attempt
	limitWait  time.Duration // before the last attempt
	budgetWait time.Duration // before the next attempt
	retry      int           // that the budget permitted, until its attempt is reported
	acquired   int           // retries that the budget permitted since the last success
	waited     waits         // in all

	trace  *CallTrace  // of the context; nil for most calls
	traced *TracedCall // the record of this one; nil before its first event
}

// init begins a zero call. own are the settings in its context.
func (c *call) init(t *Transport, req *http.Request, own callSettings) {
	c.t, c.req, c.caller, c.ctx = t, req, req, req.Context()
	c.rules, c.err, c.trace = own.rules, own.err, own.trace
	if c.isObserved() {
		c.beganAt = time.Now()
		c.begun = clock.Of(c.beganAt)
	} else {
		c.begun = clock.Now()
	}
	if c.rules == nil && c.err == nil {
		c.rules = t.currentRules()
	}
	limit := t.replayLimit
	switch {
	case c.err != nil || c.rules.maxAttempts == 1 || limit < 0:
		limit = 0
	case limit == 0:
		limit = defaultReplayLimit
	}
	if t.clientTokens && limit > 0 {
		c.addClientToken(limit)
	}
	c.body.Init(c.req, limit)
	if req.URL != nil {
		c.host = req.URL.Host
	}
}

// start is when the call began. A success without hooks and trace does not need it.
func (c *call) start() time.Time {
	if c.beganAt.IsZero() {
		c.beganAt = clock.Time(c.begun)
	}
	return c.beganAt
}

// identify returns the operation, the credential and the signing time of the request.
// A success without a wait, hooks and trace rarely needs it.
func (c *call) identify() *request.Identity {
	if !c.known {
		c.id, c.known = request.Identify(c.withGetBody()), true
		if c.id.Service == "" {
			c.id.Service = c.t.serviceOf(c.req)
		}
	}
	return &c.id
}

// operation is the operation of the request.
func (c *call) operation() Operation { return Operation(c.identify().Operation) }

// begin waits for the rate limiter before the first attempt.
func (c *call) begin() StopReason {
	if c.err != nil {
		return StopTerminal
	}
	limiter := c.t.activeRateLimiter()
	if limiter == nil {
		return 0
	}
	c.limiter = limiter.ForKey(c.rateLimitKey())
	if own, ok := c.limiter.(ownLimiter); ok && own.Start(c.ctx, c.begun) {
		return 0
	}
	return c.admit(c.start(), false)
}

// admit waits until the rate limiter permits the next attempt. now is the time.
func (c *call) admit(now time.Time, afterThrottle bool) StopReason {
	c.began = now
	if c.limiter == nil {
		return 0
	}
	latest, late := c.latest(now)
	waited, err := c.waitForSlot(now, ratelimit.WaitOptions{AfterThrottle: afterThrottle, NotAfter: latest})
	if err != nil {
		wait(&c.waited.rateLimit, now, time.Now())
		if errors.Is(err, ratelimit.ErrTooLate) {
			c.fail(err)
			return late
		}
		c.drop()
		c.err = err
		return StopCanceled
	}
	c.limitWait = 0
	if waited {
		c.began = time.Now()
		c.limitWait = wait(&c.waited.rateLimit, now, c.began)
	}
	return 0
}

// ownLimiter has the additional methods of our own per-key limiters: the caller passes
// the time, and the Cancel channel of a request needs no goroutine.
type ownLimiter interface {
	Start(ctx context.Context, now time.Duration) bool
	WaitFrom(ctx context.Context, canceled <-chan struct{}, now time.Time, opts ratelimit.WaitOptions) (waited bool, err error)
}

// waitForSlot waits for the rate limiter. It returns whether that may have taken time:
// our own limiters report it, which saves reading the clock.
func (c *call) waitForSlot(now time.Time, opts ratelimit.WaitOptions) (waited bool, err error) {
	if own, ok := c.limiter.(ownLimiter); ok {
		//lint:ignore SA1019 old callers cancel by it
		waited, err = own.WaitFrom(c.ctx, c.req.Cancel, now, opts)
		return waited, c.whyCanceled(err)
	}
	ctx, done := c.waiting()
	defer done()
	return true, c.limiter.Wait(ctx, opts)
}

// noticeable is the least time that counts as a wait: a call that does not wait takes
// some, too.
const noticeable = 100 * time.Microsecond

// waits are the times that a call spent waiting.
type waits struct{ backoff, budget, rateLimit time.Duration }

// wait adds the time since from to sum, and returns it.
func wait(sum *time.Duration, from, now time.Time) time.Duration {
	d := now.Sub(from)
	if d < noticeable {
		return 0
	}
	*sum += d
	return d
}

// fail sets the error of the call, unless there is a response to return, or an error of
// the last attempt.
func (c *call) fail(err error) {
	if c.resp == nil && c.out.Err == nil {
		c.err = err
	}
}

// latest returns the latest time at which the next attempt may start, and the stop
// reason if it cannot.
func (c *call) latest(now time.Time) (time.Time, StopReason) {
	latest, reason := c.start().Add(c.maxElapsed()), StopMaxElapsed
	if d, ok := c.ctx.Deadline(); ok && !d.After(latest) {
		latest, reason = d, StopDeadlineExceeded
	}
	// The first attempt is sent with any signature, but a valid one must not expire
	// while it waits.
	if until, ok := c.validUntil(); ok && until.Before(latest) && (c.attempts > 0 || until.After(now)) {
		latest, reason = until, StopSignatureExpired
	}
	return latest, reason
}

// The API rejects a timestamp more than five minutes off; an attempt is not sent
// later than ten seconds before, the time that a request may be in transit.
// Source: cloud.tencent.com/document/product/213/30654.
const (
	signatureLife   = 5 * time.Minute
	signatureMargin = 10 * time.Second
)

// validUntil returns the latest time at which an attempt with the request's signature
// may be sent; false if no signature of the request is sent.
func (c *call) validUntil() (time.Time, bool) {
	at := c.signedAt()
	return at.Add(signatureLife - signatureMargin), !at.IsZero()
}

// isIdempotent reports whether the request may be executed twice.
func (c *call) isIdempotent() bool {
	if !c.idempotencyKnown {
		rule := c.t.idempotent
		if rule == nil {
			rule = func(req *http.Request) bool { return request.Idempotent(req, c.identify().Service) }
		}
		c.idempotent = contain.Result(func() bool { return rule(c.withGetBody()) })
		c.idempotencyKnown = true
	}
	return c.idempotent
}

// withGetBody is the caller's request, with a GetBody if the body was recorded.
func (c *call) withGetBody() *http.Request {
	if !c.body.Records() || c.body.GetBody() == nil {
		return c.req
	}
	r := *c.req
	r.GetBody = c.body.GetBody()
	return &r
}

// drop discards the last response.
func (c *call) drop() {
	if c.resp != nil {
		bodies.Discard(c.resp)
		c.resp = nil
	}
}

// finish ends the call: it returns the last response, or the error.
func (c *call) finish(reason StopReason) (*http.Response, error) {
	if c.next.ready && c.next.Body != nil {
		_ = c.next.Body.Close()
	}
	c.body.Close()
	var cause, err error
	if reason == StopCanceled {
		reason, cause = c.canceled()
	}
	if c.resp == nil {
		err = c.failure(reason, cause)
	}
	c.callDone(reason, err)
	return c.resp, err
}
