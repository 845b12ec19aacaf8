package tcretry

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/tcretry/tcretry/internal/codes"
	"github.com/tcretry/tcretry/internal/fields"
)

// Policy limits the attempts, the time and the delays of one call, and sets rules for
// error codes. It is data: it can be written as a literal or as JSON, printed and
// compared. The zero Policy consists of defaults. A Transport copies its policy: later
// changes have no effect on it.
type Policy struct {
	// MaxAttempts is the maximum number of attempts of a call, the first included; 0
	// means 4, and 1 turns retries off whatever the rules are. Not counted are attempts
	// that end with a code whose rule sets a higher MaxAttempts, see [Rule], and
	// throttled attempts whose retries the rate limiter times, see Rule.RateLimit: those
	// are limited by MaxElapsed, the deadline and the age of the signature.
	MaxAttempts int
	// MaxElapsed is the time from the start of a call after which no attempt starts; 0
	// means 2 minutes. A rule can set another time for its code. The deadline of the
	// context, http.Client.Timeout and the age of a signature that was made outside the
	// Transport can end a call sooner.
	MaxElapsed time.Duration
	// MaxDelay is the longest delay before one retry; 0 means 30 seconds, and more for
	// the few codes with a documented minimum delay of a minute. Backoff delays are cut
	// to MaxDelay; a Retry-After or a minimum delay that is longer ends the call.
	MaxDelay time.Duration
	// Codes holds rules by code or family, which override the built-in catalogue. A
	// rule for a code covers its sub-codes: "InternalError" covers codes that begin with
	// "InternalError.". A rule can be scoped to a service or an action:
	//
	//	"InternalError"                     every service
	//	"cvm:InternalError"                 the service cvm
	//	"cvm.RunInstances:InternalError"    the action RunInstances of cvm
	//
	// Precedence, for each field by itself:
	//
	//  1. The rule for the longest code.
	//  2. For the same code: the rule for the action, then for the service, then for
	//     every service.
	//
	// The class of a catalogue entry is overridden by a rule for the same or a longer
	// code, and by every rule with the class Terminal.
	//
	// The service is Operation.Service. If the service or the action of a call is not
	// known, scoped rules that may apply can only restrict the call: a Terminal or
	// Success rule prevents retries, an IdempotentOnly or Ambiguous rule limits them to
	// idempotent requests, and the lowest MaxAttempts and MaxElapsed apply. Scoped rules
	// that permit more do not apply.
	Codes map[string]Rule
	// Limits are the documented rate limits of actions, in requests per second, by service
	// and action ("cvm.DescribeInstances") or for every action of a service ("cvm"). The
	// rate limiter then needs no throttling response to learn them; what the API states
	// later replaces them, see [ratelimit.Adaptive.SetLimits]. They concern the Transport:
	// a policy for single calls, see [ContextWithPolicy], has none.
	Limits map[string]int
}

// Rule is the treatment of one code or family. A zero field means the value of the
// next less specific rule, and in the end that of the built-in catalogue and the class.
type Rule struct {
	// Class is the class of the code: Terminal turns retries off; Throttled, Busy or
	// Transient turns them on.
	Class Class
	// MaxAttempts is the maximum number of attempts of one call that end with the code
	// or its sub-codes, counted together, the last one included: 1 means no retry. Up to
	// Policy.MaxAttempts it is a limit within that of the call: such attempts count
	// against both. A higher number replaces the limit of the call for such attempts:
	// they count against this number only, and the other attempts of the call against
	// Policy.MaxAttempts. So a call makes at most Policy.MaxAttempts attempts plus the
	// higher numbers of the rules that its attempts match.
	MaxAttempts int
	// MaxElapsed is the time from the start of a call after which no attempt follows
	// one that ended with the code or a sub-code. A time longer than Policy.MaxElapsed
	// applies to the whole call from the first such attempt on: other retryable outcomes
	// are then retried as long.
	//
	// A default does not cut short a rule. If MaxElapsed of the policy is zero, a rule
	// that raises MaxAttempts and sets no MaxElapsed has no time limit. If MaxAttempts of
	// the policy is zero, a rule that raises MaxElapsed and sets no MaxAttempts has no
	// limit except that time.
	MaxElapsed time.Duration
	// Backoff is the sequence of delays.
	//
	// Codes for too many concurrent jobs, such as RequestLimitExceeded.JobNumExceed and
	// LimitExceeded.Concurrent, are Busy. They need long delays, and a MaxElapsed as long
	// as the earlier jobs take.
	Backoff Backoff
	// RateLimit selects whether the rate limiter handles the code; the zero value is by
	// class: throttled codes are rate limited, except those with a minimum delay of a
	// minute or more. NotRateLimited (false in JSON) means retries with backoff that
	// count against MaxAttempts, and no report to the rate limiter. RateLimited (true)
	// overrides the NotRateLimited of a less specific rule, and rate limits throttled
	// codes whatever their minimum delay.
	RateLimit RateLimiting
	// IdempotentOnly limits retries to idempotent requests. A more specific rule cannot
	// turn it off.
	IdempotentOnly bool
}

