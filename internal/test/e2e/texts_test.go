package e2e_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tctest"
)

// The rules of a policy are listed unless the only one is named as what decided.
func TestAnExplanationListsTheRulesThatItDoesNotName(t *testing.T) {
	rule := func(keys ...string) tcretry.Policy {
		p := tcretry.Policy{Codes: map[string]tcretry.Rule{}}
		for _, key := range keys {
			p.Codes[key] = tcretry.Rule{MaxAttempts: 7}
		}
		return p
	}
	decides := rule()
	decides.Codes["InternalError"] = tcretry.Rule{Class: tcretry.Busy}
	both := rule("InternalError.Other")
	both.Codes["InternalError"] = tcretry.Rule{Class: tcretry.Busy}
	for name, row := range map[string]struct {
		policy tcretry.Policy
		code   string
		rule   string
		rules  string // "" for no such line
	}{
		"none":                          {rule(), "InternalError", "built in, family InternalError", ""},
		"one that does not decide":      {rule("InternalError"), "InternalError", "built in, family InternalError", "InternalError"},
		"one that decides":              {decides, "InternalError", `policy, rule "InternalError"`, ""},
		"two that do not decide":        {rule("InternalError", "InternalError.Other"), "InternalError.Other", "built in, family InternalError", "InternalError.Other, InternalError"},
		"two of which one decides":      {both, "InternalError.Other", `policy, rule "InternalError"`, "InternalError.Other, InternalError"},
		"one about another code":        {rule("ResourceInUse"), "InternalError", "built in, family InternalError", ""},
		"one of a code of no catalogue": {rule("NoSuch"), "NoSuch", "none, terminal by default", "NoSuch"},
	} {
		e := row.policy.Explain(row.code)
		require.Equal(t, row.rule, e.Rule, name)
		found := ""
		for line := range strings.Lines(e.String()) {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "rules "); ok {
				found = strings.TrimSpace(rest)
			}
		}
		require.Equal(t, row.rules, found, name)
	}
}

// The text names the action if there is one, and else begins with what happened.
func TestTheTextOfAnErrorWithoutAnActionNamesNone(t *testing.T) {
	e := &tcretry.Error{Reason: tcretry.StopMaxAttempts, Attempts: 1, Err: io.EOF}
	require.EqualError(t, e, "tcretry: giving up after 1 attempt (max_attempts): EOF")
	e.OutcomeUnknown = true
	require.EqualError(t, e, "tcretry: giving up after 1 attempt (max_attempts): EOF; outcome unknown: the request may have been executed")
	e.Action, e.Attempts = "RunInstances", 2
	require.EqualError(t, e, "tcretry: RunInstances: giving up after 2 attempts (max_attempts): EOF; outcome unknown: the request may have been executed")
	e.Action, e.Attempts = "DescribeInstances", 0
	require.EqualError(t, e, "tcretry: DescribeInstances: giving up after 0 attempts (max_attempts): EOF")

	_, err := tcretry.New(tctest.NewAPI(tctest.DropAfterExecution())).RoundTrip(postTo(t, "cvm", "", `{}`))
	var got *tcretry.Error
	require.ErrorAs(t, err, &got)
	require.Empty(t, got.Action)
	require.True(t, strings.HasPrefix(err.Error(), "tcretry: giving up after 1 attempt (not_idempotent): "), err.Error())
	require.True(t, errors.Is(err, tcretry.ErrOutcomeUnknown))
}

// A code may come from the network: what is longer than any entry is explained as the
// code or family that it belongs to, in a text that has bounds.
func TestExplainTakesACodeThatIsLongerThanAnyEntry(t *testing.T) {
	longest := ""
	for _, code := range tcretry.Codes() {
		if len(code) > len(longest) {
			longest = code
		}
	}
	for more := -2; more < 300; more++ {
		size := len(longest) + more
		tail := func(head string) string { return head + strings.Repeat("x", size-len(head)) }
		for code, want := range map[string]tcretry.Explanation{
			tail("InternalError."):      {Class: tcretry.Transient, Rule: "built in, family InternalError"},
			tail("InternalError.Test."): {Class: tcretry.Terminal, Rule: "built in, code InternalError.Test"},
			tail("ResourceInUse."):      {Class: tcretry.Busy, Rule: "built in, family ResourceInUse"},
			tail("NoSuch."):             {Class: tcretry.Terminal, Rule: "none, terminal by default"},
			tail("NoSuch"):              {Class: tcretry.Terminal, Rule: "none, terminal by default"},
		} {
			e := tcretry.Explain(code)
			require.Equal(t, code, e.Code)
			require.Equal(t, want.Class, e.Class, code)
			require.Equal(t, want.Rule, e.Rule, code)
			require.Less(t, len(e.String()), 1500, code)
			require.Empty(t, e.Products, code)
		}
	}
	require.NotEqual(t, "none, terminal by default", tcretry.Explain(longest).Rule)
}
