package e2e_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tctest"
)

// modelDelay is every delay of the model's policies: what they say of attempts
// and time is compared, not what they say of delays.
const modelDelay = 7 * time.Second

// modelCodes are the codes of the model's calls. No row of the catalogue is
// longer than the family of one, so that the rules decide.
var modelCodes = []string{"InternalError", "InternalError.New", "InternalError.New.Sub", "ResourceInUse", "ResourceInUse.New", "Mine", "Mine.Sub"}

// modelPolicy is a random policy.
func modelPolicy(r *rand.Rand) tcretry.Policy {
	maybe := func(n int) int { return n * r.IntN(2) }
	p := tcretry.Policy{
		MaxAttempts: maybe(1 + r.IntN(6)),
		MaxElapsed:  time.Duration(maybe(20+r.IntN(100))) * time.Second,
		Codes:       map[string]tcretry.Rule{},
	}
	for range r.IntN(6) {
		scope := []string{"", "", "cvm:", "cvm.DescribeInstances:", "vpc:", "cvm.RunInstances:"}[r.IntN(6)]
		p.Codes[scope+modelCodes[r.IntN(len(modelCodes))]] = tcretry.Rule{
			Class:       []tcretry.Class{0, 0, 0, tcretry.Busy, tcretry.Transient, tcretry.Terminal, tcretry.Throttled}[r.IntN(7)],
			RateLimit:   tcretry.RateLimiting(maybe(1 + r.IntN(2))),
			MaxAttempts: maybe(1 + r.IntN(12)),
			MaxElapsed:  time.Duration(maybe(maybe(15+r.IntN(300)))) * time.Second,
		}
	}
	for _, family := range []string{"InternalError", "ResourceInUse", "Mine"} {
		rule := p.Codes[family]
		rule.Backoff = probe.Every(modelDelay)
		p.Codes[family] = rule
	}
	return p
}

// model is the documentation of Policy and Rule, sentence by sentence, for calls
// of the action DescribeInstances of cvm.
type model struct {
	policy  tcretry.Policy
	counted int            // against Policy.MaxAttempts
	byRule  map[string]int // against the number of a rule, by its key
	longest time.Duration  // of the times of the rules that the call met
}

// rule returns what the rules say of a code, and the key of the one that sets
// the number of attempts. The most specific goes first, field by field.
func (m *model) rule(code string) (rule tcretry.Rule, numbered string) {
	for prefix := code; prefix != ""; prefix = prefix[:max(0, strings.LastIndexByte(prefix, '.'))] {
		for _, scope := range []string{"cvm.DescribeInstances:", "cvm:", ""} {
			r := m.policy.Codes[scope+prefix]
			if rule.MaxAttempts == 0 && r.MaxAttempts > 0 {
				numbered = scope + prefix
			}
			rule.Class = cmp.Or(rule.Class, r.Class)
			rule.RateLimit = cmp.Or(rule.RateLimit, r.RateLimit)
			rule.MaxAttempts = cmp.Or(rule.MaxAttempts, r.MaxAttempts)
			rule.MaxElapsed = cmp.Or(rule.MaxElapsed, r.MaxElapsed)
		}
	}
	return rule, numbered
}

// next says why no attempt follows one that ended with code, elapsed after the
// start of the call; 0 if one follows.
func (m *model) next(code string, elapsed time.Duration) tcretry.StopReason {
	rule, numbered := m.rule(code)
	known := strings.HasPrefix(code, "InternalError") || strings.HasPrefix(code, "ResourceInUse")
	attempts, limit := cmp.Or(m.policy.MaxAttempts, 4), cmp.Or(m.policy.MaxElapsed, 2*time.Minute)
	switch {
	case rule.Class == tcretry.Terminal, rule.Class == tcretry.Undecided && !known:
		return tcretry.StopTerminal
	case m.policy.MaxAttempts == 1:
		return tcretry.StopMaxAttempts
	}
	raised, longer := rule.MaxAttempts > attempts, rule.MaxElapsed > limit
	if raised && rule.MaxElapsed == 0 && m.policy.MaxElapsed == 0 {
		rule.MaxElapsed = 1000 * time.Hour
	}
	if longer && rule.MaxAttempts == 0 && m.policy.MaxAttempts == 0 {
		raised = true // and no number to raise it to
	}
	limited := rule.Class == tcretry.Throttled && rule.RateLimit != tcretry.NotRateLimited
	m.byRule[numbered]++
	if !raised && !limited {
		m.counted++
	}
	if rule.MaxAttempts > 0 && m.byRule[numbered] >= rule.MaxAttempts || !raised && !limited && m.counted >= attempts {
		return tcretry.StopMaxAttempts
	}
	m.longest = max(m.longest, rule.MaxElapsed, limit)
	if rule.MaxElapsed > 0 && rule.MaxElapsed < limit {
		limit = rule.MaxElapsed
	} else {
		limit = m.longest
	}
	if elapsed+modelDelay > limit {
		return tcretry.StopMaxElapsed
	}
	return 0
}

func TestCallsOfRandomPoliciesMakeTheAttemptsOfTheModel(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	reasons := map[tcretry.StopReason]int{}
	for range 800 {
		p := modelPolicy(r)
		require.NoError(t, p.Validate())
		// Runs of one code, so that large numbers are reached as well.
		var codes []string
		for most := 1 + r.IntN(40); len(codes) < most; {
			codes = append(codes, slices.Repeat([]string{modelCodes[r.IntN(len(modelCodes))]}, 1+r.IntN(10))...)
		}
		m := model{policy: p, byRule: map[string]int{}}
		var want tcretry.StopReason
		attempts := 0
		for ; want == 0 && attempts < len(codes); attempts++ {
			want = m.next(codes[attempts], time.Duration(attempts)*modelDelay)
		}
		if want == 0 {
			want, attempts = tcretry.StopSuccess, attempts+1
		}
		reasons[want]++
		synctest.Test(t, func(t *testing.T) {
			api := tctest.NewAPI()
			for _, code := range codes {
				api.Script("DescribeInstances", tctest.Fail(code, ""))
			}
			api.Script("DescribeInstances", tctest.OK(nil))
			// A limiter that never waits: the model has no time for one.
			limiter := reportPacer(func(ratelimit.Result) {})
			events := probe.CallOf(t, p, api, tcretry.WithoutBudget(), tcretry.WithRateLimiter(limiter))
			got := fmt.Sprintf("%d attempts, %s", events.Done[0].Attempts, events.Done[0].Reason)
			require.Equal(t, fmt.Sprintf("%d attempts, %s", attempts, want), got, "%+v\n%v", p, codes)
		})
	}
	for _, reason := range []tcretry.StopReason{tcretry.StopSuccess, tcretry.StopTerminal, tcretry.StopMaxAttempts, tcretry.StopMaxElapsed} {
		require.Greater(t, reasons[reason], 10, "the policies reach it: %s", reason)
	}
}