// Backoff is a sequence of delays between retries. Each delay has uniform jitter: it is
// between interval·(1-Jitter) and interval·(1+Jitter). The interval starts at Initial
// and is multiplied by Multiplier after each delay, up to Max. A zero field means the
// value of the next less specific rule, and in the end that of the class. If Initial and
// Max come from different rules and contradict each other, the more specific one applies.
type Backoff struct {
	// Initial is the first interval, at most 24 hours.
	Initial time.Duration
	// Max is the longest interval, at most 24 hours.
	Max time.Duration
	// Multiplier is the growth of the interval, 1 to 1000.
	Multiplier float64
	// Jitter is the random part of a delay, more than 0 and at most 1; NoJitter means
	// none.
	Jitter float64
	// New returns the sequence of one call, in place of the other fields. A
	// backoff.BackOff belongs to one call, so New must return a new one each time; its
	// backoff.Stop ends the call. New is called concurrently from many goroutines. A
	// Policy with a New cannot be written as JSON.
	New func() backoff.BackOff
}

// NoJitter as Backoff.Jitter means delays without a random part.
const NoJitter = -1

// ConservativePolicy returns a policy that retries InternalError and its sub-codes for
// idempotent requests only. A backend that timed out can also return InternalError, so
// the action may have been executed. The cost: a write without a ClientToken is not
// retried after an InternalError that is transient.
func ConservativePolicy() Policy {
	return Policy{Codes: map[string]Rule{"InternalError": {IdempotentOnly: true}}}
}

// PolicyError is one invalid value in a Policy.
type PolicyError struct {
	// Path is the place of the value: Codes["InternalError"].MaxAttempts in a Policy,
	// codes["InternalError"].maxAttempts in JSON. "" is the whole policy.
	Path string
	// Value is the invalid value; nil if there is none, as for an invalid key.
	Value any
	// Reason says what is wrong with the value and which values are valid.
	Reason string
}

// Error returns the text of e.
func (e *PolicyError) Error() string {
	text := "tcretry: policy: "
	if e.Path != "" {
		text += e.Path + ": "
	}
	switch v := e.Value.(type) {
	case nil:
	case string:
		text += fmt.Sprintf("%q: ", v)
	default:
		text += fmt.Sprintf("%v: ", v)
	}
	return text + e.Reason
}

const (
	// maxInterval limits Backoff.Initial and Max. A longer interval is an error of
	// units; the limit also keeps the arithmetic of delays in range.
	maxInterval = 24 * time.Hour
	// maxMultiplier limits Backoff.Multiplier for the same reasons.
	maxMultiplier = 1000
	// maxRateLimit limits Limits: the largest documented limits are some thousands.
	maxRateLimit = 1 << 16
)

// Validate returns an error that joins every invalid value of p, each a *[PolicyError],
// or nil if p is valid.
func (p Policy) Validate() error {
	var e policyErrors
	e.policy(p)
	return e.join()
}

// policyErrors collects the invalid values of a policy.
type policyErrors struct {
	list []*PolicyError
	// json reports that paths are those of the JSON form, whose names begin with a
	// small letter.
	json bool
}

func (e *policyErrors) add(path string, value any, reason string) {
	e.list = append(e.list, &PolicyError{Path: path, Value: value, Reason: reason})
}

// join returns the collected errors as one, in order; nil if there are none.
func (e *policyErrors) join() error {
	errs := make([]error, len(e.list))
	for i, invalid := range e.list {
		errs[i] = invalid
	}
	return errors.Join(errs...)
}

// under returns the path of a field of the value at path.
func (e *policyErrors) under(path, field string) string {
	if e.json {
		field = strings.ToLower(field[:1]) + field[1:]
	}
	if path == "" {
		return field
	}
	return path + "." + field
}

