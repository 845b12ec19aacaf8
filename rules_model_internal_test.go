package tcretry

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/codes"
)

// The words of the universe that random policies are made of.
var (
	someScopes = []codes.Key{
		{},
		{Service: "cvm"},
		{Service: "vpc"},
		{Service: "cvm", Action: "RunInstances"},
		{Service: "cvm", Action: "StopInstances"},
		{Service: "vpc", Action: "RunInstances"},
	}
	someCodes = []string{
		"InternalError", "InternalError.Test", "InternalError.Test.Sub", "InternalError.ServerBusy", "InternalError.New",
		"FailedOperation", "FailedOperation.FrequencyLimit", "FailedOperation.FrequencyLimit.Sub",
		"InvalidParameter", "InvalidParameter.OperationIsTooFrequent", "New", "New.Sub",
	}
)

func randomRule(r *rand.Rand) Rule {
	var rule Rule
	maybe := func(set func()) {
		if r.IntN(3) == 0 {
			set()
		}
	}
	maybe(func() { rule.Class = Success + Class(r.IntN(int(classCount-Success))) })
	maybe(func() { rule.MaxAttempts = 1 + r.IntN(9) })
	maybe(func() { rule.IdempotentOnly = true })
	maybe(func() { rule.RateLimit = RateLimited + RateLimiting(r.IntN(2)) })
	maybe(func() { rule.Backoff.Initial = time.Duration(1 + r.IntN(int(time.Minute))) })
	maybe(func() { rule.Backoff.Max = rule.Backoff.Initial + time.Duration(1+r.IntN(int(time.Minute))) })
	maybe(func() { rule.Backoff.Multiplier = 1 + 4*r.Float64() })
	maybe(func() { rule.Backoff.Jitter = []float64{NoJitter, 0.5, 1}[r.IntN(3)] })
	return rule
}

func randomPolicy(r *rand.Rand) Policy {
	p := Policy{Codes: map[string]Rule{}}
	for range 1 + r.IntN(12) {
		key := someScopes[r.IntN(len(someScopes))]
		key.Code = someCodes[r.IntN(len(someCodes))]
		p.Codes[key.String()] = randomRule(r)
	}
	return p
}

// said is what the rules and the table say of a code.
type said struct {
	class              Class
	attempts           int
	harmless           bool
	rateLimit          RateLimiting
	multiplier, jitter float64
}

// expected is what the rules say of a target, or of the strictest of those that it
// may be if its service or its action is not known.
func expected(p Policy, target Operation, code string) said {
	services, actions := []string{target.Service}, []string{target.Action}
	if target.Service == "" {
		services = []string{"other", "cvm", "vpc"}
	}
	if target.Action == "" {
		actions = []string{"Other", "RunInstances", "StopInstances"}
	}
	want := expectedOf(p, Operation{Service: services[0], Action: actions[0]}, code)
	number := func(n int) int { return cmp.Or(n, defaultMaxAttempts) }
	for _, service := range services {
		for _, action := range actions {
			may := expectedOf(p, Operation{Service: service, Action: action}, code)
			if number(may.attempts) < number(want.attempts) {
				want.attempts = may.attempts
			}
			want.harmless = want.harmless || may.harmless || may.class == Ambiguous
			if want.class.repeated() && !may.class.repeated() {
				want.class = Terminal
			}
		}
	}
	if !want.class.repeated() {
		return said{class: want.class} // it has no limits or delays
	}
	return want
}

// expectedOf is the documented precedence, word by word and without a plan: sort
// the rules that cover the code, then ask them one after the other.
func expectedOf(p Policy, target Operation, code string) said {
	type ranked struct {
		size, scope int
		rule        Rule
	}
	var rules []ranked
	for key, rule := range p.Codes {
		scope, of, found := strings.Cut(key, ":")
		if !found {
			scope, of = "", key
		}
		service, action, _ := strings.Cut(scope, ".")
		if service != "" && service != target.Service || action != "" && action != target.Action {
			continue
		}
		if of == code || strings.HasPrefix(code, of+".") {
			rules = append(rules, ranked{len(of), min(len(service), 1) + min(len(action), 1), rule})
		}
	}
	slices.SortFunc(rules, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(b.scope, a.scope))
	})
	table := codes.Lookup(code)
	want := said{class: meaningClasses[table.Means]}
	if i := slices.IndexFunc(rules, func(r ranked) bool { return r.rule.Class != Undecided }); i >= 0 {
		if first := rules[i]; first.rule.Class == Terminal || first.size >= table.Size {
			want.class = first.rule.Class
		}
	}
	for _, r := range rules {
		want.attempts = cmp.Or(want.attempts, r.rule.MaxAttempts)
		want.rateLimit = cmp.Or(want.rateLimit, r.rule.RateLimit)
		want.harmless = want.harmless || r.rule.IdempotentOnly
		want.multiplier = cmp.Or(want.multiplier, r.rule.Backoff.Multiplier)
		want.jitter = cmp.Or(want.jitter, r.rule.Backoff.Jitter)
	}
	want.multiplier = cmp.Or(want.multiplier, classBackoffs[want.class].Multiplier)
	want.jitter = cmp.Or(want.jitter, classBackoffs[want.class].Jitter)
	want.harmless = want.harmless || want.class == Ambiguous
	return want
}

func TestTheMostSpecificRuleWinsFieldByField(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	targets := []Operation{
		{},
		{Service: "cvm"},
		{Service: "tke", Action: "RunInstances"},
		{Action: "RunInstances"},
		runInstances,
		{Service: "cvm", Action: "StopInstances"},
		{Service: "cvm", Action: "Other"},
		{Service: "vpc", Action: "RunInstances"},
	}
	asked := append(slices.Clone(someCodes), "New.Sub.Sub", "Newer", "InternalError.Test.Other", "")
	for range 150 {
		p := randomPolicy(r)
		require.NoError(t, p.Validate())
		compiled := p.compile()
		for _, target := range targets {
			for _, code := range asked {
				rule, _ := compiled.ofCode(target, code)
				got := said{rule.class, rule.maxAttempts, rule.idempotentOnly, rule.rateLimit, rule.backoff.Multiplier, rule.backoff.Jitter}
				if !rule.class.repeated() {
					got = said{class: rule.class}
				}
				got.harmless = got.harmless || got.class == Ambiguous
				if want := expected(p, target, code); got != want {
					t.Fatalf("%s of %+v: got %+v, want %+v in %+v", code, target, got, want, p)
				}
				if rule.class.repeated() && rule.backoff.Initial > rule.backoff.Max {
					t.Fatalf("%s of %+v: %+v shrinks in %+v", code, target, rule.backoff, p)
				}
			}
		}
	}
}
