package tcretry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tcretry/tcretry/internal/contain"
	"github.com/tcretry/tcretry/internal/neterr"
	"github.com/tcretry/tcretry/internal/request"
)

// StopReason is why a call ended. The list is closed.
type StopReason uint8

// The stop reasons.
const (
	// StopSuccess: the last attempt succeeded, or got a response that is not one of
	// the API.
	StopSuccess StopReason = iota + 1
	// StopTerminal: the error is not retryable.
	StopTerminal
	// StopNotIdempotent: the request may have been executed, and it is not known to be
	// idempotent. See [Idempotent] and [WithClientTokens].
	StopNotIdempotent
	// StopNotReplayable: the body of the request cannot be sent again. Set
	// Request.GetBody, or see [WithMaxReplayBytes].
	StopNotReplayable
	// StopMaxAttempts: Policy.MaxAttempts, or that of a rule, is reached.
	StopMaxAttempts
	// StopMaxElapsed: the next attempt would start later than Policy.MaxElapsed.
	StopMaxElapsed
	// StopRetryAfterTooLong: the server requests a longer delay than Policy.MaxDelay.
	StopRetryAfterTooLong
	// StopDeadlineExceeded: the context's deadline has passed, or would before the next
	// attempt starts.
	StopDeadlineExceeded
	// StopSignatureExpired: the signature would be too old when the next attempt
	// arrives.
	StopSignatureExpired
	// StopBudgetExhausted: the retry budget is exhausted, because too many attempts of
	// all calls fail.
	StopBudgetExhausted
	// StopCanceled: the caller canceled the call, by its context or by the
	// request's Cancel channel.
	StopCanceled
)

var stopNames = [...]string{
	"", "success", "terminal", "not_idempotent", "not_replayable", "max_attempts",
	"max_elapsed", "retry_after_too_long", "deadline_exceeded", "signature_expired", "budget_exhausted", "canceled",
}

// String returns the name of the reason in snake case, fit for a label.
func (r StopReason) String() string {
	if r > 0 && int(r) < len(stopNames) {
		return stopNames[r]
	}
	return fmt.Sprintf("stop(%d)", uint8(r))
}

// MarshalText returns the name of the reason in snake case.
func (r StopReason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// ErrOutcomeUnknown is what errors.Is finds in the error of a call whose request
// may have been executed: see [Error.OutcomeUnknown].
var ErrOutcomeUnknown = errors.New("tcretry: outcome unknown: the request may have been executed")

// Error is the error of a call that ended without a response. It says how many
// attempts were made, why no other followed, and whether the request may have
// been executed.
//
// One kind of error is not wrapped in it: that of a single attempt that was not
// executed and that no retry can help, such as an untrusted certificate, an
// unsupported scheme or a request that cannot be signed. It is returned
// unchanged, because code outside tests its type without errors.As, as
// go-retryablehttp does for a *tls.CertificateVerificationError.
//
// Error implements net.Error and holds neither a header nor a body of the request,
// nor the address of a *url.Error. errors.Is and errors.As find:
//
//	Err and LastErr           the underlying RoundTripper's error, the cause of the context
//	ErrOutcomeUnknown         if OutcomeUnknown
//	context.Canceled          if Reason is StopCanceled, whatever the cause
//	context.DeadlineExceeded  if Reason is StopDeadlineExceeded, whatever the cause
//
// The documentation of the package has a table of what each ending returns.
type Error struct {
	// Reason is why no other attempt was made.
	Reason StopReason
	// Attempts is the number of attempts made, 0 if the call ended before one.
	Attempts int
	// Action is the action of the request, "" if it has none.
	Action string
	// OutcomeUnknown reports that the request may have been executed: at least one
	// attempt was sent and got no response, or only that of a gateway. Check the
	// effect of a request that is not idempotent before it is made again.
	// It is also true of read-only requests, for which it does not matter. If it is
	// false, no attempt was executed.
	OutcomeUnknown bool
	// Err is what ended the call: the error of the last attempt, the cause of the
	// context, or the reason why the next attempt could not start.
	Err error
	// LastErr is the error of the last attempt if Err is another one, because the
	// call was canceled; nil otherwise.
	LastErr error
}

// Error returns the text of e, such as "tcretry: RunInstances: giving up after 1
// attempt (not_idempotent): EOF; outcome unknown: the request may have been
// executed". The last part is left out for actions that are read-only by name.
func (e *Error) Error() string {
	action := ""
	if e.Action != "" {
		action = printable(e.Action, maxCode) + ": "
	}
	text := prefixed(fmt.Sprintf("tcretry: %sgiving up after %s (%s): ", action, attempts(e.Attempts), e.Reason), neterr.Text(e.Err))
	if e.LastErr != nil {
		text += "; last error: " + neterr.Text(e.LastErr)
	}
	if e.OutcomeUnknown && !request.ReadOnly("", e.Action) {
		text += "; " + strings.TrimPrefix(ErrOutcomeUnknown.Error(), "tcretry: ")
	}
	return text
}

// prefixed is the text of a wrapped error with a prefix before each line, as it may join
// several errors, and with the name of the package once.
func prefixed(wrapper, wrapped string) string {
	lines := strings.Split(wrapped, "\n")
	for i, line := range lines {
		lines[i] = wrapper + strings.TrimPrefix(line, "tcretry: ")
	}
	return strings.Join(lines, "\n")
}

// attempts returns "1 attempt", "2 attempts".
func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}

