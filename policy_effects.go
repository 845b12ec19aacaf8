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

// effects warns of the fields of a rule without effect: every outcome that the rule
// covers is treated the same without the field. A misspelled code has a warning already,
// which explains it.
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
			continue // a class beside other fields documents what they are for
		}
		less := rule
		f.clear(&less)
		related.Codes[k.String()] = less // a copy of its own; with is compiled already
		if without := related.compile(); !with.differs(without, k) {
			l.warn(f.name, f.value, "has no effect: "+with.noEffectReason(k, f.name, without))
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

// related returns the policy with only those rules that affect the code of a key and
// its sub-codes.
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

// effect is everything that the rules decide about an outcome.
type effect struct {
	class            Class
	rateLimited      bool // the rate limiter handles it
	attempts         int
	elapsed          time.Duration
	idempotentOnly   bool
	own              bool // the delays are those of a Backoff.New
	first, longest   time.Duration
	multiplier       float64
	jitter           float64
	leastDelay, most time.Duration
}

// effectOf returns the effect of r on a code of an operation, with the verdict v of the
// catalogue.
func (r *rules) effectOf(t Operation, code string, v codes.Verdict) effect {
	rule, _ := r.ofVerdict(t, code, v)
	e := effect{class: rule.class, rateLimited: rule.rateLimits(code), attempts: r.attemptsOf(rule)}
	if e.attempts == 1 {
		return e // without a retry nothing else has an effect
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

// differs reports whether r and other have different effects in the scope of a key.
func (r *rules) differs(other *rules, k codes.Key) bool {
	for _, op := range r.operationsOf(k) {
		for _, code := range r.coveredBy(k) {
			for _, v := range codes.LookupAll(code) {
				if r.effectOf(op, code, v) != other.effectOf(op, code, v) {
					return true
				}
			}
		}
	}
	return false
}

// operationsOf returns one operation of every kind in the scope of a key: those that
// the rules name, and one that none names.
func (r *rules) operationsOf(k codes.Key) []Operation {
	ops := []Operation{Operation{Service: k.Service, Action: k.Action}.withOther()}
	for _, own := range r.byCode {
		for _, v := range own {
			op := Operation{Service: cmp.Or(k.Service, v.key.Service), Action: cmp.Or(k.Action, v.key.Action)}.withOther()
			if !slices.Contains(ops, op) {
				ops = append(ops, op)
			}
		}
	}
	return ops
}

// withOther returns the operation with otherName for an empty service or action: known,
// but not named by any rule.
func (t Operation) withOther() Operation {
	return Operation{Service: cmp.Or(t.Service, otherName), Action: cmp.Or(t.Action, otherName)}
}

// coveredBy returns one code of every kind that a key covers: its own, those of the
// catalogue and of other rules, and an unknown one.
func (r *rules) coveredBy(k codes.Key) []string {
	covered := []string{k.Code, k.Code + "." + otherName}
	for _, code := range append(Codes(), slices.Sorted(maps.Keys(r.byCode))...) {
		if code != k.Code && k.CoversCode(code) {
			covered = append(covered, code)
		}
	}
	return covered
}

// noEffectReason returns the reason why a field of the rule of a key has no effect.
func (r *rules) noEffectReason(k codes.Key, field string, without *rules) string {
	op := Operation{Service: k.Service, Action: k.Action}.withOther()
	rule, _ := without.ofCode(op, k.Code)
	retried := r.firstRetried(k)
	switch {
	case field == "RateLimit" && rule.class != Throttled:
		return fmt.Sprintf("%s is %s, and only throttled codes are rate limited", k.Code, rule.class)
	case field == "Class":
		return fmt.Sprintf("%s is %s without it", k.Code, rule.class)
	case r.maxAttempts == 1:
		return "MaxAttempts 1 of the policy turns retries off"
	case retried == nil:
		return fmt.Sprintf("%s is %s, which is not retried; a Class turns retries on", k.Code, rule.class)
	case retried.exceedsMaxDelay():
		return fmt.Sprintf("the minimum delay of %s is %v, and MaxDelay, which is %s, ends the call", k.Code, retried.leastDelay, durationText(retried.maxDelay))
	case r.attemptsOf(retried) == 1:
		return "MaxAttempts 1 of the rule turns retries off"
	case field == "IdempotentOnly" && retried.class == Ambiguous:
		return "ambiguous outcomes are retried for idempotent requests only"
	case strings.HasPrefix(field, "Backoff.") && retried.backoff.New != nil:
		return "Backoff.New of another rule sets the delays"
	}
	return fmt.Sprintf("%s is treated the same without it", k)
}
