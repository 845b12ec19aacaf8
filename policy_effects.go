package tcretry

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tcretry/tcretry/internal/codes"
)

// effects warns of the fields of a rule that change nothing: those without which
// every outcome that the rule covers is treated alike. A code that is misspelled
// was warned of, and that is why.
func (l *linter) effects(k codes.Key, misspelled bool) {
	rule := l.policy.Codes[k.String()]
	fields := setFields(rule)
	if len(fields) == 0 {
		l.warn("", nil, "has no effect: the rule is empty")
	}
	if misspelled {
		return
	}
	related := l.policy.related(k)
	with := related.compile()
	for _, f := range fields {
		warned := func(w PolicyWarning) bool { return w.Path == l.pathOf(f.name) }
		if slices.ContainsFunc(l.warnings, warned) || f.name == "Class" && len(fields) > 1 {
			continue // a class beside other fields says what they are for
		}
		less := rule
		f.clear(&less)
		without := related
		without.Codes = maps.Clone(related.Codes)
		without.Codes[k.String()] = less
		if !with.differs(without.compile(), k) {
			l.warn(f.name, f.value, "has no effect: "+with.whyNone(k, f.name, without.compile()))
		}
	}
}

// ruleField is a field of a rule that is set.
type ruleField struct {
	name  string
	value any
	clear func(*Rule)
}

// setFields returns the fields of a rule that are set.
func setFields(r Rule) []ruleField {
	all := []struct {
		ruleField
		set bool
	}{
		{ruleField{"Class", r.Class, func(r *Rule) { r.Class = Undecided }}, r.Class != Undecided},
		{ruleField{"MaxAttempts", r.MaxAttempts, func(r *Rule) { r.MaxAttempts = 0 }}, r.MaxAttempts != 0},
		{ruleField{"MaxElapsed", r.MaxElapsed, func(r *Rule) { r.MaxElapsed = 0 }}, r.MaxElapsed != 0},
		{ruleField{"Backoff.Initial", r.Backoff.Initial, func(r *Rule) { r.Backoff.Initial = 0 }}, r.Backoff.Initial != 0},
		{ruleField{"Backoff.Max", r.Backoff.Max, func(r *Rule) { r.Backoff.Max = 0 }}, r.Backoff.Max != 0},
		{ruleField{"Backoff.Multiplier", r.Backoff.Multiplier, func(r *Rule) { r.Backoff.Multiplier = 0 }}, r.Backoff.Multiplier != 0},
		{ruleField{"Backoff.Jitter", max(r.Backoff.Jitter, 0), func(r *Rule) { r.Backoff.Jitter = 0 }}, r.Backoff.Jitter != 0},
		{ruleField{"Backoff.New", nil, func(r *Rule) { r.Backoff.New = nil }}, r.Backoff.New != nil},
		{ruleField{"RateLimit", r.RateLimit, func(r *Rule) { r.RateLimit = RateLimitByClass }}, r.RateLimit != RateLimitByClass},
		{ruleField{"IdempotentOnly", true, func(r *Rule) { r.IdempotentOnly = false }}, r.IdempotentOnly},
	}
	var set []ruleField
	for _, f := range all {
		if f.set {
			set = append(set, f.ruleField)
		}
	}
	return set
}

// related returns the policy with the rules alone that have a say in what those of
// a key and its sub-codes mean.
func (p Policy) related(k codes.Key) Policy {
	related := map[string]Rule{}
	for key, rule := range p.Codes {
		other, err := codes.ParseKey(key)
		if err == nil && (k.CoversCode(other.Code) || other.CoversCode(k.Code)) {
			related[key] = rule
		}
	}
	p.Codes = related
	return p
}

// effect is all that the rules decide about an outcome.
type effect struct {
	class            Class
	rateLimited      bool // its responses are throttles to the rate limiter
	attempts         int
	elapsed          time.Duration
	idempotentOnly   bool
	own              bool // the delays are those of a New
	first, longest   time.Duration
	multiplier       float64
	jitter           float64
	leastDelay, most time.Duration
}

