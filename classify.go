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

// Class says what the outcome of one attempt means for the next one.
type Class uint8

// The classes. Undecided is the zero value so that a Classifier that has
// nothing to say can return it.
const (
	// Undecided: the classifier leaves the outcome to the next one.
	Undecided Class = iota
	// Success: the API did what it was asked to do.
	Success
	// Terminal: another attempt would be refused too. Never repeated.
	Terminal
	// Throttled: refused before execution, because of a rate limit. Repeated
	// for every action.
	Throttled
	// Busy: refused because something is in progress or occupied. Repeated for
	// every action, after longer delays.
	Busy
	// Transient: the API says that the call failed in passing, or the request
	// never left. Repeated.
	Transient
	// Ambiguous: no answer came, though the request may have been executed.
	// Repeated only if that is harmless.
	Ambiguous
)

var classNames = [...]string{"undecided", "success", "terminal", "throttled", "busy", "transient", "ambiguous"}

// classNamed returns the class of a name in lower case.
func classNamed(name string) (Class, bool) {
	i := slices.Index(classNames[:], name)
	return Class(max(i, 0)), i >= 0
}

// String returns the name of the class in lower case, as it stands in JSON.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("class(%d)", uint8(c))
}

// meaningClasses are the classes of the meanings that the catalogue has.
var meaningClasses = [...]Class{codes.Unstated: Undecided, codes.Terminal: Terminal, codes.Throttled: Throttled, codes.Busy: Busy, codes.Transient: Transient}

// Outcome is what one attempt led to. Exactly one of Response and Err says how
// the base ended, but for an answer that was cut short: it has both.
type Outcome struct {
	// Request is the request of the attempt. Not to be modified, its body not
	// to be read.
	Request *http.Request
	// Response is the answer, nil if none came. Its body belongs to the caller
	// of the transport: a classifier sees an empty one.
	Response *http.Response
	// Envelope is what the API said of a failure; nil when the answer holds
	// none.
	APIError *APIError
	// Err is the error of the base, or the one that cut the body short.
	Err error
	// Written says that the request, or a part of it, may have left: an error
	// before that is harmless.
	MaybeSent bool
	// Task says that the failure is that of a task which the response describes:
	// there is data beside it that is not null, empty or zero, and the call itself
	// succeeded. It is never set for a code of the API's own layer, such as
	// RequestLimitExceeded or AuthFailure.SignatureExpire.
	TaskFailure bool
	// Target is what the request asks for.
	Operation Operation

	// legacy is the code number of a 2.0 envelope, 0 without one.
	legacy int
}

// A Classifier tells the class of an outcome. It must be pure: no I/O, no
// clock, no memory of earlier outcomes. It is called from many goroutines at
// once.
type Classifier interface {
	Classify(Outcome) Class
}

// ClassifierFunc is a function as a Classifier.
type ClassifierFunc func(Outcome) Class

// Classify calls f.
func (f ClassifierFunc) Classify(o Outcome) Class { return f(o) }

// Chain asks classifiers in turn and returns the first class that is not
// Undecided. A nil classifier is passed over.
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

// DefaultClassifier returns what a Transport without options judges by: the code
// the API answered, by the longest of its dotted prefixes in the built-in table (of
// LimitExceeded also the text: that of a limit per second is Throttled); then the HTTP status; then the error of the base. One in whose chain a method
// Terminal() bool returns true is Terminal: so a base says that no other attempt
// would go better. It never returns Undecided.
func DefaultClassifier() Classifier {
	return ClassifierFunc(func(o Outcome) Class { return defaultRules().judge(&o, Undecided).class })
}

// withoutBody returns the outcome as a user's classifier sees it.
func (o Outcome) withoutBody() Outcome {
	if o.Response != nil {
		r := *o.Response
		r.Body = http.NoBody
		o.Response = &r
	}
	return o
}

// judge returns what to do about an outcome. decided is the class that a
// user's classifier gave it, or Undecided.
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
		// The call itself succeeded: it told of a task that failed, and would
		// tell so again.
		return r.ofClass(Terminal)
	case code != "":
		// Also if the body was cut short after it: the API said what it had to.
	case o.Err != nil:
		// An error that panics when it is asked is terminal.
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
	// Whatever the status: the API has spoken, not a gateway before it.
	return r.ofClass(Terminal)
}

// outcomeUnknown reports whether the request of an attempt that did not succeed may
// have been executed. A class that a classifier of the user's gave it says so, but
// for Terminal: it says nothing of what became of the request.
func (r *resolved) outcomeUnknown(o *Outcome) bool {
	switch {
	case r.class == Ambiguous:
		return true
	case o.APIError != nil:
		return r.idempotentOnly && r.class.repeated()
	case r.class != Terminal:
		return false
	case o.Err != nil:
		return contain.Result(func() Class { return classOfError(o.Err, o.MaybeSent) }) == Ambiguous
	}
	return classOfStatus(o) == Ambiguous
}

// The statuses below 500 by which a gateway says that it gave a request up, or
// that it wants it again. Azure's, Google's and curl's retries take 408 as well.
//
//   - 408 Request Timeout (RFC 9110, section 15.5.9): the request did not come to
//     its end in time. Gateways also answer so when the server behind them does not.
//   - 425 Too Early (RFC 8470, section 5.2): sent in early data, not accepted there.
//
// Their siblings are terminal: another attempt would take the same connection
// (421), or meet the same lock (409, 423); 499 is what nginx writes to its log,
// not to a client.
func isGatewayTimeout(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooEarly
}

// verdictOf returns what the catalogue says of an API error.
func verdictOf(e *APIError) codes.Verdict { return codes.LookupMessage(e.Code, e.Message) }

// classOfStatus judges an answer without a code, or with one that is not known.
func classOfStatus(o *Outcome) Class {
	switch {
	case o.legacy == legacyQuota:
		return Throttled
	case o.Response == nil:
		return Success
	case o.Response.StatusCode == http.StatusTooManyRequests:
		return Throttled
	case o.Response.StatusCode == http.StatusNotImplemented:
		return Terminal
	case o.Response.StatusCode >= 500, isGatewayTimeout(o.Response.StatusCode):
		// A gateway's page: what stands behind it may have executed the request.
		return Ambiguous
	case o.Response.StatusCode >= 400:
		return Terminal
	}
	return Success
}

// legacyQuota is the 2.0 envelope's number for a quota that is used up.
// Source: cloud.tencent.com/document/product/406/5881.
const legacyQuota = 4400

// classOfError judges an attempt that was not answered, or not to the end.
func classOfError(err error, written bool) Class {
	// A base that knows better says so, tc3 of a request that it cannot sign.
	if t := interface{ Terminal() bool }(nil); errors.As(err, &t) && t.Terminal() {
		return Terminal
	}
	// The policy tells apart what another attempt cannot mend: an untrusted
	// certificate, a bad scheme or header, too many redirects. It looks for that
	// in an url.Error only, as http.Client makes it, and directly below it.
	if cert := (*tls.CertificateVerificationError)(nil); errors.As(err, &cert) {
		err = cert
	}
	if neterr.RefusedByProxy(err) || neterr.Rejected(err) {
		return Terminal
	}
	wrapped := &url.Error{Op: "Post", Err: err}
	if again, _ := retryablehttp.ErrorPropagatedRetryPolicy(context.Background(), nil, wrapped); !again {
		return Terminal
	}
	if !written || neterr.NeverSent(err) || neterr.NotProcessed(err) {
		return Transient
	}
	return Ambiguous
}
