package tcretry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/internal/contain"
	"github.com/tcretry/tcretry/internal/envelope"

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
//
// What is not about a request to the API, as [IsAPIRequest] reports of the
// response's request, is left to retryablehttp.DefaultRetryPolicy. Without a response
// only the URL and the method are known, not the header that may mark the request. So
// a POST to any host counts as one to the API then: it may have been executed. Every other
// method does only at an API host or with signed v1 parameters.
func CheckRetry(c Classifier) retryablehttp.CheckRetry {
	return func(ctx context.Context, resp *http.Response, err error) (bool, error) {
		if !mayBeAPI(resp, err) {
			return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
		}
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		o := judgedOutcome(resp, err)
		decided := Undecided
		if c != nil {
			decided = contain.Result(func() Class { return c.Classify(o.withoutBody()) })
		}
		rule := defaultRules().judge(&o, decided)
		class := rule.class
		if resp != nil && class.repeated() {
			resp.Body = &judgedBody{ReadCloser: resp.Body, outcome: o, class: class}
		}
		idempotentOnly := rule.idempotentOnly || class == Ambiguous
		if !class.repeated() || idempotentOnly && (o.Request == nil || !Idempotent(o.Request)) {
			return false, nil
		}
		return retryAfter(resp) <= defaultRules().maxDelay, nil
	}
}

// mayBeAPI reports whether resp, or else err, is about a request to the API, or
// about one that may be.
func mayBeAPI(resp *http.Response, err error) bool {
	if resp != nil {
		return resp.Request == nil || IsAPIRequest(resp.Request)
	}
	failed := (*url.Error)(nil)
	if !errors.As(err, &failed) {
		return true
	}
	address, err := url.Parse(failed.URL)
	method := strings.ToUpper(failed.Op) // http.Client writes it as "Post"
	return err != nil || method == http.MethodPost || IsAPIRequest(&http.Request{Method: method, URL: address})
}

// judgedOutcome is what a retryablehttp.Client tells of an attempt.
func judgedOutcome(resp *http.Response, err error) Outcome {
	o := Outcome{Response: resp, Err: err, MaybeSent: true}
	if resp == nil {
		if u, ok := err.(*url.Error); ok {
			// As the base returned it.
			o.Err = u.Err
		}
		return o
	}
	look := envelope.Peek(resp, envelope.DefaultLimit, new(bodies.Peeked))
	o.APIError, o.TaskFailure, o.legacy = (*APIError)(look.Failure), look.Task, look.Legacy
	if err == nil {
		o.Err = look.Err
	}
	if o.Request = resp.Request; o.Request != nil {
		o.Operation = OperationOf(o.Request)
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
//
// What is not about a request to the API has the delays of
// retryablehttp.DefaultBackoff. Without a response nothing tells which it is: the
// delay is the longer of both.
func RetryableBackoff(p Policy) retryablehttp.Backoff {
	rules := defaultRules()
	if p.Validate() == nil {
		rules = p.compile()
	}
	return func(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
		if !mayBeAPI(resp, nil) {
			return retryablehttp.DefaultBackoff(least, most, attempt, resp)
		}
		rule, asked := rules.ofClass(Transient), retryAfter(resp)
		if resp == nil {
			asked = retryablehttp.DefaultBackoff(least, most, attempt, nil)
		} else if b, ok := resp.Body.(*judgedBody); ok {
			rule = rules.judge(&b.outcome, b.class)
		}
		delays := rule.newBackOff(rule.maxDelay)
		delay := delays.NextBackOff()
		// The client keeps no state between delays: the sequence is walked again.
		for range min(attempt, 64) {
			delay = delays.NextBackOff()
		}
		return max(delay, asked, rule.leastDelay, 0)
	}
}
