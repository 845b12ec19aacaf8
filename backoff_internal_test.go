package tcretry

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/require"
)

func TestDelaysOfEachClassStayInTheirDocumentedRange(t *testing.T) {
	const ms = time.Millisecond
	for class, want := range map[Class][][2]time.Duration{
		Throttled: {{1000 * ms, 1500 * ms}, {2000 * ms, 3000 * ms}, {4000 * ms, 6000 * ms}, {8000 * ms, 12000 * ms}, {8000 * ms, 12000 * ms}},
		Busy:      {{2000 * ms, 3000 * ms}, {6000 * ms, 9000 * ms}, {18000 * ms, 27000 * ms}, {20000 * ms, 30000 * ms}, {20000 * ms, 30000 * ms}},
		Transient: {{0, 200 * ms}, {0, 400 * ms}, {0, 800 * ms}, {0, 1600 * ms}, {0, 3200 * ms}, {0, 5000 * ms}, {0, 5000 * ms}},
		Ambiguous: {{0, 200 * ms}, {0, 400 * ms}, {0, 800 * ms}, {0, 1600 * ms}, {0, 3200 * ms}, {0, 5000 * ms}, {0, 5000 * ms}},
	} {
		rule := defaultRules().ofClass(class)
		lowest, highest := make([]time.Duration, len(want)), make([]time.Duration, len(want))
		for n := range 300 {
			delays := rule.newBackOff(time.Minute)
			for i, bounds := range want {
				delay := delays.NextBackOff()
				require.GreaterOrEqual(t, delay, bounds[0], "%s %d", class, i)
				require.LessOrEqual(t, delay, bounds[1], "%s %d", class, i)
				if n == 0 {
					lowest[i] = delay
				}
				lowest[i], highest[i] = min(lowest[i], delay), max(highest[i], delay)
			}
		}
		for i, bounds := range want {
			// 300 draws leave a tenth at either end out about once in 10^13.
			tenth := (bounds[1] - bounds[0]) / 10
			require.Less(t, lowest[i], bounds[0]+tenth, "%s %d: drawn from the whole range", class, i)
			require.Greater(t, highest[i], bounds[1]-tenth, "%s %d: drawn from the whole range", class, i)
		}
	}
}

func TestDelaysAreCutToMaxDelay(t *testing.T) {
	delays := defaultRules().ofClass(Busy).newBackOff(time.Second)
	for range 5 {
		require.Equal(t, time.Second, delays.NextBackOff())
	}
}

func TestDelaysAreAddedToTheMinimumDelay(t *testing.T) {
	rule, _ := defaultRules().ofCode(Operation{}, "InvalidParameter.OperationIsTooFrequent")
	require.Equal(t, time.Minute, rule.leastDelay)
	delays := rule.newBackOff(rule.maxDelay)
	for range 4 {
		delay := delays.NextBackOff()
		require.Greater(t, delay, 61*time.Second-1)
		require.LessOrEqual(t, delay, rule.maxDelay)
	}
}

func TestEachCallHasAFreshSequence(t *testing.T) {
	rule, _ := Policy{Codes: map[string]Rule{
		"Mine": {Class: Busy, Backoff: Backoff{Initial: time.Second, Jitter: NoJitter}},
	}}.compile().ofCode(Operation{}, "Mine")
	one, other := rule.newBackOff(time.Minute), rule.newBackOff(time.Minute)
	require.Equal(t, time.Second, one.NextBackOff())
	require.Equal(t, 3*time.Second, one.NextBackOff())
	require.Equal(t, time.Second, other.NextBackOff())
}

// listed is a BackOff that returns what it is made of, then Stop.
type listed []time.Duration

func (l *listed) Reset() {}

func (l *listed) NextBackOff() time.Duration {
	if len(*l) == 0 {
		return backoff.Stop
	}
	first := (*l)[0]
	*l = (*l)[1:]
	return first
}

