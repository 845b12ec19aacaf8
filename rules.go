package tcretry

import (
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/tcretry/tcretry/internal/codes"
)

// The defaults of a Policy: what its zero fields mean.
const (
	defaultMaxAttempts = 4
	defaultMaxElapsed  = 2 * time.Minute
	defaultMaxDelay    = 30 * time.Second
)

// Replacements for a default limit that must not end the retries of a rule: more than
// any call needs, and far from overflow.
const (
	unlimitedAttempts = math.MaxInt32
	unlimitedElapsed  = 365 * 24 * time.Hour
)

// classCount is the number of classes, Undecided included.
const classCount = Ambiguous + 1

// retryable reports whether outcomes of the class, one of those above, may be retried at all.
func (c Class) retryable() bool { return c >= Throttled }

// rules is a compiled policy. It is immutable: safe for concurrent use, and calls in
// progress keep their rules when the policy of a Transport is replaced.
type rules struct {
	maxAttempts          int
	maxElapsed, maxDelay time.Duration
	// noRule applies to codes that no rule of the policy covers.
	noRule *variant
	// byCode holds the variants of each code that a rule names, byUnknownScope those
	// for calls whose service or action is not known.
	byCode, byUnknownScope map[string][]*variant
	// longest is the length in bytes of the longest code that a rule names.
	longest int
}

// variant is the merged rules for one scope and one code with all of its sub-codes.
type variant struct {
	key   codes.Key
	class Class // Undecided if no rule sets it
	// classKey is the key of the rule that set class, and backoffSize the length of
	// the code of the rule that set Backoff: a catalogue entry for a longer code is
	// more specific than either.
	classKey    codes.Key
	backoffSize int
	// merged is the fields of the rules, whatever the class.
	merged resolved
	// possible holds the variants that may apply if the service or the action of a
	// call is not known; nil for all other calls.
	possible []*variant
	// idempotentVariant is the same variant for idempotent requests only.
	idempotentVariant *variant
	// byClass is the resolved rule by the class that applies in the end.
	byClass [classCount]*resolved
	// slow is the same for catalogue entries with a minimum delay, one for each class
	// and delay.
	slow []*resolved
}

// resolved is the rule for one kind of outcome. Its address identifies it within a
// call: each has its own sequence of delays and count of attempts.
type resolved struct {
	// name is the rule that decided, "cvm:ResourceInUse" or "class busy".
	name  string
	class Class
	// maxAttempts is the maximum number of attempts of a call with this outcome; 0 is
	// no limit beyond that of the policy. Outcomes with the same counter share it: the
	// key of the rule that set the number, or an action without a service, which no
	// rule can have.
	maxAttempts int
	counter     codes.Key
	// maxElapsed is Rule.MaxElapsed; 0 is that of the policy.
	maxElapsed time.Duration
	// backoff has every field set, except for classes that are never retried.
	backoff Backoff
	// ownBackoff reports that a rule of the policy sets a field of backoff.
	ownBackoff     bool
	idempotentOnly bool
	rateLimit      RateLimiting
	// leastDelay is the minimum delay of the code: an earlier retry would fail as
	// well. 0 is none.
	leastDelay time.Duration
	// maxDelay is the longest delay: Policy.MaxDelay, or more for a longer
	// leastDelay if the policy has the default MaxDelay.
	maxDelay time.Duration
}

// exceedsMaxDelay reports whether no delay that the policy allows is long enough: the
// call ends as it does for a Retry-After that is too long.
func (r *resolved) exceedsMaxDelay() bool { return r.leastDelay > r.maxDelay }

// defaultRules returns the rules of the zero Policy, compiled on first use.
var defaultRules = sync.OnceValue(func() *rules { return Policy{}.compile() })