func (e *policyErrors) policy(p Policy) {
	e.attempts(e.under("", "MaxAttempts"), p.MaxAttempts)
	e.bound(e.under("", "MaxElapsed"), p.MaxElapsed)
	e.bound(e.under("", "MaxDelay"), p.MaxDelay)
	for _, key := range slices.Sorted(maps.Keys(p.Codes)) {
		path := fields.KeyPath(e.under("", "Codes"), key)
		if _, err := codes.ParseKey(key); err != nil {
			e.add(path, nil, err.Error())
		}
		e.rule(path, p.Codes[key])
	}
	for _, key := range slices.Sorted(maps.Keys(p.Limits)) {
		path := fields.KeyPath(e.under("", "Limits"), key)
		if service, action, scoped := strings.Cut(key, "."); !codes.IsWord(service, true) || scoped && !codes.IsWord(action, false) {
			e.add(path, nil, `want a service in lower case such as "cvm", or service and action such as "cvm.DescribeInstances"`)
		}
		if n := p.Limits[key]; n < 1 || n > maxRateLimit {
			e.add(path, n, fmt.Sprintf("want 1 to %d requests per second", maxRateLimit))
		}
	}
}

func (e *policyErrors) rule(path string, r Rule) {
	if r.Class >= classCount {
		e.add(e.under(path, "Class"), r.Class, "want one of "+classChoice())
	}
	e.attempts(e.under(path, "MaxAttempts"), r.MaxAttempts)
	e.bound(e.under(path, "MaxElapsed"), r.MaxElapsed)
	e.backoff(e.under(path, "Backoff"), r.Backoff)
	if r.RateLimit > NotRateLimited {
		e.add(e.under(path, "RateLimit"), r.RateLimit, "want RateLimitByClass, RateLimited or NotRateLimited")
	}
}

func (e *policyErrors) backoff(path string, b Backoff) {
	if b.New != nil {
		if b.New = nil; b.own() {
			e.add(path, nil, "New replaces the other fields: leave them zero")
		}
		return
	}
	initial := e.under(path, "Initial")
	e.interval(initial, b.Initial)
	e.interval(e.under(path, "Max"), b.Max)
	if b.Max > 0 && b.Initial > b.Max {
		e.add(initial, b.Initial, fmt.Sprintf("want at most %s, which is %v", e.under("", "Max"), b.Max))
	}
	// Each condition is that of a valid value, so that NaN is invalid.
	if n := b.Multiplier; n != 0 && !(n >= 1 && n <= maxMultiplier) {
		e.add(e.under(path, "Multiplier"), n, fmt.Sprintf("want 1 to %d", maxMultiplier))
	}
	if n := b.Jitter; n != 0 && n != NoJitter && !(n > 0 && n <= 1) {
		e.add(e.under(path, "Jitter"), n, "want more than 0 and at most 1, or NoJitter")
	}
}

func (e *policyErrors) attempts(path string, n int) {
	if n < 0 {
		e.add(path, n, "want 0, which means the default, or more")
	}
}

func (e *policyErrors) bound(path string, d time.Duration) {
	if d < 0 {
		e.add(path, d, "want 0, which means the default, or more")
	}
}

func (e *policyErrors) interval(path string, d time.Duration) {
	if d < 0 || d > maxInterval {
		e.add(path, d, fmt.Sprintf("want 0, which means the default, to %v", maxInterval))
	}
}

// classChoice returns the names of the classes that a rule may have.
func classChoice() string { return strings.Join(classNames[Success:], ", ") }

// RateLimiting selects whether the rate limiter of a Transport handles the throttling
// responses of a code. If it does, the limiter learns the limit from them and sets the
// time of their retries, and such attempts do not count against MaxAttempts. Only
// [Throttled] codes are rate limited. In JSON it is true or false; a missing field is
// RateLimitByClass.
type RateLimiting uint8

const (
	// RateLimitByClass: the value of the next less specific rule, and in the end that
	// of the class: throttled codes are rate limited, except those with a minimum delay
	// of a minute or more.
	RateLimitByClass RateLimiting = iota
	// RateLimited: throttled codes are rate limited whatever their minimum delay.
	RateLimited
	// NotRateLimited: retried with backoff, counted against MaxAttempts, and not
	// reported to the rate limiter. For limits that are not per second, such as the
	// limit of a single resource.
	NotRateLimited
)

var rateLimitingNames = [...]string{"by class", "true", "false"}

// String returns the value as in JSON, "true" or "false", or "by class".
func (r RateLimiting) String() string {
	if int(r) < len(rateLimitingNames) {
		return rateLimitingNames[r]
	}
	return fmt.Sprintf("rate limiting(%d)", uint8(r))
}
