package tcretry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// The most that a CallTrace keeps: enough to see how a call ended, and limited for a
// context that a program makes all its calls with.
const (
	maxTracedCalls    = 32
	maxTracedAttempts = 32 // of each call, and as many retries
)

// A CallTrace collects the events of the calls with one context, for a test or an error
// report: make one with [Trace]. It keeps the last 32 calls, and of each
// the last 32 attempts and retries. All methods may be called from many
// goroutines, during calls too.
type CallTrace struct {
	mu sync.Mutex
	// The fields below are guarded by mu.
	calls   []*TracedCall // in the order of their first events
	dropped int           // calls before them
}

// A TracedCall is the events of one call in a [CallTrace].
type TracedCall struct {
	// Attempts are the attempts that ended, in order, the last 32 of them.
	Attempts []AttemptInfo
	// Retries are the retries that were scheduled, in order, the last 32 of them.
	Retries []RetryInfo
	// Call describes the call once it has ended; until then only its Operation is set,
	// and Reason is 0.
	Call CallInfo
}

// Trace returns a context, and the trace of the calls that are made with it or
// with one derived from it, by any Transport. Where contexts with traces are
// nested, the innermost collects. A call without a trace costs one look-up in
// its context.
func Trace(ctx context.Context) (context.Context, *CallTrace) {
	own := callSettingsOf(ctx)
	own.trace = &CallTrace{}
	return context.WithValue(ctx, callSettingsKey{}, own), own.trace
}

// Calls returns the calls, the oldest first.
func (t *CallTrace) Calls() []TracedCall {
	t.mu.Lock()
	defer t.mu.Unlock()
	calls := make([]TracedCall, len(t.calls))
	for i, c := range t.calls {
		calls[i] = TracedCall{Attempts: slices.Clone(c.Attempts), Retries: slices.Clone(c.Retries), Call: c.Call}
	}
	return calls
}

// String returns a table for every call: one line on how it ended, and one per attempt.
// It has no header, no body, and no address of a *url.Error. Its form is for people and
// may change.
func (t *CallTrace) String() string {
	t.mu.Lock()
	dropped := t.dropped
	t.mu.Unlock()
	var b strings.Builder
	if dropped > 0 {
		fmt.Fprintf(&b, "%d earlier calls are not kept\n", dropped)
	}
	calls := t.Calls()
	for _, c := range calls {
		c.write(&b)
	}
	if len(calls) == 0 {
		b.WriteString("no call was made with this context\n")
	}
	return b.String()
}

// keep returns k, or a new record if it is nil. t.mu must be held.
func (t *CallTrace) keep(k *TracedCall, target Operation) *TracedCall {
	if k != nil {
		return k
	}
	if len(t.calls) == maxTracedCalls {
		t.calls = slices.Delete(t.calls, 0, 1)
		t.dropped++
	}
	k = &TracedCall{Call: CallInfo{Operation: target.clone()}}
	t.calls = append(t.calls, k)
	return k
}

// The methods below are called as hooks are. The record of the call is nil before its
// first event, which is never a retry: that of the attempt before comes first.

func (t *CallTrace) attemptDone(k *TracedCall, i AttemptInfo) *TracedCall {
	t.mu.Lock()
	defer t.mu.Unlock()
	k = t.keep(k, i.Operation)
	i.Operation = k.Call.Operation
	k.Attempts = appendLast(k.Attempts, i)
	return k
}

func (t *CallTrace) retryScheduled(k *TracedCall, i RetryInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i.Operation = k.Call.Operation
	k.Retries = appendLast(k.Retries, i)
}

func (t *CallTrace) callDone(k *TracedCall, i CallInfo) *TracedCall {
	t.mu.Lock()
	defer t.mu.Unlock()
	k = t.keep(k, i.Operation)
	i.Operation = k.Call.Operation
	k.Call = i
	return k
}

// appendLast appends to a list of a record, and drops the first if it is full.
func appendLast[T any](kept []T, last T) []T {
	if len(kept) == maxTracedAttempts {
		kept = slices.Delete(kept, 0, 1)
	}
	return append(kept, last)
}

// clone returns a copy of t that keeps nothing of the request alive.
func (t Operation) clone() Operation {
	return Operation{
		Service: strings.Clone(t.Service), Action: strings.Clone(t.Action), Region: strings.Clone(t.Region),
		Host: strings.Clone(t.Host), Method: strings.Clone(t.Method),
	}
}

// write writes the table of a call.
func (c *TracedCall) write(b *strings.Builder) {
	c.writeEnd(b)
	// A strings.Builder returns no error.
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	defer func() { _ = w.Flush() }()
	if own := (*Error)(nil); len(c.Attempts) == 0 && errors.As(c.Call.Err, &own) {
		fmt.Fprintf(w, "  %s\n", errorText(own.Err))
	}
	if len(c.Attempts) > 0 {
		fmt.Fprintln(w, "  attempt\tclass\tcode\tstatus\ttook\twaited\trequest id\tmessage")
	}
	for i, a := range c.Attempts {
		status, message := "", a.Message
		if a.Status != 0 {
			status = strconv.Itoa(a.Status)
		}
		if a.Err != nil {
			message = errorText(a.Err)
		}
		fmt.Fprintf(w, "  %d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.Attempt, a.Class, orDash(a.Code), orDash(status),
			short(a.Duration), short(c.waitedBefore(i)), orDash(a.RequestID), orDash(message))
	}
}

// writeEnd writes the line on how a call ended.
func (c *TracedCall) writeEnd(b *strings.Builder) {
	what := "a call"
	if known := slices.DeleteFunc([]string{c.Call.Service, c.Call.Action, c.Call.Region},
		func(s string) bool { return s == "" }); len(known) > 0 {
		what = strings.Join(known, " ")
	}
	if c.Call.Reason == 0 {
		fmt.Fprintf(b, "%s is in progress\n", what)
		return
	}
	unknown := ""
	if c.Call.OutcomeUnknown {
		unknown = ", outcome unknown"
	}
	fmt.Fprintf(b, "%s ended (%s) after %s in %s, waited %s%s\n", what, c.Call.Reason, attempts(c.Call.Attempts),
		short(c.Call.Duration), short(c.Call.Waited), unknown)
}

// waitedBefore is the time from the end of the attempt before the ith to its
// start: backoff, and waits for the retry budget and the rate limiter.
func (c *TracedCall) waitedBefore(i int) time.Duration {
	if i == 0 {
		return c.Attempts[0].RateLimitWait
	}
	before := c.Attempts[i-1]
	return c.Attempts[i].Start.Sub(before.Start.Add(before.Duration))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// short rounds a duration for a reader.
func short(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(time.Microsecond)
}