// effectOf returns what r decides about a code of a target, of which the built-in
// table says v.
func (r *rules) effectOf(t Operation, code string, v codes.Verdict) effect {
	rule, _ := r.ofVerdict(t, code, v)
	e := effect{class: rule.class, rateLimited: rule.rateLimits(code), attempts: r.attemptsOf(rule)}
	if e.attempts == 1 {
		return e // nothing else matters
	}
	e.elapsed = r.elapsedOf(rule)
	e.idempotentOnly = rule.idempotentOnly || rule.class == Ambiguous
	e.own = rule.backoff.New != nil
	e.first, e.longest = min(rule.backoff.Initial, rule.maxDelay), min(rule.backoff.Max, rule.maxDelay)
	e.jitter = max(rule.backoff.Jitter, 0)
	if e.first < e.longest {
		e.multiplier = rule.backoff.Multiplier
	}
	e.leastDelay, e.most = rule.leastDelay, rule.maxDelay
	return e
}

// differs reports whether r and other decide anything in the scope of a key in
// two ways.
func (r *rules) differs(other *rules, k codes.Key) bool {
	for _, target := range r.targetsOf(k) {
		for _, code := range r.coveredBy(k) {
			for _, v := range codes.LookupAll(code) {
				if r.effectOf(target, code, v) != other.effectOf(target, code, v) {
					return true
				}
			}
		}
	}
	return false
}

// targetsOf returns a target of every kind in the scope of a key: those that the
// rules name, and others.
func (r *rules) targetsOf(k codes.Key) []Operation {
	targets := []Operation{Operation{Service: k.Service, Action: k.Action}.known()}
	for _, own := range r.byCode {
		for _, v := range own {
			t := Operation{Service: cmp.Or(k.Service, v.key.Service), Action: cmp.Or(k.Action, v.key.Action)}.known()
			if !slices.Contains(targets, t) {
				targets = append(targets, t)
			}
		}
	}
	return targets
}

// known returns the target with noOther in the place of what it does not name: a
// service or action that is known, and that no rule names.
func (t Operation) known() Operation {
	return Operation{Service: cmp.Or(t.Service, noOther), Action: cmp.Or(t.Action, noOther)}
}

// coveredBy returns a code of every kind that a key covers: its own, those of the
// catalogue and of other rules, and one that nothing is known about.
func (r *rules) coveredBy(k codes.Key) []string {
	covered := []string{k.Code, k.Code + "." + noOther}
	for _, code := range append(Codes(), slices.Sorted(maps.Keys(r.byCode))...) {
		if code != k.Code && k.CoversCode(code) {
			covered = append(covered, code)
		}
	}
	return covered
}

// whyNone says why a field of the rule of a key has no effect.
func (r *rules) whyNone(k codes.Key, field string, without *rules) string {
	target := Operation{Service: k.Service, Action: k.Action}.known()
	rule, _ := without.ofCode(target, k.Code)
	retried := r.firstRetried(k)
	switch {
	case field == "RateLimit" && rule.class != Throttled:
		return fmt.Sprintf("%s is %s, and throttled codes alone are rate limited", k.Code, rule.class)
	case field == "Class":
		return fmt.Sprintf("%s is %s without it", k.Code, rule.class)
	case r.maxAttempts == 1:
		return "MaxAttempts 1 of the policy turns retries off"
	case retried == nil:
		return fmt.Sprintf("%s is %s, which is not retried; a Class turns retries on", k.Code, rule.class)
	case retried.tooSlow():
		return fmt.Sprintf("%s lasts %v at least, and MaxDelay, which is %s, ends the call", k.Code, retried.leastDelay, durationText(retried.maxDelay))
	case r.attemptsOf(retried) == 1:
		return "MaxAttempts 1 of the rule turns retries off"
	case field == "IdempotentOnly" && retried.class == Ambiguous:
		return "the class ambiguous is retried for idempotent requests only"
	case strings.HasPrefix(field, "Backoff.") && retried.backoff.New != nil:
		return "Backoff.New of another rule makes the delays"
	}
	return fmt.Sprintf("the same holds for %s without it", k)
}
