package tcretry

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// CheckRetry gives an existing retryablehttp.Client the judgement of a
// Transport: assign it to the client's CheckRetry. A nil classifier means the
// default; another one is asked before it, and counts as Undecided if it panics.
// The body of a response that is returned stays readable, every byte. A server
// that asks for a longer delay than the default MaxDelay, 30 seconds, ends the call.
//
// The client tells less than a Transport knows: of a request that was not
// answered it tells neither the action nor whether anything was written. So such
// a request is repeated only if the connection never came about. And when its
// retries run out, the client returns an error in the place of the last response,
// unless its ErrorHandler is retryablehttp.PassthroughErrorHandler.
func CheckRetry(c Classifier) retryablehttp.CheckRetry {
	return func(ctx context.Context, resp *http.Response, err error) (bool, error) {
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		o := judgedOutcome(resp, err)
		decided := Undecided
		if c != nil {
			decided = contained(func() Class { return c.Classify(o.withoutBody()) })
		}
		class := defaultRules().judge(&o, decided).class
		if resp != nil && class.repeated() {
			resp.Body = &judgedBody{ReadCloser: resp.Body, outcome: o, class: class}
		}
		switch class {
		case Throttled, Busy, Transient:
		case Ambiguous:
			if o.Request == nil || !Idempotent(o.Request) {
				return false, nil
			}
		default:
			return false, nil
		}
		return retryAfter(resp) <= defaultRules().maxDelay, nil
	}
}

// judgedOutcome is what a retryablehttp.Client tells of an attempt.
func judgedOutcome(resp *http.Response, err error) Outcome {
	o := Outcome{Response: resp, Err: err, Written: true}
	if resp == nil {
		if u, ok := err.(*url.Error); ok {
			// As the base returned it.
			o.Err = u.Err
		}
		return o
	}
	look := peek(resp, defaultPeekLimit, new(peekedBody))
	o.Envelope, o.Task, o.legacy = look.envelope, look.task, look.legacy
	if err == nil {
		o.Err = look.err
	}
	if o.Request = resp.Request; o.Request != nil {
		o.Target = identify(o.Request).Target
	}
	return o
}

// judgedBody is the body of a response that CheckRetry judged. The client reads
// it to its end before it asks for the delay, which needs the judgement again.
type judgedBody struct {
	io.ReadCloser
	outcome Outcome
	class   Class
}

// RetryableBackoff gives an existing retryablehttp.Client the delays of a
// policy: assign it to the client's Backoff, beside [CheckRetry]. A policy that is
// not valid counts as the zero Policy. The client's RetryWaitMin and RetryWaitMax
// count for nothing; Policy.MaxAttempts does neither, as the client has RetryMax.
// A delay that a server asks for is kept, whatever MaxDelay says: this signature
// cannot end the call.
func RetryableBackoff(p Policy) retryablehttp.Backoff {
	rules := defaultRules()
	if p.Validate() == nil {
		rules = p.compile()
	}
	return func(_, _ time.Duration, attempt int, resp *http.Response) time.Duration {
		rule := rules.ofClass(Transient)
		if resp != nil {
			if b, ok := resp.Body.(*judgedBody); ok {
				rule = rules.judge(&b.outcome, b.class)
			}
		}
		delays := rule.newBackOff(rule.maxDelay)
		delay := delays.NextBackOff()
		// The client keeps no state between delays: the sequence is walked again.
		for range min(attempt, 64) {
			delay = delays.NextBackOff()
		}
		return max(delay, retryAfter(resp), rule.leastDelay, 0)
	}
}
