package tcsdk

import (
	"context"
	"errors"
	"fmt"
	"strings"

	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"

	"github.com/tcretry/tcretry"
)

// codeNetwork is the code of the SDK for every error of the transport.
const codeNetwork = "ClientError.NetworkError"

type traceKey struct{}

// Trace returns a context for one call of the SDK whose error goes to [Recover]. Pass
// the context to the method of the client with the suffix WithContext, or to SetContext
// of the request. It records the call as tcretry.Trace does.
func Trace(ctx context.Context) context.Context {
	ctx, trace := tcretry.Trace(ctx)
	return context.WithValue(ctx, traceKey{}, trace)
}

// CallError is the error of an SDK call with the details that the SDK leaves out.
// errors.Is matches tcretry.ErrOutcomeUnknown if OutcomeUnknown is set, context.Canceled
// if Reason is StopCanceled, context.DeadlineExceeded if Reason is StopDeadlineExceeded,
// and the errors in Call.Call.Err.
type CallError struct {
	// Err is the error of the SDK, a *errors.TencentCloudSDKError as a rule:
	// errors.As finds it.
	Err error
	// Reason is the stop reason: why no other attempt was made.
	Reason tcretry.StopReason
	// Attempts is the number of attempts made.
	Attempts int
	// OutcomeUnknown reports that the request may have been executed, as
	// tcretry.Error.OutcomeUnknown does.
	OutcomeUnknown bool
	// RequestIDs are the request ids of the attempts, in order, for a support ticket. An
	// attempt without a response has none. Of many attempts the first are dropped.
	RequestIDs []string
	// Call has the rest: every attempt and retry.
	Call tcretry.TracedCall
}

// Error returns the SDK's text, and how the call ended.
func (e *CallError) Error() string {
	text := fmt.Sprintf("%v; attempts: %d (%s)", e.Err, e.Attempts, e.Reason)
	if e.OutcomeUnknown {
		text += "; outcome unknown: the request may have been executed"
	}
	return text
}

// Unwrap returns the error of the SDK, and that of the transport if there is one.
func (e *CallError) Unwrap() []error {
	if e.Call.Call.Err != nil {
		return []error{e.Err, e.Call.Call.Err}
	}
	return []error{e.Err}
}

// Is reports whether e matches target, one of the errors listed at [CallError].
func (e *CallError) Is(target error) bool {
	switch target {
	case tcretry.ErrOutcomeUnknown:
		return e.OutcomeUnknown
	case context.Canceled:
		return e.Reason == tcretry.StopCanceled
	case context.DeadlineExceeded:
		return e.Reason == tcretry.StopDeadlineExceeded
	}
	return false
}

// Recover returns the error of an SDK call as a *[CallError]. ctx is the context of [Trace]
// that the call was made with, or one derived from it. Recover returns err unchanged if
// err is nil, if ctx is not from Trace, or if no call over tcretry ended with err, because
// the SDK failed before it sent anything.
//
// If several calls share the context, err is matched by its request id or, for an error
// of the transport, by its text. The last call that matches is used.
func Recover(ctx context.Context, err error) error {
	trace, _ := ctx.Value(traceKey{}).(*tcretry.CallTrace)
	if err == nil || trace == nil {
		return err
	}
	calls := trace.Calls()
	// The SDK's own errors about a response do not identify it: a call that failed for
	// tcretry is more likely than one that succeeded.
	for _, succeeded := range []bool{false, true} {
		for i := len(calls) - 1; i >= 0; i-- {
			reason := calls[i].Call.Reason
			if reason != 0 && (reason == tcretry.StopSuccess) == succeeded && ended(calls[i].Call, err) {
				return newCallError(err, calls[i])
			}
		}
	}
	return err
}

func newCallError(err error, c tcretry.TracedCall) *CallError {
	e := &CallError{
		Err: err, Reason: c.Call.Reason, Attempts: c.Call.Attempts,
		OutcomeUnknown: c.Call.OutcomeUnknown, Call: c,
	}
	for _, a := range c.Attempts {
		if a.RequestID != "" {
			e.RequestIDs = append(e.RequestIDs, a.RequestID)
		}
	}
	return e
}

// ended reports whether a call can have ended with an error of the SDK.
func ended(call tcretry.CallInfo, err error) bool {
	var sdk *sdkerrors.TencentCloudSDKError
	switch {
	case !errors.As(err, &sdk):
		return true
	case sdk.RequestId != "":
		return sdk.RequestId == call.RequestID
	case sdk.Code == codeNetwork:
		// Its text, or with newer versions of the SDK the error itself, is in the SDK's.
		return call.Err != nil && (errors.Is(err, call.Err) || strings.Contains(sdk.Message, call.Err.Error()))
	case strings.HasPrefix(sdk.Code, "ClientError"):
		return call.Err == nil && call.Code == "" // a response that the SDK could not read
	}
	return sdk.Code == call.Code
}