// Unwrap returns Err and LastErr, less those that are nil.
func (e *Error) Unwrap() []error {
	return slices.DeleteFunc([]error{e.Err, e.LastErr}, func(err error) bool { return err == nil })
}

// Is reports whether e matches target, one of the sentinels listed at [Error].
func (e *Error) Is(target error) bool {
	switch target {
	case ErrOutcomeUnknown:
		return e.OutcomeUnknown
	case context.Canceled:
		return e.Reason == StopCanceled
	case context.DeadlineExceeded:
		return e.Reason == StopDeadlineExceeded
	}
	return false
}

// Timeout reports whether the deadline of the call passed, or Err is a timeout. The
// Timeout of a *url.Error, which http.Client returns, calls this one.
func (e *Error) Timeout() bool {
	var t interface{ Timeout() bool }
	return e.Reason == StopDeadlineExceeded || errors.As(e.Err, &t) && t.Timeout()
}

// Temporary reports what Err reports, and true if the deadline of the call passed, as
// context.DeadlineExceeded does. It is part of net.Error, which programs test for.
func (e *Error) Temporary() bool {
	var t interface{ Temporary() bool }
	return e.Reason == StopDeadlineExceeded || errors.As(e.Err, &t) && t.Temporary()
}

// failure returns the error of a call that ended for reason without a response.
// cause is why the caller ended it, nil if the caller did not.
func (c *call) failure(reason StopReason, cause error) error {
	if reason == StopTerminal && c.attempts == 1 && !c.unknown {
		return c.err
	}
	e := &Error{Reason: reason, Attempts: c.attempts, Action: c.identify().Action, OutcomeUnknown: c.unknown, Err: c.err}
	if cause == nil {
		return e
	}
	if c.next.ready { // the call was waiting for its next attempt
		e.LastErr = c.out.Err
	}
	if !contain.Result(func() bool { return errors.Is(e.Err, cause) }) {
		if e.LastErr == nil {
			e.LastErr = e.Err
		}
		e.Err = cause
	}
	return e
}

// OptionError is an invalid option of a Transport.
type OptionError struct {
	// Option is the name of the function that made the option, "WithMaxPeekBytes"
	// for example.
	Option string
	// Value is the value that is not valid.
	Value any
	// Reason says why it is not valid, and what is accepted.
	Reason string
	// Err is the error of the value itself, such as that of Policy.Validate; nil if there
	// is none.
	Err error
}

// Error returns the text of e.
func (e *OptionError) Error() string {
	if e.Err != nil {
		return prefixed("tcretry: "+e.Option+": ", fmt.Sprint(e.Err))
	}
	return fmt.Sprintf("tcretry: %s(%v): %s", e.Option, e.Value, e.Reason)
}

// Unwrap returns Err.
func (e *OptionError) Unwrap() error { return e.Err }

var (
	errNoResponse = errors.New("tcretry: the underlying RoundTripper returned neither a response nor an error")
	errCanceled   = errors.New("tcretry: the request's Cancel channel was closed")
)

// errorText is the text of an error, printable and limited in length.
func errorText(err error) string { return printable(neterr.Text(err), maxMessage) }
