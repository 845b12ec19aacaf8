package tcretry

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// StopReason is why a call ended. The list is closed.
type StopReason uint8

// The stop reasons.
const (
	// StopAnswered: the last attempt was answered with success, or with an
	// answer that is not ours to judge.
	StopAnswered StopReason = iota + 1
	// StopTerminal: another attempt would be refused too.
	StopTerminal
	// StopNotIdempotent: the request may have been executed, and repeating it
	// is not known to be harmless.
	StopNotIdempotent
	// StopNotReplayable: the body of the request cannot be sent again.
	StopNotReplayable
	// StopAttempts: the call has made as many attempts as it may.
	StopAttempts
	// StopElapsed: the next attempt would start later than Policy.MaxElapsed.
	StopElapsed
	// StopDelay: the server asks for a longer delay than Policy.MaxDelay.
	StopDelay
	// StopDeadline: the next attempt would start after the context's deadline.
	StopDeadline
	// StopSignature: the signature would be too old when the next attempt
	// arrives.
	StopSignature
	// StopBudget: the budget for retries is spent.
	StopBudget
	// StopCanceled: the context of the call ended.
	StopCanceled
)

var stopNames = [...]string{
	"", "answered", "terminal", "not_idempotent", "not_replayable", "attempts",
	"elapsed", "delay", "deadline", "signature", "budget", "canceled",
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

// Error is the error of a call that ended without a response, if there is more
// to tell than the error of its only attempt: that one is returned as it came.
// It holds neither the address nor a header nor a body of the request.
type Error struct {
	// Reason is why the call ended.
	Reason StopReason
	// Attempts is the number of attempts made, 0 if the call ended before one.
	Attempts int
	// Action is the action of the request, "" if it tells none.
	Action string
	// Err is the error of the last attempt, the context's cause, or what kept
	// the call from its next attempt.
	Err error
}

// Error returns the text of e.
func (e *Error) Error() string {
	action := e.Action
	if action == "" {
		action = "the call"
	}
	return below(fmt.Sprintf("tcretry: %s %s: ", printable(action, maxCode), ended(e.Reason, e.Attempts)), e.Err)
}

// below is the text of an error that another one wraps: what the wrapper says
// stands before each line, as a mistake may be one of several, and our name is
// told once.
func below(wrapper string, err error) string {
	lines := strings.Split(fmt.Sprint(err), "\n")
	for i, line := range lines {
		lines[i] = wrapper + strings.TrimPrefix(line, "tcretry: ")
	}
	return strings.Join(lines, "\n")
}

// ended says how a call ended, for people.
func ended(reason StopReason, attempts int) string {
	plural := "s"
	if attempts == 1 {
		plural = ""
	}
	return fmt.Sprintf("ended (%s) after %d attempt%s", reason, attempts, plural)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Is says that a call which could not go on before its deadline exceeded it.
func (e *Error) Is(target error) bool {
	return e.Reason == StopDeadline && target == context.DeadlineExceeded
}

// Timeout says whether time ran out. An url.Error asks its direct cause only.
func (e *Error) Timeout() bool {
	if e.Reason == StopDeadline {
		return true
	}
	var t interface{ Timeout() bool }
	return errors.As(e.Err, &t) && t.Timeout()
}

// OptionError is one mistake in the options of a Transport.
type OptionError struct {
	// Option is the name of the function that made the option, "WithPeekLimit"
	// for example.
	Option string
	// Value is what it was given.
	Value any
	// Reason says what is wrong with it.
	Reason string
	// Err is the mistake in the value itself, if it has an error of its own.
	Err error
}

// Error returns the text of e.
func (e *OptionError) Error() string {
	if e.Err != nil {
		return below("tcretry: "+e.Option+": ", e.Err)
	}
	return fmt.Sprintf("tcretry: %s(%v): %s", e.Option, e.Value, e.Reason)
}

// Unwrap returns Err.
func (e *OptionError) Unwrap() error { return e.Err }

// attemptTimeout is the cause of an attempt that WithAttemptTimeout ended.
type attemptTimeout struct{ error }

func (attemptTimeout) Timeout() bool   { return true }
func (attemptTimeout) Temporary() bool { return true }

// Unwrap makes it a context.DeadlineExceeded, which callers look for.
func (attemptTimeout) Unwrap() error { return context.DeadlineExceeded }

var (
	errNoAnswer = errors.New("tcretry: the base returned neither a response nor an error")
	errCanceled = errors.New("tcretry: the request's Cancel channel was closed")
)

// errorText is the text of an error, fit to be shown. Of a url.Error it is that
// of the cause, since its address may be signed: the query of an API call by GET
// holds who signed, and the signature.
func errorText(err error) string {
	if located := (*url.Error)(nil); errors.As(err, &located) && located.Err != nil {
		err = located.Err
	}
	return printable(fmt.Sprint(err), maxMessage) // which contains a panic of err
}
