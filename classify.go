package tcretry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/tcretry/tcretry/internal/codes"
	"github.com/tcretry/tcretry/internal/contain"
	"github.com/tcretry/tcretry/internal/neterr"

	"github.com/hashicorp/go-retryablehttp"
)

// Class is the meaning of one attempt's outcome for a retry: whether the request may
// be retried, for which requests, and after which delays.
type Class uint8

// The classes. The zero value is Undecided.
const (
	// Undecided: a [Classifier] that does not classify the outcome returns it. The next
	// classifier of a [Chain] is called, and in the end the rules of the [Policy] apply.
	Undecided Class = iota
	// Success: the response reports no error. No retry.
	Success
	// Terminal: another attempt would fail as well. No retry.
	Terminal
	// Throttled: rejected before execution, because of a rate limit. Retried for every
	// action.
	Throttled
	// Busy: rejected because an operation is in progress or a resource is occupied.
	// Retried for every action, after longer delays.
	Busy
	// Transient: the API reported a transient error, or the request was never sent.
	// Retried for every action.
	Transient
	// Ambiguous: the outcome is unknown. No API response was received, and the request
	// may have been executed. Retried for idempotent requests only.
	Ambiguous
)

var classNames = [...]string{"undecided", "success", "terminal", "throttled", "busy", "transient", "ambiguous"}

// classNamed returns the class of a name in lower case.
func classNamed(name string) (Class, bool) {
	i := slices.Index(classNames[:], name)
	return Class(max(i, 0)), i >= 0
}

// String returns the name of the class in lower case, as in JSON: "throttled".
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("class(%d)", uint8(c))
}

// meaningClasses maps the meanings of the error-code catalogue to classes.
var meaningClasses = [...]Class{codes.Unstated: Undecided, codes.Terminal: Terminal, codes.Throttled: Throttled, codes.Busy: Busy, codes.Transient: Transient}

// Outcome is the result of one attempt. Either Response or Err is set; both are set
// if the body of the response ended early.
type Outcome struct {
	// Request is the request of the attempt. A classifier must neither modify it nor
	// read its body.
	Request *http.Request
	// Response is the response of the attempt, nil if none was received. Its body
	// belongs to the caller of the Transport: a classifier receives an empty body.
	Response *http.Response
	// APIError is the error in the response, nil if the response has none.
	APIError *APIError
	// Err is the error of the underlying RoundTripper, or the error that ended the
	// body of the response early.
	Err error
	// MaybeSent reports that the request, or a part of it, may have been sent. If it is
	// false, a failed request was not executed.
	MaybeSent bool
	// TaskFailure reports that APIError is the failure of a task that the response
	// describes, and that the call itself succeeded: the response has other data that
	// is not null, empty or zero. For a code of the API's own layer, such as
	// RequestLimitExceeded or AuthFailure.SignatureExpire, it is not set unless data is
	// first and the error begins more than 512 bytes before the end of the body.
	TaskFailure bool
	// Operation is the service, action and region of the request.
	Operation Operation

	// legacy is the code number of an API 2.0 envelope, 0 without one.
	legacy int
}

// A Classifier returns the class of an outcome. It must depend on the outcome alone:
// no I/O, no clock, no state. It is called concurrently from many goroutines. One that
// panics counts as [Undecided].
type Classifier interface {
	Classify(Outcome) Class
}

// ClassifierFunc is a function that implements [Classifier].
type ClassifierFunc func(Outcome) Class

// Classify returns f(o).
func (f ClassifierFunc) Classify(o Outcome) Class { return f(o) }

// Chain returns a Classifier that calls classifiers in order and returns the first
// class that is not [Undecided]. A nil classifier is skipped. Chain() returns Undecided.
func Chain(classifiers ...Classifier) Classifier {
	return ClassifierFunc(func(o Outcome) Class {
		for _, c := range classifiers {
			if c == nil {
				continue
			}
			if class := c.Classify(o); class != Undecided {
				return class
			}
		}
		return Undecided
	})
}

// DefaultClassifier returns the classification of a Transport with the zero Policy. The
// first of these decides:
//
//  1. The code of the API error: the longest of its dotted prefixes in the built-in
//     catalogue. For LimitExceeded also the message: a limit per second is Throttled.
//  2. The HTTP status.
//  3. The error of the underlying RoundTripper. An error in whose chain a method
//     Terminal() bool returns true is Terminal: an underlying RoundTripper can prevent
//     retries this way.
//
// It never returns Undecided and is safe for concurrent use.
func DefaultClassifier() Classifier {
	return ClassifierFunc(func(o Outcome) Class { return defaultRules().judge(&o, Undecided).class })
}

