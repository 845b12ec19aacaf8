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

var runInstances = Operation{Service: "cvm", Action: "RunInstances"}

// scoped is a policy with rules in every scope.
var scoped = Policy{Codes: map[string]Rule{
	"InternalError":                  {MaxAttempts: 3},
	"cvm:InternalError":              {IdempotentOnly: true},
	"cvm.RunInstances:InternalError": {Class: Terminal},
	"FailedOperation.SlowDown":       {Class: Throttled},
}}

func TestLookingUpACodeDoesNotAllocate(t *testing.T) {
	for name, r := range map[string]*rules{"default": defaultRules(), "scoped": scoped.compile()} {
		for _, code := range []string{
			"InternalError", "InternalError.Test", "InternalError.NoSuchCode",
			"FailedOperation.AccessUpstreamTimeout", "InvalidParameter.OperationIsTooFrequent",
			"NoSuchFamily.NoSuchCode", "InternalError" + strings.Repeat(".Long", 1000),
		} {
			allocs := testing.AllocsPerRun(100, func() {
				r.ofCode(runInstances, code)
				r.ofCodeAs(runInstances, &APIError{Code: code}, Busy)
			})
			require.Zero(t, allocs, "%s: %.60s", name, code)
		}
	}
}

func BenchmarkOfCode(b *testing.B) {
	for _, policy := range []struct {
		name  string
		rules *rules
	}{{"default", defaultRules()}, {"scoped", scoped.compile()}} {
		for _, code := range []struct{ name, code string }{
			{"known", "FailedOperation.AccessUpstreamTimeout"},
			{"family", "InternalError.NoSuchCode"},
			{"unknown", "InvalidParameterValue.NoSuchCode"},
		} {
			b.Run(policy.name+"/"+code.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					policy.rules.ofCode(runInstances, code.code)
				}
			})
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		scoped.compile()
	}
}

func TestOutcomesOfOneClassShareOneSequenceByDefault(t *testing.T) {
	r := defaultRules()
	internal, _ := r.ofCode(runInstances, "InternalError.NoSuchCode")
	require.Same(t, r.ofClass(Transient), internal)
	busy, _ := r.ofCode(runInstances, "FailedOperation.ServerBusy")
	require.Same(t, r.ofClass(Busy), busy)
	throttled, _ := r.ofCode(runInstances, "RequestLimitExceeded")
	require.NotSame(t, internal, throttled)
}

func TestARuleHasASequenceAndACountOfItsOwn(t *testing.T) {
	r := Policy{Codes: map[string]Rule{"InternalError.A": {MaxAttempts: 2}}}.compile()
	a, _ := r.ofCode(runInstances, "InternalError.A")
	sub, _ := r.ofCode(runInstances, "InternalError.A.Sub")
	b, _ := r.ofCode(runInstances, "InternalError.B")
	require.Same(t, a, sub)
	require.NotSame(t, a, b)
	require.Equal(t, 2, a.maxAttempts)
	require.Zero(t, b.maxAttempts)
}

func TestACodeIsKnownIfTheCatalogueOrARuleSetsItsClass(t *testing.T) {
	r := Policy{Codes: map[string]Rule{
		"Mine":   {Class: Busy},
		"Narrow": {MaxAttempts: 2},
	}}.compile()
	for code, want := range map[string]bool{
		"InternalError.NoSuchCode": true, "ResourceBusy": true, "Mine.Sub": true,
		"Narrow": false, "FailedOperation": false, "NoSuchCode": false,
	} {
		_, known := r.ofCode(runInstances, code)
		require.Equal(t, want, known, code)
	}
}

func TestAClassifiersClassTakesTheOtherFieldsOfTheRule(t *testing.T) {
	r := Policy{Codes: map[string]Rule{"Mine": {Class: Busy, MaxAttempts: 2}}}.compile()
	for _, class := range []Class{Busy, Transient} {
		rule := r.ofCodeAs(runInstances, &APIError{Code: "Mine"}, class)
		require.Equal(t, class, rule.class)
		require.Equal(t, 2, rule.maxAttempts)
	}
	require.Same(t, r.ofClass(Transient), r.ofCodeAs(runInstances, &APIError{Code: "Another"}, Transient))
}

func TestAnInvalidClassIsTerminal(t *testing.T) {
	r := defaultRules()
	require.Equal(t, Terminal, r.ofClass(Undecided).class)
	require.Equal(t, Terminal, r.ofClass(classCount).class)
	require.Equal(t, Terminal, r.ofClass(255).class)
	require.Equal(t, Terminal, r.ofCodeAs(runInstances, &APIError{Code: "InternalError"}, 99).class)
}

func TestZeroFieldsOfAPolicyAreTheDefaults(t *testing.T) {
	r := defaultRules()
	require.Equal(t, 4, r.maxAttempts)
	require.Equal(t, 2*time.Minute, r.maxElapsed)
	require.Equal(t, 30*time.Second, r.maxDelay)

	r = Policy{MaxAttempts: 1, MaxElapsed: 2, MaxDelay: 3}.compile()
	require.Equal(t, 1, r.maxAttempts)
	require.Equal(t, time.Duration(2), r.maxElapsed)
	require.Equal(t, time.Duration(3), r.maxDelay)
	require.Equal(t, time.Duration(3), r.ofClass(Busy).maxDelay)
}

