package tcretry

import (
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/tcretry/tcretry/internal/codes"
)

// What a zero field of a Policy means.
const (
	defaultMaxAttempts = 4
	defaultMaxElapsed  = 2 * time.Minute
	defaultMaxDelay    = 30 * time.Second
)

// What a rule without a limit of its own gets if a default must not stand in its
// way: more than any call needs, and far from overflow.
const (
	unlimitedAttempts = math.MaxInt32
	unlimitedElapsed  = 365 * 24 * time.Hour
)

// classCount is the number of classes, Undecided included.
const classCount = Ambiguous + 1

// repeated reports whether outcomes of the class may be retried at all.
func (c Class) repeated() bool { return c >= Throttled && c < classCount }

// rules is a policy made ready. Immutable: safe for concurrent use, and calls
// in flight keep theirs when a Transport gets others.
type rules struct {
	maxAttempts          int
	maxElapsed, maxDelay time.Duration
	// plain is what holds where no rule of the policy does.
	plain *variant
	// byCode has the variants of each code that a rule names, byPart those for
	// calls whose service or action is not known.
	byCode, byPart map[string][]*variant
	// longest is the length of the longest code that a rule names.
	longest int
}

// variant is what the rules that cover a code, or all of its sub-codes, say
// together for one scope.
type variant struct {
	key   codes.Key
	class Class // Undecided if no rule says
	// classKey is the key of the rule that said class, and backoffSize the
	// length of the code of the one that said Backoff: a row of the built-in
	// table for a longer code is more specific.
	classKey    codes.Key
	backoffSize int
	// merged is what the rules say, whatever the class.
	merged resolved
	// possible are the variants that a call may be about whose service or action is
	// not known; nil for all other calls.
	possible []*variant
	// careful is the same for idempotent requests only.
	careful *variant
	// byClass is what to do, by the class that holds in the end.
	byClass [classCount]*resolved
	// slow is the same for rows that have a least wait, one for each row class
	// and wait.
	slow []*resolved
}

// resolved is what to do about one kind of outcome. Its address identifies it
// within a call: each has its own sequence of delays and count of attempts.
type resolved struct {
	// name is the rule that decided, "cvm:ResourceInUse" or "class busy".
	name  string
	class Class
	// maxAttempts is how many attempts of a call may end so; 0 is no limit
	// beyond that of the policy. They are counted with those of all outcomes that
	// have the same counter: the key of the rule that set the number, or one that
	// no rule can have, an action without a service.
	maxAttempts int
	counter     codes.Key
	// maxElapsed is Rule.MaxElapsed; 0 is that of the policy.
	maxElapsed time.Duration
	// backoff has every field set, but for classes that are never repeated.
	backoff Backoff
	// ownBackoff says that a rule of the policy has a say in backoff.
	ownBackoff     bool
	idempotentOnly bool
	rateLimit      RateLimiting
	// leastDelay is the wait below which the code cannot pass; 0 is none.
	leastDelay time.Duration
	// maxDelay bounds the delay: Policy.MaxDelay, or more for a longer
	// leastDelay if the policy leaves MaxDelay to the default.
	maxDelay time.Duration
}

// tooSlow reports whether no delay that the policy allows is long enough: the
// call ends as if a server had asked for too long a delay.
func (r *resolved) tooSlow() bool { return r.leastDelay > r.maxDelay }

// defaultRules returns the rules of the zero Policy, made on first use.
var defaultRules = sync.OnceValue(func() *rules { return Policy{}.compile() })