func TestTheSequenceOfNewIsLimited(t *testing.T) {
	made := 0
	rule, _ := Policy{Codes: map[string]Rule{
		"Mine": {Class: Busy, Backoff: Backoff{New: func() backoff.BackOff {
			made++
			return &listed{time.Second, time.Hour, 0, -5}
		}}},
	}}.compile().ofCode(Operation{}, "Mine")
	require.True(t, rule.ownBackoff)
	delays := rule.newBackOff(time.Minute)
	rule.newBackOff(time.Minute)
	require.Equal(t, 2, made)
	require.Equal(t, time.Second, delays.NextBackOff())
	require.Equal(t, time.Minute, delays.NextBackOff())
	require.Zero(t, delays.NextBackOff())
	require.Equal(t, backoff.Stop, delays.NextBackOff())
	require.Equal(t, backoff.Stop, delays.NextBackOff())
}

func TestANewThatReturnsNilEndsTheCall(t *testing.T) {
	rule := resolved{backoff: Backoff{New: func() backoff.BackOff { return nil }}}
	require.Equal(t, backoff.Stop, rule.newBackOff(time.Minute).NextBackOff())
}

func TestOfContradictingInitialAndMaxTheMoreSpecificApplies(t *testing.T) {
	long := Policy{Codes: map[string]Rule{"InternalError": {Backoff: Backoff{Initial: 10 * time.Second}}}}
	rule, _ := long.compile().ofCode(Operation{}, "InternalError")
	require.Equal(t, Backoff{Initial: 10 * time.Second, Max: 10 * time.Second, Multiplier: 2, Jitter: 1}, rule.backoff)

	short := Policy{Codes: map[string]Rule{"ResourceInUse": {Backoff: Backoff{Max: time.Second}}}}
	rule, _ = short.compile().ofCode(Operation{}, "ResourceInUse")
	require.Equal(t, Backoff{Initial: time.Second, Max: time.Second, Multiplier: 3, Jitter: 0.2}, rule.backoff)
}

func TestNewAndFieldsOfDifferentRulesDoNotMix(t *testing.T) {
	function := Backoff{New: func() backoff.BackOff { return &listed{} }}
	p := Policy{Codes: map[string]Rule{
		"InternalError":     {Backoff: Backoff{Initial: time.Second}},
		"InternalError.A":   {Backoff: function},
		"InternalError.A.B": {Backoff: Backoff{Multiplier: 3}},
	}}.compile()
	a, _ := p.ofCode(Operation{}, "InternalError.A")
	require.NotNil(t, a.backoff.New)
	b, _ := p.ofCode(Operation{}, "InternalError.A.B")
	require.Nil(t, b.backoff.New)
	require.Equal(t, 3.0, b.backoff.Multiplier)
	require.Equal(t, time.Second, b.backoff.Initial)
}

func TestOnlyARuleWithABackoffHasItsOwn(t *testing.T) {
	require.False(t, defaultRules().ofClass(Throttled).ownBackoff)
	p := Policy{Codes: map[string]Rule{
		"RequestLimitExceeded":   {MaxAttempts: 9},
		"RequestLimitExceeded.A": {Backoff: Backoff{Initial: time.Second}},
	}}.compile()
	family, _ := p.ofCode(Operation{}, "RequestLimitExceeded")
	require.False(t, family.ownBackoff)
	a, _ := p.ofCode(Operation{}, "RequestLimitExceeded.A")
	require.True(t, a.ownBackoff)
}

func TestASequenceDoesNotEndByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		delays := defaultRules().ofClass(Busy).newBackOff(time.Minute)
		time.Sleep(24 * time.Hour)
		require.Positive(t, delays.NextBackOff())
	})
}

func TestARuleWithAnotherClassHasNoMinimumDelay(t *testing.T) {
	const code = "InvalidParameter.OperationIsTooFrequent"
	same, _ := Policy{Codes: map[string]Rule{code: {Class: Throttled}}}.compile().ofCode(Operation{}, code)
	require.Equal(t, time.Minute, same.leastDelay)
	busy, _ := Policy{Codes: map[string]Rule{code: {Class: Busy}}}.compile().ofCode(Operation{}, code)
	require.Equal(t, Busy, busy.class)
	require.Zero(t, busy.leastDelay)
}
