package tcretry

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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

// BenchmarkCodeTable is what the first lookup of a process costs.

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

func TestACodeIsKnownIfTheTableOrARuleGivesItAClass(t *testing.T) {
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

func TestAClassThatIsNoneIsTerminal(t *testing.T) {
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

func TestACompiledPolicyDoesNotFollowItsMap(t *testing.T) {
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

func TestAPolicyThatIsNotValidIsCompiledWithoutPanic(t *testing.T) {
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
