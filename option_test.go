package tcretry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/ratelimit"
)

func TestNewTransportReportsEveryInvalidOption(t *testing.T) {
	_, err := tcretry.NewTransport(nil,
		nil, tcretry.WithMaxPeekBytes(0), tcretry.WithMaxReplayBytes(-1), tcretry.WithAttemptTimeout(-time.Second), tcretry.WithAttemptTimeout(0),
		tcretry.WithClassifier(nil), tcretry.WithIdempotency(nil), tcretry.WithBudget(nil), tcretry.WithRateLimiter(nil),
		tcretry.WithBudget(&budget.Tokens{Capacity: -1}),
		tcretry.WithPolicy(tcretry.Policy{MaxAttempts: -1, MaxDelay: -1}), tcretry.WithScope(nil))
	var all interface{ Unwrap() []error }
	require.ErrorAs(t, err, &all)
	var options []string
	for _, invalid := range all.Unwrap() {
		var o *tcretry.OptionError
		require.ErrorAs(t, invalid, &o)
		require.Contains(t, o.Error(), "tcretry: ")
		options = append(options, o.Option)
	}
	require.Equal(t, []string{
		"Option", "WithMaxPeekBytes", "WithMaxReplayBytes", "WithAttemptTimeout", "WithAttemptTimeout", "WithClassifier",
		"WithIdempotency", "WithBudget", "WithRateLimiter", "WithBudget", "WithPolicy",
		"WithScope",
	}, options)
	require.EqualError(t, all.Unwrap()[1], "tcretry: WithMaxPeekBytes(0): it must be at least 1")
	require.EqualError(t, all.Unwrap()[10], "tcretry: WithPolicy: policy: MaxAttempts: -1: want 0, which means the default, or more\n"+
		"tcretry: WithPolicy: policy: MaxDelay: -1ns: want 0, which means the default, or more")
}

func TestANilPointerInAnOptionIsAnError(t *testing.T) {
	var budget *budget.Tokens
	var limiter *ratelimit.Adaptive
	var classify tcretry.ClassifierFunc
	for want, option := range map[string]tcretry.Option{
		"tcretry: WithBudget(<nil>): it is nil: WithoutBudget turns it off":           tcretry.WithBudget(budget),
		"tcretry: WithRateLimiter(<nil>): it is nil: WithoutRateLimiter turns it off": tcretry.WithRateLimiter(limiter),
		"tcretry: WithClassifier(<nil>): it is nil":                                   tcretry.WithClassifier(classify),
	} {
		_, err := tcretry.NewTransport(nil, option)
		require.EqualError(t, err, want)
	}
}

func TestNewPanicsWithTheErrorOfNewTransport(t *testing.T) {
	_, err := tcretry.NewTransport(nil, tcretry.WithMaxPeekBytes(-1))
	require.PanicsWithError(t, err.Error(), func() { tcretry.New(nil, tcretry.WithMaxPeekBytes(-1)) })
}