// compile makes a policy ready. Of a policy that is not valid it takes what is.
func (p Policy) compile() *rules {
	r := &rules{
		maxAttempts: orDefault(p.MaxAttempts, defaultMaxAttempts),
		maxElapsed:  orDefault(p.MaxElapsed, defaultMaxElapsed),
		maxDelay:    orDefault(p.MaxDelay, defaultMaxDelay),
	}
	r.plain = p.newVariant(codes.Key{}, nil)
	keys := p.keys()
	if len(keys) == 0 {
		return r
	}
	r.byCode = make(map[string][]*variant, len(keys))
	r.byPart = map[string][]*variant{}
	for _, k := range keys {
		r.longest = max(r.longest, len(k.Code))
		if r.byCode[k.Code] == nil {
			own := p.variants(k.Code, keys)
			r.byCode[k.Code], r.byPart[k.Code] = own, p.partlyKnown(k.Code, own)
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

// keys returns the keys of the policy's rules, the most specific first, less
// those that have a mistake in them.
func (p Policy) keys() []codes.Key {
	keys := make([]codes.Key, 0, len(p.Codes))
	for _, key := range slices.Sorted(maps.Keys(p.Codes)) {
		var m mistakes
		m.rule("", p.Codes[key])
		if k, err := codes.ParseKey(key); err == nil && len(m.list) == 0 {
			keys = append(keys, k)
		}
	}
	slices.SortStableFunc(keys, codes.Key.Compare)
	return keys
}

// variants returns what the rules say together for a code, once for every scope
// that a rule about it has, the narrowest scope first. The last one is for any.
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

// newVariant merges the rules that hold in the scope of at and for its code; keys
// are in order, the most specific first.
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
	p.lift(merged)
	v.complete(p)
	return v
}

// lift takes a default of the policy out of the way of a rule that asks for more
// than the policy: of the two limits, attempts and time, it has set one.
func (p Policy) lift(r *resolved) {
	switch {
	case r.maxElapsed == 0 && p.MaxElapsed <= 0 && r.maxAttempts > orDefault(p.MaxAttempts, defaultMaxAttempts):
		r.maxElapsed = unlimitedElapsed
	case r.maxAttempts == 0 && p.MaxAttempts <= 0 && r.maxElapsed > orDefault(p.MaxElapsed, defaultMaxElapsed):
		r.maxAttempts, r.counter = unlimitedAttempts, codes.Key{Action: "MaxElapsed"}
	}
}

// complete makes what to do of what the rules say.
func (v *variant) complete(p Policy) {
	careful := *v
	careful.merged.idempotentOnly = true
	careful.fill(p)
	v.careful = &careful
	v.fill(p)
}

// fill makes what to do of what the rules say, class by class.
func (v *variant) fill(p Policy) {
	for class := Success; class < classCount; class++ {
		v.byClass[class] = v.merged.as(class)
	}
	v.slow = nil
	for _, row := range codes.Slow() {
		slow := v.merged.as(meaningClasses[row.Means])
		slow.leastDelay = row.LeastDelay
		if p.MaxDelay <= 0 {
			// Nobody has said how long is too long, and a shorter wait is in vain.
			slow.maxDelay += row.LeastDelay
		}
		v.slow = append(v.slow, slow)
	}
}

// as returns a copy of r for a class, with the delays of the class where r has
// none.
func (r resolved) as(class Class) *resolved {
	r.class = class
	r.backoff = r.backoff.over(classBackoffs[class])
	if r.name == "" {
		r.name = "class " + class.String()
	}
	return &r
}

// ofCode returns what to do about a code that a target was answered with, and
// whether the code means anything to the policy or the built-in table: one that
// does not is terminal. It does not allocate.
func (r *rules) ofCode(t Operation, code string) (*resolved, bool) {
	return r.ofVerdict(t, code, codes.Lookup(code))
}

// ofVerdict is the same for a code of which the built-in table says v.
func (r *rules) ofVerdict(t Operation, code string, v codes.Verdict) (*resolved, bool) {
	return r.variant(t, code).resolve(v)
}

// ofClass returns what to do about an outcome without a code that decides.
func (r *rules) ofClass(c Class) *resolved { return r.plain.ofClass(c) }

func (v *variant) ofClass(c Class) *resolved {
	if c == Undecided || c >= classCount {
		// A classifier can return any number: what it means is not known.
		c = Terminal
	}
	return v.byClass[c]
}

// ofCodeAs returns what to do about a code that a classifier of the user gave a
// class: that goes before the class of the code's rules, whose other fields hold.
func (r *rules) ofCodeAs(t Operation, e *APIError, c Class) *resolved {
	v := r.variant(t, e.Code)
	if rule, _ := v.resolve(verdictOf(e)); rule.class == c {
		return rule
	}
	return v.ofClass(c)
}

// variant returns what the policy's rules say of a code of a target.
func (r *rules) variant(t Operation, code string) *variant {
	if len(r.byCode) == 0 {
		return r.plain
	}
	for prefix := codes.Cut(code, r.longest); prefix != ""; prefix = codes.Parent(prefix) {
		if t.Service == "" || t.Action == "" {
			if v := r.partly(t, prefix); v != nil {
				return v
			}
		}
		if own := r.byCode[prefix]; own != nil {
			return inScope(own, t)
		}
	}
	return r.plain
}

// resolve returns what to do when the built-in table says what it does, and
// whether anything is known about the code.
func (v *variant) resolve(table codes.Verdict) (*resolved, bool) {
	class, known := v.classOf(table)
	careful := v.asksIdempotent(table)
	for _, p := range v.possible {
		class, known = stricter(class, known, p, table)
		careful = careful || p.asksIdempotent(table)
	}
	limits := v
	if careful {
		limits = v.careful
	}
	if table.LeastDelay > 0 && table.Size > v.backoffSize {
		for _, slow := range limits.slow {
			if slow.class == class && slow.leastDelay == table.LeastDelay {
				return slow, known
			}
		}
	}
	return limits.byClass[class], known
}

// classOf returns the class that the rules or, if that is the more specific, the
// built-in table give a code, and whether either does.
func (v *variant) classOf(table codes.Verdict) (Class, bool) {
	if v.overrules(table) {
		return v.class, true
	}
	return meaningClasses[table.Means], table.Size > 0
}

// asksIdempotent reports whether the code is retried for idempotent requests only
// because of its class: a rule that gives the class of an entry of the table takes
// the place of what the entry says of that, too.
func (v *variant) asksIdempotent(table codes.Verdict) bool {
	if v.overrules(table) {
		return v.class == Ambiguous
	}
	return table.IdempotentOnly
}

// overrules reports whether the rules' class goes before that of the catalogue, which is
// the more specific if its code is longer. Terminal stands: it turns off all of a family.
func (v *variant) overrules(table codes.Verdict) bool {
	return v.class != Undecided && (v.class == Terminal || len(v.classKey.Code) >= table.Size)
}