func TestACompiledPolicyIsACopy(t *testing.T) {
	p := Policy{Codes: map[string]Rule{"Mine": {Class: Busy}}}
	r := p.compile()
	p.Codes["Mine"] = Rule{Class: Terminal}
	p.Codes["Other"] = Rule{Class: Busy}
	mine, _ := r.ofCode(runInstances, "Mine")
	other, known := r.ofCode(runInstances, "Other")
	require.Equal(t, Busy, mine.class)
	require.Equal(t, Terminal, other.class)
	require.False(t, known)
}

func TestAnInvalidPolicyIsCompiledWithoutPanic(t *testing.T) {
	r := Policy{MaxAttempts: -1, MaxElapsed: -1, MaxDelay: -1, Codes: map[string]Rule{
		"":           {Class: Busy},
		"a b":        {Class: Busy},
		":":          {Class: Busy},
		"Mine":       {Class: 99, MaxAttempts: -1, Backoff: Backoff{Initial: -1, Max: -1, Multiplier: -1, Jitter: 7}},
		"cvm.:Mine":  {},
		"cvm.a.b:Mi": {},
	}}.compile()
	require.Equal(t, 4, r.maxAttempts)
	for _, code := range []string{"", "a b", ":", "Mine", "Mine.Sub"} {
		rule, _ := r.ofCode(runInstances, code)
		require.Equal(t, Terminal, rule.class, code)
	}
}

// The scopes and codes of random policies.
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

// decision is what the rules and the catalogue decide about a code.
type decision struct {
	class              Class
	attempts           int
	idempotentOnly     bool
	rateLimit          RateLimiting
	multiplier, jitter float64
}

// expected returns the documented decision for an operation. If its service or its
// action is not known, every operation that it may be restricts the decision.
func expected(p Policy, op Operation, code string) decision {
	services, actions := []string{op.Service}, []string{op.Action}
	if op.Service == "" {
		services = []string{"other", "cvm", "vpc"}
	}
	if op.Action == "" {
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
			want.idempotentOnly = want.idempotentOnly || may.idempotentOnly || may.class == Ambiguous
			if want.class.retryable() && !may.class.retryable() {
				want.class = Terminal
			}
		}
	}
	if !want.class.retryable() {
		return decision{class: want.class} // it has no limits or delays
	}
	return want
}

// expectedOf is the documented precedence, implemented naively: sort the rules that
// cover the code, then take each field from the first rule that sets it.
func expectedOf(p Policy, op Operation, code string) decision {
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
		if service != "" && service != op.Service || action != "" && action != op.Action {
			continue
		}
		if of == code || strings.HasPrefix(code, of+".") {
			rules = append(rules, ranked{len(of), min(len(service), 1) + min(len(action), 1), rule})
		}
	}
	slices.SortFunc(rules, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(b.scope, a.scope))
	})
	verdict := codes.Lookup(code)
	want := decision{class: meaningClasses[verdict.Means]}
	if i := slices.IndexFunc(rules, func(r ranked) bool { return r.rule.Class != Undecided }); i >= 0 {
		if first := rules[i]; first.rule.Class == Terminal || first.size >= verdict.Size {
			want.class = first.rule.Class
		}
	}
	for _, r := range rules {
		want.attempts = cmp.Or(want.attempts, r.rule.MaxAttempts)
		want.rateLimit = cmp.Or(want.rateLimit, r.rule.RateLimit)
		want.idempotentOnly = want.idempotentOnly || r.rule.IdempotentOnly
		want.multiplier = cmp.Or(want.multiplier, r.rule.Backoff.Multiplier)
		want.jitter = cmp.Or(want.jitter, r.rule.Backoff.Jitter)
	}
	want.multiplier = cmp.Or(want.multiplier, classBackoffs[want.class].Multiplier)
	want.jitter = cmp.Or(want.jitter, classBackoffs[want.class].Jitter)
	want.idempotentOnly = want.idempotentOnly || want.class == Ambiguous
	return want
}

func TestTheMostSpecificRuleWinsFieldByField(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	ops := []Operation{
		{},
		{Service: "cvm"},
		{Service: "tke", Action: "RunInstances"},
		{Action: "RunInstances"},
		runInstances,
		{Service: "cvm", Action: "StopInstances"},
		{Service: "cvm", Action: "Other"},
		{Service: "vpc", Action: "RunInstances"},
	}
	lookups := append(slices.Clone(someCodes), "New.Sub.Sub", "Newer", "InternalError.Test.Other", "")
	for range 150 {
		p := randomPolicy(r)
		require.NoError(t, p.Validate())
		compiled := p.compile()
		for _, op := range ops {
			for _, code := range lookups {
				rule, _ := compiled.ofCode(op, code)
				got := decision{rule.class, rule.maxAttempts, rule.idempotentOnly, rule.rateLimit, rule.backoff.Multiplier, rule.backoff.Jitter}
				if !rule.class.retryable() {
					got = decision{class: rule.class}
				}
				got.idempotentOnly = got.idempotentOnly || got.class == Ambiguous
				if want := expected(p, op, code); got != want {
					t.Fatalf("%s of %+v: got %+v, want %+v in %+v", code, op, got, want, p)
				}
				if rule.class.retryable() && rule.backoff.Initial > rule.backoff.Max {
					t.Fatalf("%s of %+v: %+v shrinks in %+v", code, op, rule.backoff, p)
				}
			}
		}
	}
}
