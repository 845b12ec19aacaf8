package tcretry

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Policy bounds one call and says what its codes mean. It is data: written as a
// literal or as JSON, printed, compared. The zero Policy consists of defaults.
// A Transport takes a copy of what it is given: later changes do not reach it.
type Policy struct {
	// MaxAttempts is how many attempts a call makes at the most; 0 means 4, and
	// 1 turns retries off.
	MaxAttempts int
	// MaxElapsed is the time from the start of a call after which no attempt is
	// started; 0 means 2 minutes.
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
	Codes map[string]Rule
}

// Rule says what to do about one code or family. Zero fields say what the less
// specific rule says, in the end the built-in table and the class.
type Rule struct {
	// Class is what the code means: Terminal turns retries of it off, Throttled,
	// Busy or Transient turns them on.
	Class Class
	// MaxAttempts is how many attempts may end with this code in one call, the
	// last one included: 1 means that the first is the last.
	MaxAttempts int
	// Backoff makes the delays.
	Backoff Backoff
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

// Careful returns a policy that does not repeat an InternalError, or any of its
// sub-codes, unless that is harmless. InternalError is also what a backend that
// timed out looks like, so the action may have happened. The price: an order
// without a ClientToken that fails in passing is the caller's to repeat.
func Careful() Policy {
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
	if e.Value != nil {
		text += fmt.Sprintf("%v: ", e.Value)
	}
	return text + e.Reason
}

// longestBackoff is the longest interval of a Backoff. Longer ones are mistakes
// of a unit; a bound also keeps the arithmetic of delays in range.
const longestBackoff = 24 * time.Hour

// most is the largest Multiplier: beyond it the first delay is followed by Max.
const mostMultiplier = 1000

// Validate returns every mistake in p, each a [PolicyError], joined; or nil.
func (p Policy) Validate() error { return joinMistakes(p.mistakes()) }

// joinMistakes joins mistakes, in order.
func joinMistakes(mistakes []*PolicyError) error {
	errs := make([]error, len(mistakes))
	for i, m := range mistakes {
		errs[i] = m
	}
	return errors.Join(errs...)
}

func (p Policy) mistakes() []*PolicyError {
	var m mistakes
	m.atLeast("MaxAttempts", p.MaxAttempts, 0)
	m.notNegative("MaxElapsed", p.MaxElapsed)
	m.notNegative("MaxDelay", p.MaxDelay)
	for _, key := range slices.Sorted(maps.Keys(p.Codes)) {
		path := fmt.Sprintf("Codes[%q]", key)
		if _, err := parseKey(key); err != nil {
			m.add(path, nil, err.Error())
		}
		m.rule(path+".", p.Codes[key])
	}
	return m
}

// mistakes is the mistakes found so far.
type mistakes []*PolicyError

func (m *mistakes) add(path string, value any, reason string) {
	*m = append(*m, &PolicyError{Path: path, Value: value, Reason: reason})
}

func (m *mistakes) rule(path string, r Rule) {
	if r.Class >= classCount {
		m.add(path+"Class", r.Class, "want one of "+classChoice())
	}
	m.atLeast(path+"MaxAttempts", r.MaxAttempts, 0)
	m.backoff(path+"Backoff", r.Backoff)
}

func (m *mistakes) backoff(path string, b Backoff) {
	if b.New != nil {
		if b.New = nil; b.own() {
			m.add(path, nil, "New stands in place of the other fields: leave them zero")
		}
		return
	}
	m.interval(path+".Initial", b.Initial)
	m.interval(path+".Max", b.Max)
	if b.Max > 0 && b.Initial > b.Max {
		m.add(path+".Initial", b.Initial, fmt.Sprintf("want at most Max, which is %v", b.Max))
	}
	if b.Multiplier != 0 && !(b.Multiplier >= 1 && b.Multiplier <= mostMultiplier) {
		m.add(path+".Multiplier", b.Multiplier, fmt.Sprintf("want 1 to %d", mostMultiplier))
	}
	if b.Jitter != 0 && b.Jitter != NoJitter && !(b.Jitter > 0 && b.Jitter <= 1) {
		m.add(path+".Jitter", b.Jitter, "want more than 0 and at most 1, or none (NoJitter)")
	}
}

func (m *mistakes) atLeast(path string, n, least int) {
	if n < least {
		m.add(path, n, fmt.Sprintf("want %d or more", least))
	}
}

func (m *mistakes) notNegative(path string, d time.Duration) {
	if d < 0 {
		m.add(path, d, "want 0 or more")
	}
}

func (m *mistakes) interval(path string, d time.Duration) {
	if d < 0 || d > longestBackoff {
		m.add(path, d, fmt.Sprintf("want 0 to %v", longestBackoff))
	}
}

// classChoice is the classes that a rule may have.
func classChoice() string { return strings.Join(classNames[Success:], ", ") }
