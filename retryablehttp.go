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

// CheckRetry returns a retryablehttp.CheckRetry that classifies as a Transport does:
// assign it to an existing client. A nil classifier means the default; another one is
// called before it, and counts as Undecided if it panics. The body of a response stays
// readable, every byte. A server that requests a longer delay than the default
// MaxDelay, 30 seconds, ends the call.
//
// The client passes less information than a Transport has: without a response, neither
// the action nor whether anything was sent. Such a request is retried only if no
// connection was made. When its retries are exhausted, the client returns an error
// instead of the last response, unless its ErrorHandler is
// retryablehttp.PassthroughErrorHandler.
//
// For requests that are not to the API, see [IsAPIRequest], it calls
// retryablehttp.DefaultRetryPolicy. Without a response only the URL and the method are
// known, not the headers. Then a POST to any host counts as one to the API, because it
// may have been executed; other methods do only at an API host or with signed v1
// parameters.
func CheckRetry(c Classifier) retryablehttp.CheckRetry {
	return func(ctx context.Context, resp *http.Response, err error) (bool, error) {
		if !mayBeAPI(resp, err) {
			return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
		}
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		o := outcomeOf(resp, err)
		decided := Undecided
		if c != nil {
			decided = contain.Result(func() Class { return c.Classify(o.withoutBody()) })
		}
		rule := defaultRules().judge(&o, decided)
		class := rule.class
		if resp != nil && class.retryable() {
			resp.Body = &classifiedBody{ReadCloser: resp.Body, outcome: o, class: class}
		}
		idempotentOnly := rule.idempotentOnly || class == Ambiguous
		if !class.retryable() || idempotentOnly && (o.Request == nil || !Idempotent(o.Request)) {
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

// outcomeOf is the outcome of an attempt as a retryablehttp.Client passes it.
func outcomeOf(resp *http.Response, err error) Outcome {
	o := Outcome{Response: resp, Err: err, MaybeSent: true}
	if resp == nil {
		if u, ok := err.(*url.Error); ok {
			// As the underlying RoundTripper returned it.
			o.Err = u.Err
		}
		return o
	}
	seen := envelope.Peek(resp, envelope.DefaultLimit, new(bodies.Peeked))
	o.APIError, o.TaskFailure, o.legacy = (*APIError)(seen.Failure), seen.Task, seen.Legacy
	if err == nil {
		o.Err = seen.Err
	}
	if o.Request = resp.Request; o.Request != nil {
		o.Operation = OperationOf(o.Request)
	}
	return o
}

// classifiedBody is the body of a response that CheckRetry classified. The client reads
// it to its end before it calls Backoff, which needs the class again.
type classifiedBody struct {
	io.ReadCloser
	outcome Outcome
	class   Class
}

// RetryableBackoff returns a retryablehttp.Backoff with the delays of a policy: assign it
// to an existing client, beside [CheckRetry]. A policy that is not valid counts as the
// zero Policy. RetryWaitMin and RetryWaitMax of the client have no effect, and neither
// has Policy.MaxAttempts: the client has RetryMax. A delay that a server requests is
// kept, even beyond MaxDelay, because a Backoff cannot end the call.
//
// Requests that are not to the API have the delays of retryablehttp.DefaultBackoff.
// Without a response it is not known which they are: the delay is the longer of both.
func RetryableBackoff(p Policy) retryablehttp.Backoff {
	rules := defaultRules()
	if p.Validate() == nil {
		rules = p.compile()
	}
	return func(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
		if !mayBeAPI(resp, nil) {
			return retryablehttp.DefaultBackoff(least, most, attempt, resp)
		}
		rule, requested := rules.ofClass(Transient), retryAfter(resp)
		if resp == nil {
			requested = retryablehttp.DefaultBackoff(least, most, attempt, nil)
		} else if b, ok := resp.Body.(*classifiedBody); ok {
			rule = rules.judge(&b.outcome, b.class)
		}
		delays := rule.newBackOff(rule.maxDelay)
		delay := delays.NextBackOff()
		// The client keeps no state between delays: the sequence starts again each time.
		for range min(attempt, 64) {
			delay = delays.NextBackOff()
		}
		return max(delay, requested, rule.leastDelay, 0)
	}
}
