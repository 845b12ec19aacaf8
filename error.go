package tcretry

import "fmt"

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
