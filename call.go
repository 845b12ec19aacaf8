package tcretry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/internal/contain"
	"github.com/tcretry/tcretry/internal/envelope"
	"github.com/tcretry/tcretry/internal/replay"
	"github.com/tcretry/tcretry/internal/request"
	"github.com/tcretry/tcretry/ratelimit"
)

// call is one RoundTrip: its state belongs to the goroutine that makes it, and
// lives on its stack. What others may hold on to is in a trip.
type call struct {
	t     *Transport
	req   *http.Request // the caller's, or a copy that has a ClientToken
	ctx   context.Context
	known bool             // id is
	id    request.Identity // see identify
	rules *rules

	host string // where the request lands
	body replay.Body
	next struct { // the body of the next attempt
		Body    io.ReadCloser
		GetBody func() (io.ReadCloser, error)
		ready   bool // we have it, and must close it unless the base gets it
	}

	resp *http.Response // the last response, until it is discarded or returned
	err  error          // why there is no response
	out  Outcome        // of the last attempt
	look envelope.Seen  // at its answer
	rule *resolved      // what to do about it

	attempts int                  // made so far
	formRead int                  // how many had been made when the form was read ahead
	unknown  bool                 // one of them may have been executed, and was not answered with success
	charged  int                  // of those, the ones that count against MaxAttempts
	tallies  []tally              // by rule, of the attempts that failed
	lane     ratelimit.KeyLimiter // nil without a pacer
	judged   bool                 // harmless is
	harmless bool                 // whether repeating is

	caller *http.Request // the caller's
	token  string        // the ClientToken that we gave it; "" for none

	start     time.Time
	began     time.Time     // of the last attempt
	ended     time.Time     // of the last attempt
	paceWait  time.Duration // before the last attempt
	held      time.Duration // by the budget, before the next attempt
	retry     int           // that was permitted, until its attempt is reported
	withdrawn int           // retries that the budget permitted since the last success
	waited    waits         // in all

	trace  *CallTrace  // of the context; nil for most calls
	traced *TracedCall // what it keeps of this one; nil before its first event
}

// init begins a call that is zero. own is what its context says.
func (c *call) init(t *Transport, req *http.Request, own wishes) {
	c.t, c.req, c.caller, c.ctx = t, req, req, req.Context()
	c.start = time.Now()
	c.rules, c.err, c.trace = own.rules, own.err, own.trace
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
		c.giveToken(limit)
	}
	c.body.Init(c.req, limit)
	if req.URL != nil {
		c.host = req.URL.Host
	}
}

// identify returns what the request tells of itself. A success that did not wait
// and that nobody is told of rarely asks.
func (c *call) identify() *request.Identity {
	if !c.known {
		c.id, c.known = request.Identify(c.asked()), true
		if c.id.Service == "" {
			c.id.Service = c.t.serviceOf(c.req)
		}
	}
	return &c.id
}

// target is what the request asks for.
func (c *call) target() Operation { return Operation(c.identify().Operation) }

// begin waits for the pace of the first attempt.
func (c *call) begin() StopReason {
	if c.err != nil {
		return StopTerminal
	}
	c.began = c.start
	pacer := c.t.pacerOf()
	if pacer == nil {
		return 0
	}
	c.lane = pacer.ForKey(c.paceKey())
	if own, ok := c.lane.(ownLimiter); ok && own.Start(c.ctx, c.start) {
		return 0
	}
	return c.admit(c.start, false)
}

// admit waits until the pace lets the next attempt start. now is the time.
func (c *call) admit(now time.Time, again bool) StopReason {
	c.began = now
	if c.lane == nil {
		return 0
	}
	latest, late := c.latest(now)
	waited, err := c.waitTurn(now, ratelimit.WaitOptions{AfterThrottle: again, NotAfter: latest})
	if err != nil {
		wait(&c.waited.pace, now, time.Now())
		if errors.Is(err, ratelimit.ErrTooLate) {
			c.fail(err)
			return late
		}
		c.drop()
		c.err = err
		return StopCanceled
	}
	c.paceWait = 0
	if waited {
		c.began = time.Now()
		c.paceWait = wait(&c.waited.pace, now, c.began)
	}
	return 0
}

