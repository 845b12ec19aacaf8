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

// Policy bounds one call and says what its codes mean. It is data: written as a
// literal or as JSON, printed, compared. The zero Policy consists of defaults.
// A Transport takes a copy of what it is given: later changes do not reach it.
type Policy struct {
	// MaxAttempts is how many attempts a call makes at most; 0 means 4, and 1 turns
	// retries off, whatever the rules say. Attempts that end with a code whose rule
	// sets a higher number are not counted here: see [Rule]. Neither are those that
	// were throttled at a rate limit, as long as a rate limiter handles it, see
	// Rule.RateLimit: MaxElapsed, the deadline and the signature bound the call then.
	MaxAttempts int
	// MaxElapsed is the time from the start of a call after which no attempt is
	// started; 0 means 2 minutes. A rule can set another for its code. The deadline
	// of the context, http.Client.Timeout and the age of a signature made outside
	// the Transport end a call sooner.
	MaxElapsed time.Duration
	// MaxDelay is the longest delay before one retry; 0 means 30 seconds, and
	// more for the few codes that are documented to pass after a minute. Delays
	// of ours are cut to it; a server or a code that asks for more ends the call.
	MaxDelay time.Duration
	// Codes holds rules by code or family, over the built-in table. A rule for
	// a code covers its sub-codes: "InternalError" those that begin with
	// "InternalError.". A rule may be narrowed to a service or an action:
	//
	//	"InternalError"                     every service
	//	"cvm:InternalError"                 the service cvm
	//	"cvm.RunInstances:InternalError"    the action RunInstances of cvm
	//
	// The most specific rule wins, field by field: the longer code first and,
	// for the same code, the action before the service before any. The table
	// goes between: a row of it gives way to a rule for the same or a longer
	// code, and to every rule that says Terminal.
	//
	// The service is that of Target.Service. A call whose service or action is not
	// known is treated as where no rule names them, and as strictly as any call that
	// it may be: if a scoped rule that may apply says Terminal or Success it is not
	// retried, if one says IdempotentOnly or Ambiguous only if it is idempotent, and
	// the lowest MaxAttempts and MaxElapsed hold. Scoped rules that permit more do
	// not apply.
	Codes map[string]Rule
}

// Rule says what to do about one code or family. Zero fields say what the less
// specific rule says, in the end the built-in table and the class.
type Rule struct {
	// Class is what the code means: Terminal turns retries of it off, Throttled,
	// Busy or Transient turns them on.
	Class Class
	// MaxAttempts is how many attempts of one call may end with the code or its
	// sub-codes, together and the last one included: 1 means no retry. A number up
	// to Policy.MaxAttempts is a limit within that of the call: such attempts count
	// against both. A higher one replaces it: they count against this number alone,
	// and the other attempts of the call keep theirs. So a call makes at most
	// Policy.MaxAttempts attempts plus the higher numbers of the rules it meets.
	MaxAttempts int
	// MaxElapsed is the time from the start of the call after which no attempt
	// follows one that ended with the code or a sub-code. One that is longer than
	// Policy.MaxElapsed holds for all of the call from the first attempt that ends
	// so: what else fails meanwhile is retried as well.
	//
	// A default does not cut short what a rule asks for. If the policy leaves its
	// MaxElapsed zero, a rule that raises MaxAttempts and sets no MaxElapsed has no
	// time limit; if it leaves MaxAttempts zero, a rule that raises MaxElapsed and
	// sets no MaxAttempts has no other limit than that time.
	MaxElapsed time.Duration
	// Backoff makes the delays.
	//
	// Codes for too many jobs at once, such as RequestLimitExceeded.JobNumExceed and
	// LimitExceeded.Concurrent, are Busy: they need long delays, and a MaxElapsed of the
	// time until the jobs before have ended.
	Backoff Backoff
	// RateLimit says whether the rate limiter handles the code; the zero value is by
	// class: throttled codes are rate limited, unless they last a minute or more.
	// NotRateLimited (in JSON false) means retries with backoff that count against
	// MaxAttempts, and no report to the rate limiter. RateLimited (true) undoes that of
	// a less specific rule, and rate limits a throttled code however long it lasts.
	RateLimit RateLimiting
	// IdempotentOnly repeats the code only if that is harmless. A less specific
	// rule that says so is not undone by a more specific one.
	IdempotentOnly bool
}

// Backoff is a sequence of delays as data. Each delay is drawn uniformly from
// interval·(1-Jitter) to interval·(1+Jitter); the interval starts at Initial and
// is multiplied by Multiplier after each delay, up to Max. Zero fields mean what
// the less specific rule says; of an Initial and a Max from different rules that
// contradict each other the more specific stands.
type Backoff struct {
	// Initial is the first interval.
	Initial time.Duration
	// Max is the longest interval.
	Max time.Duration
	// Multiplier is the growth of the interval, at least 1.
	Multiplier float64
	// Jitter is the random part of a delay, above 0 and at most 1; NoJitter
	// means none.
	Jitter float64
	// New makes the sequence of one call, in place of the fields above. A
	// backoff.BackOff belongs to one call, so New must return a fresh one; its
	// backoff.Stop ends the call. It is called from many goroutines at once. A
	// Policy with a New cannot be written as JSON.
	New func() backoff.BackOff
}

// NoJitter as a Backoff's Jitter means delays without a random part.
const NoJitter = -1

// ConservativePolicy returns a policy that does not repeat an InternalError, or any of its
// sub-codes, unless that is harmless. InternalError is also what a backend that
// timed out looks like, so the action may have happened. The price: an order
// without a ClientToken that fails in passing is the caller's to repeat.
func ConservativePolicy() Policy {
	return Policy{Codes: map[string]Rule{"InternalError": {IdempotentOnly: true}}}
}