// withoutBody returns the outcome that a classifier of the user receives.
func (o Outcome) withoutBody() Outcome {
	if o.Response != nil {
		r := *o.Response
		r.Body = http.NoBody
		o.Response = &r
	}
	return o
}

// judge returns the rule for an outcome. decided is the class that a classifier of
// the user returned, or Undecided.
func (r *rules) judge(o *Outcome, decided Class) *resolved {
	code := ""
	if o.APIError != nil {
		code = o.APIError.Code
	}
	switch {
	case decided != Undecided && code != "":
		return r.ofCodeAs(o.Operation, o.APIError, decided)
	case decided != Undecided:
		return r.ofClass(decided)
	case o.TaskFailure:
		// The call itself succeeded: it reported a failed task, and a retry would
		// report the same.
		return r.ofClass(Terminal)
	case code != "":
		// Also if the body ended early after the error: the error was received.
	case o.Err != nil:
		// An error whose methods panic is terminal.
		return r.ofClass(contain.Result(func() Class { return classOfError(o.Err, o.MaybeSent) }))
	default:
		return r.ofClass(classOfStatus(o))
	}
	if rule, known := r.ofVerdict(o.Operation, code, verdictOf(o.APIError)); known {
		return rule
	}
	if class := classOfStatus(o); class == Throttled {
		return r.ofCodeAs(o.Operation, o.APIError, class)
	}
	// Whatever the status: the response is from the API, not from a gateway.
	return r.ofClass(Terminal)
}

// outcomeUnknown reports whether the request of an attempt that did not succeed may
// have been executed. The class of a classifier of the user decides, except for
// Terminal, which does not imply whether the request was executed.
func (r *resolved) outcomeUnknown(o *Outcome) bool {
	switch {
	case r.class == Ambiguous:
		return true
	case o.APIError != nil:
		return r.idempotentOnly && r.class.retryable()
	case r.class != Terminal:
		return false
	case o.Err != nil:
		return contain.Result(func() Class { return classOfError(o.Err, o.MaybeSent) }) == Ambiguous
	}
	return classOfStatus(o) == Ambiguous
}

// isGatewayTimeout reports whether a status below 500 is one by which a gateway gives
// a request up or requests a retry. Azure's, Google's and curl's retries include 408.
//
//   - 408 Request Timeout (RFC 9110, section 15.5.9): the request did not arrive
//     completely in time. Gateways also return it when the server behind them is late.
//   - 425 Too Early (RFC 8470, section 5.2): sent in early data, not accepted there.
//
// Their siblings are terminal: another attempt would use the same connection (421) or
// meet the same lock (409, 423), and nginx writes 499 to its log, not to a client.
func isGatewayTimeout(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooEarly
}

// verdictOf returns the verdict of the catalogue on an API error.
func verdictOf(e *APIError) codes.Verdict { return codes.LookupMessage(e.Code, e.Message) }

// classOfStatus returns the class of a response without a known code.
func classOfStatus(o *Outcome) Class {
	switch {
	case o.legacy == legacyRateLimit:
		return Throttled
	case o.Response == nil:
		return Success
	case o.Response.StatusCode == http.StatusTooManyRequests:
		return Throttled
	case o.Response.StatusCode == http.StatusNotImplemented:
		return Terminal
	case o.Response.StatusCode >= 500, isGatewayTimeout(o.Response.StatusCode):
		// A gateway's page: the server behind it may have executed the request.
		return Ambiguous
	case o.Response.StatusCode >= 400:
		return Terminal
	}
	return Success
}

// legacyRateLimit is the number in an API 2.0 envelope for an exceeded rate limit.
// Source: cloud.tencent.com/document/product/406/5881.
const legacyRateLimit = 4400

// classOfError returns the class of an attempt without a complete response.
func classOfError(err error, maybeSent bool) Class {
	// The underlying RoundTripper decides, such as tc3 for a request it cannot sign.
	if t := interface{ Terminal() bool }(nil); errors.As(err, &t) && t.Terminal() {
		return Terminal
	}
	// The policy of retryablehttp recognizes permanent errors: an untrusted
	// certificate, a bad scheme or header, too many redirects. It inspects only the
	// error directly inside a url.Error, as http.Client returns it.
	if cert := (*tls.CertificateVerificationError)(nil); errors.As(err, &cert) {
		err = cert
	}
	if neterr.RefusedByProxy(err) || neterr.Rejected(err) {
		return Terminal
	}
	wrapped := &url.Error{Op: "Post", Err: err}
	if retry, _ := retryablehttp.ErrorPropagatedRetryPolicy(context.Background(), nil, wrapped); !retry {
		return Terminal
	}
	if !maybeSent || neterr.NeverSent(err) || neterr.NotProcessed(err) {
		return Transient
	}
	return Ambiguous
}