// compile returns the rules of a policy. Invalid fields and rules are ignored.
func (p Policy) compile() *rules {
	r := &rules{
		maxAttempts: orDefault(p.MaxAttempts, defaultMaxAttempts),
		maxElapsed:  orDefault(p.MaxElapsed, defaultMaxElapsed),
		maxDelay:    orDefault(p.MaxDelay, defaultMaxDelay),
	}
	r.noRule = p.newVariant(codes.Key{}, nil)
	keys := p.keys()
	if len(keys) == 0 {
		return r
	}
	r.byCode = make(map[string][]*variant, len(keys))
	r.byUnknownScope = map[string][]*variant{}
	for _, k := range keys {
		r.longest = max(r.longest, len(k.Code))
		if r.byCode[k.Code] == nil {
			own := p.variants(k.Code, keys)
			r.byCode[k.Code], r.byUnknownScope[k.Code] = own, p.unknownScopes(k.Code, own)
		}
	}
	return r
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// keys returns the keys of the policy's valid rules, the most specific first.
func (p Policy) keys() []codes.Key {
	keys := make([]codes.Key, 0, len(p.Codes))
	for _, key := range slices.Sorted(maps.Keys(p.Codes)) {
		var found policyErrors
		found.rule("", p.Codes[key])
		if k, err := codes.ParseKey(key); err == nil && len(found.list) == 0 {
			keys = append(keys, k)
		}
	}
	slices.SortStableFunc(keys, codes.Key.Compare)
	return keys
}

// variants returns the merged rules for a code, one variant for every scope of the
// rules that cover it, the narrowest scope first. The last variant is for any call.
func (p Policy) variants(code string, keys []codes.Key) []*variant {
	scopes := map[codes.Key]bool{{Code: code}: true}
	for _, k := range keys {
		if k.CoversCode(code) {
			scopes[codes.Key{Service: k.Service, Action: k.Action, Code: code}] = true
		}
	}
	var all []*variant
	for scope := range scopes {
		all = append(all, p.newVariant(scope, keys))
	}
	slices.SortFunc(all, func(a, b *variant) int { return a.key.Compare(b.key) })
	return all
}

// newVariant merges the rules that apply to the scope and the code of at. keys is
// sorted, the most specific key first.
func (p Policy) newVariant(at codes.Key, keys []codes.Key) *variant {
	v := &variant{key: at, merged: resolved{maxDelay: orDefault(p.MaxDelay, defaultMaxDelay)}}
	merged := &v.merged
	for _, k := range keys {
		if !k.Covers(at.Service, at.Action, at.Code) {
			continue
		}
		rule := p.Codes[k.String()]
		if merged.name == "" {
			merged.name = k.String()
		}
		if v.class == Undecided && rule.Class != Undecided {
			v.class, v.classKey = rule.Class, k
		}
		if v.backoffSize == 0 && rule.Backoff.own() {
			v.backoffSize = len(k.Code)
		}
		if merged.maxAttempts == 0 && rule.MaxAttempts > 0 {
			merged.maxAttempts, merged.counter = rule.MaxAttempts, k
		}
		if merged.maxElapsed == 0 {
			merged.maxElapsed = rule.MaxElapsed
		}
		if merged.rateLimit == RateLimitByClass {
			merged.rateLimit = rule.RateLimit
		}
		merged.backoff = merged.backoff.over(rule.Backoff)
		merged.idempotentOnly = merged.idempotentOnly || rule.IdempotentOnly
	}
	merged.ownBackoff = merged.backoff.own()
	p.liftDefaults(merged)
	v.complete(p)
	return v
}

// liftDefaults removes a default limit of the policy that would cut short a rule: one
// of attempts and time, if the rule raises the other and does not set this one.
func (p Policy) liftDefaults(r *resolved) {
	switch {
	case r.maxElapsed == 0 && p.MaxElapsed <= 0 && r.maxAttempts > orDefault(p.MaxAttempts, defaultMaxAttempts):
		r.maxElapsed = unlimitedElapsed
	case r.maxAttempts == 0 && p.MaxAttempts <= 0 && r.maxElapsed > orDefault(p.MaxElapsed, defaultMaxElapsed):
		r.maxAttempts, r.counter = unlimitedAttempts, codes.Key{Action: "MaxElapsed"}
	}
}

// complete resolves the merged rules, for every request and for idempotent ones only.
func (v *variant) complete(p Policy) {
	idempotent := *v
	idempotent.merged.idempotentOnly = true
	idempotent.fill(p)
	v.idempotentVariant = &idempotent
	v.fill(p)
}

// fill resolves the merged rules for each class.
func (v *variant) fill(p Policy) {
	for class := Success; class < classCount; class++ {
		v.byClass[class] = v.merged.as(class)
	}
	v.slow = nil
	for _, verdict := range codes.Slow() {
		slow := v.merged.as(meaningClasses[verdict.Means])
		slow.leastDelay = verdict.LeastDelay
		if p.MaxDelay <= 0 {
			// The policy sets no MaxDelay, and an earlier retry would fail as well.
			slow.maxDelay += verdict.LeastDelay
		}
		v.slow = append(v.slow, slow)
	}
}

// as returns a copy of r for a class. The class sets the fields of the backoff that r
// leaves zero.
func (r resolved) as(class Class) *resolved {
	r.class = class
	r.backoff = r.backoff.over(classBackoffs[class])
	if r.name == "" {
		r.name = "class " + class.String()
	}
	return &r
}

// ofCode returns the rule for a code in a response to an operation, and whether the
// policy or the catalogue gives the code a class: an unknown code is terminal. It does
// not allocate.
func (r *rules) ofCode(t Operation, code string) (*resolved, bool) {
	return r.ofVerdict(t, code, codes.Lookup(code))
}

// ofVerdict is ofCode for a code with the verdict v of the catalogue.
func (r *rules) ofVerdict(t Operation, code string, v codes.Verdict) (*resolved, bool) {
	return r.variant(t, code).resolve(v)
}

// ofClass returns the rule for an outcome of a class that no code decides.
func (r *rules) ofClass(c Class) *resolved { return r.noRule.ofClass(c) }

func (v *variant) ofClass(c Class) *resolved {
	if c == Undecided || c >= classCount {
		// A classifier can return any number.
		c = Terminal
	}
	return v.byClass[c]
}

// ofCodeAs returns the rule for a code whose class comes from a classifier of the user.
// That class overrides the one of the code's rules; their other fields apply.
func (r *rules) ofCodeAs(t Operation, e *APIError, c Class) *resolved {
	v := r.variant(t, e.Code)
	if rule, _ := v.resolve(verdictOf(e)); rule.class == c {
		return rule
	}
	return v.ofClass(c)
}

// variant returns the merged rules of the policy for a code of an operation.
func (r *rules) variant(t Operation, code string) *variant {
	if len(r.byCode) == 0 {
		return r.noRule
	}
	for prefix := codes.Cut(code, r.longest); prefix != ""; prefix = codes.Parent(prefix) {
		if t.Service == "" || t.Action == "" {
			if v := r.unknownScope(t, prefix); v != nil {
				return v
			}
		}
		if own := r.byCode[prefix]; own != nil {
			return inScope(own, t)
		}
	}
	return r.noRule
}

// resolve returns the rule for a code with a verdict of the catalogue, and whether the
// rules or the catalogue give the code a class.
func (v *variant) resolve(verdict codes.Verdict) (*resolved, bool) {
	class, known := v.classOf(verdict)
	idempotentOnly := v.needsIdempotent(verdict)
	for _, p := range v.possible {
		class, known = stricter(class, known, p, verdict)
		idempotentOnly = idempotentOnly || p.needsIdempotent(verdict)
	}
	limits := v
	if idempotentOnly {
		limits = v.idempotentVariant
	}
	if verdict.LeastDelay > 0 && verdict.Size > v.backoffSize {
		for _, slow := range limits.slow {
			if slow.class == class && slow.leastDelay == verdict.LeastDelay {
				return slow, known
			}
		}
	}
	return limits.byClass[class], known
}

// classOf returns the class of a code, and whether it has one: the class of the rules
// or, if its entry is more specific, that of the catalogue.
func (v *variant) classOf(verdict codes.Verdict) (Class, bool) {
	if v.overrides(verdict) {
		return v.class, true
	}
	return meaningClasses[verdict.Means], verdict.Size > 0
}

// needsIdempotent reports whether the class of a code, or its catalogue entry, limits
// retries to idempotent requests. A rule that sets the class overrides the entry in
// this, too.
func (v *variant) needsIdempotent(verdict codes.Verdict) bool {
	if v.overrides(verdict) {
		return v.class == Ambiguous
	}
	return verdict.IdempotentOnly
}

// overrides reports whether the class of the rules overrides that of the catalogue, whose
// entry is more specific if its code is longer. Terminal overrides any entry, so that one
// rule turns off a whole family.
func (v *variant) overrides(verdict codes.Verdict) bool {
	return v.class != Undecided && (v.class == Terminal || len(v.classKey.Code) >= verdict.Size)
}