// PolicyError is one mistake in a Policy.
type PolicyError struct {
	// Path is where it is: Codes["InternalError"].MaxAttempts in a Policy,
	// codes["InternalError"].maxAttempts in JSON. "" is the whole.
	Path string
	// Value is what stands there; nil if nothing does.
	Value any
	// Reason says what is wrong with it, and what is accepted.
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
	// longestInterval bounds Backoff.Initial and Max. A longer one is a mistake
	// of units; a bound also keeps the arithmetic of delays in range.
	longestInterval = 24 * time.Hour
	// mostMultiplier bounds Backoff.Multiplier for the same reasons.
	mostMultiplier = 1000
)

// Validate returns every mistake in p, each a [PolicyError], joined; or nil.
func (p Policy) Validate() error {
	var m mistakes
	m.policy(p)
	return m.join()
}

// mistakes is the mistakes found so far.
type mistakes struct {
	list []*PolicyError
	// json says that names begin with a small letter, as they do there.
	json bool
}

func (m *mistakes) add(path string, value any, reason string) {
	m.list = append(m.list, &PolicyError{Path: path, Value: value, Reason: reason})
}

// join returns the mistakes as one error, in order; nil if there are none.
func (m *mistakes) join() error {
	errs := make([]error, len(m.list))
	for i, e := range m.list {
		errs[i] = e
	}
	return errors.Join(errs...)
}

// under is the path of a field of what is at path.
func (m *mistakes) under(path, field string) string {
	if m.json {
		field = strings.ToLower(field[:1]) + field[1:]
	}
	if path == "" {
		return field
	}
	return path + "." + field
}

func (m *mistakes) policy(p Policy) {
	m.attempts(m.under("", "MaxAttempts"), p.MaxAttempts)
	m.bound(m.under("", "MaxElapsed"), p.MaxElapsed)
	m.bound(m.under("", "MaxDelay"), p.MaxDelay)
	for _, key := range slices.Sorted(maps.Keys(p.Codes)) {
		path := fields.KeyPath(m.under("", "Codes"), key)
		if _, err := codes.ParseKey(key); err != nil {
			m.add(path, nil, err.Error())
		}
		m.rule(path, p.Codes[key])
	}
}

func (m *mistakes) rule(path string, r Rule) {
	if r.Class >= classCount {
		m.add(m.under(path, "Class"), r.Class, "want one of "+classChoice())
	}
	m.attempts(m.under(path, "MaxAttempts"), r.MaxAttempts)
	m.bound(m.under(path, "MaxElapsed"), r.MaxElapsed)
	m.backoff(m.under(path, "Backoff"), r.Backoff)
	if r.RateLimit > NotRateLimited {
		m.add(m.under(path, "RateLimit"), r.RateLimit, "want RateLimitByClass, RateLimited or NotRateLimited")
	}
}

func (m *mistakes) backoff(path string, b Backoff) {
	if b.New != nil {
		if b.New = nil; b.own() {
			m.add(path, nil, "New stands in place of the other fields: leave them zero")
		}
		return
	}
	initial := m.under(path, "Initial")
	m.interval(initial, b.Initial)
	m.interval(m.under(path, "Max"), b.Max)
	if b.Max > 0 && b.Initial > b.Max {
		m.add(initial, b.Initial, fmt.Sprintf("want at most %s, which is %v", m.under("", "Max"), b.Max))
	}
	// The conditions are of what is right, so that NaN is not.
	if n := b.Multiplier; n != 0 && !(n >= 1 && n <= mostMultiplier) {
		m.add(m.under(path, "Multiplier"), n, fmt.Sprintf("want 1 to %d", mostMultiplier))
	}
	if n := b.Jitter; n != 0 && n != NoJitter && !(n > 0 && n <= 1) {
		m.add(m.under(path, "Jitter"), n, "want more than 0 and at most 1, or NoJitter")
	}
}

func (m *mistakes) attempts(path string, n int) {
	if n < 0 {
		m.add(path, n, "want 0, which means the default, or more")
	}
}

func (m *mistakes) bound(path string, d time.Duration) {
	if d < 0 {
		m.add(path, d, "want 0, which means the default, or more")
	}
}

func (m *mistakes) interval(path string, d time.Duration) {
	if d < 0 || d > longestInterval {
		m.add(path, d, fmt.Sprintf("want 0, which means the default, to %v", longestInterval))
	}
}

// classChoice is the classes that a rule may have.
func classChoice() string { return strings.Join(classNames[Success:], ", ") }

// RateLimiting says whether the rate limiter of a Transport handles the throttling
// responses of a code: it learns the limit from them, sets the time of their
// retries, and such attempts do not count against MaxAttempts. It is about
// [Throttled] codes; other classes are not rate limited. In JSON it is true or false,
// and a field that is left out for RateLimitByClass.
type RateLimiting uint8

const (
	// RateLimitByClass: as the less specific rule says, in the end the class. Rate
	// limited are all throttled codes but those that last a minute or more.
	RateLimitByClass RateLimiting = iota
	// RateLimited: also if the code lasts a minute or more.
	RateLimited
	// NotRateLimited: retried with backoff, counted against MaxAttempts, and not
	// reported to the rate limiter. For a limit that is not one per second, such
	// as one that a single resource has.
	NotRateLimited
)

var rateLimitingNames = [...]string{"by class", "true", "false"}

// String returns the value as it stands in JSON, or "by class".
func (r RateLimiting) String() string {
	if int(r) < len(rateLimitingNames) {
		return rateLimitingNames[r]
	}
	return fmt.Sprintf("rate limiting(%d)", uint8(r))
}