// ownLane is what a per-key limiter of our own can do besides: it takes the time from
// its caller, and a closed Cancel channel needs no goroutine.
type ownLimiter interface {
	Start(ctx context.Context, now time.Time) bool
	WaitFrom(ctx context.Context, canceled <-chan struct{}, now time.Time, turn ratelimit.WaitOptions) (waited bool, err error)
}

// waitTurn waits for a turn of the lane. It returns whether that may have taken time:
// our own lanes tell, and need neither read the clock nor a goroutine that watches
// the request's Cancel channel.
func (c *call) waitTurn(now time.Time, turn ratelimit.WaitOptions) (waited bool, err error) {
	if own, ok := c.lane.(ownLimiter); ok {
		//lint:ignore SA1019 old callers cancel by it
		waited, err = own.WaitFrom(c.ctx, c.req.Cancel, now, turn)
		return waited, c.whyCanceled(err)
	}
	ctx, done := c.waiting()
	defer done()
	return true, c.lane.Wait(ctx, turn)
}

// noticeable is the least time that counts as a wait: asking takes some, too.
const noticeable = 100 * time.Microsecond

// waits are the parts of a call that it spent waiting.
type waits struct{ backoff, budget, pace time.Duration }

// wait counts the time since from into sum, and returns it.
func wait(sum *time.Duration, from, now time.Time) time.Duration {
	d := now.Sub(from)
	if d < noticeable {
		return 0
	}
	*sum += d
	return d
}

// fail keeps err as the call's, unless there still is a response to return, or the
// error of the last attempt.
func (c *call) fail(err error) {
	if c.resp == nil && c.out.Err == nil {
		c.err = err
	}
}

// latest is when the next attempt must start at the latest, and what ends the
// call if it cannot.
func (c *call) latest(now time.Time) (time.Time, StopReason) {
	latest, reason := c.start.Add(c.maxElapsed()), StopMaxElapsed
	if d, ok := c.ctx.Deadline(); ok && !d.After(latest) {
		latest, reason = d, StopDeadlineExceeded
	}
	// The first attempt goes out whatever its signature says: that is the
	// caller's business. It only must not get too old by waiting.
	if until, ok := c.validUntil(); ok && until.Before(latest) && (c.attempts > 0 || until.After(now)) {
		latest, reason = until, StopSignatureExpired
	}
	return latest, reason
}

// The API refuses a timestamp more than five minutes off; an attempt is not sent
// later than ten seconds before, the time that a request may be on its way.
// Source: cloud.tencent.com/document/product/213/30654.
const (
	signatureLife   = 5 * time.Minute
	signatureMargin = 10 * time.Second
)

// validUntil is when an attempt with the request's signature must be sent, if
// there is one that is sent.
func (c *call) validUntil() (time.Time, bool) {
	at := c.signedAt()
	return at.Add(signatureLife - signatureMargin), !at.IsZero()
}

// isHarmless says whether the request may be executed twice.
func (c *call) isHarmless() bool {
	if !c.judged {
		rule := c.t.idempotent
		if rule == nil {
			rule = func(req *http.Request) bool { return request.Idempotent(req, c.identify().Service) }
		}
		c.harmless = contain.Result(func() bool { return rule(c.asked()) })
		c.judged = true
	}
	return c.harmless
}

// asked is the caller's request, with a GetBody if the body was kept.
func (c *call) asked() *http.Request {
	if !c.body.Records() || c.body.GetBody() == nil {
		return c.req
	}
	r := *c.req
	r.GetBody = c.body.GetBody()
	return &r
}

// drop discards the last response: the caller will not get it.
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
