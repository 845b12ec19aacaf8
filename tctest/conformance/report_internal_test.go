package conformance

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/ratelimit"
)

const runFaulty = "TCTEST_RUN_SUITES_OVER_FAULTY_IMPLEMENTATIONS"

var errFaulty = errors.New("the fault")

// The suites over implementations of which every method fails. A test that fails cannot be
// part of one that passes, so that another process runs them.
func TestFaultyImplementations(t *testing.T) {
	if os.Getenv(runFaulty) == "" {
		t.Skip("run by TestASuiteFailsAndExplainsTheRequirement")
	}
	newBudget := func() budget.Budget { return refusing{} }
	newLimiter := func() ratelimit.Limiter { return refusing{} }
	t.Run("TestBudget", func(t *testing.T) { TestBudget(t, newBudget) })
	t.Run("TestBudgetLive", func(t *testing.T) { TestBudgetLive(t, newBudget) })
	t.Run("TestLimiter", func(t *testing.T) { TestLimiter(t, newLimiter) })
	t.Run("TestLimiterLive", func(t *testing.T) { TestLimiterLive(t, newLimiter) })
	t.Run("TestRoundTripper", func(t *testing.T) {
		TestRoundTripper(t, wrapping(func(http.RoundTripper, *http.Request) (*http.Response, error) { return nil, errFaulty }))
	})
}

// refusing is a Budget and a Limiter.
type refusing struct{}

func (refusing) Record(budget.Report)                          {}
func (refusing) Acquire(context.Context, budget.Request) error { return errFaulty }
func (refusing) ForKey(ratelimit.Key) ratelimit.KeyLimiter     { return refusingKey{} }

type refusingKey struct{}

func (refusingKey) Wait(context.Context, ratelimit.WaitOptions) error { return errFaulty }
func (refusingKey) Done(ratelimit.Result)                             {}

func TestASuiteFailsAndExplainsTheRequirement(t *testing.T) {
	for suite, c := range map[string]struct{ requirement, why string }{
		"TestBudget":       {"the_first_retry", "is permitted, without a deferral"},
		"TestBudgetLive":   {"the_first_retry", "is permitted, without a deferral"},
		"TestLimiter":      {"the_first_attempt", "there is no reason to wait"},
		"TestLimiterLive":  {"the_first_attempt", "there is no reason to wait"},
		"TestRoundTripper": {"request_body_arrives_whole", "the contract: the base reads every byte of the body"},
	} {
		t.Run(suite, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestFaultyImplementations$/^"+suite+"$/^"+c.requirement)
			cmd.Env = append(os.Environ(), runFaulty+"=1")
			output, err := cmd.CombinedOutput()
			require.Error(t, err, "the suite passed:\n%s", output)
			require.Contains(t, string(output), "--- FAIL: TestFaultyImplementations/"+suite+"/"+c.requirement)
			require.Contains(t, string(output), errFaulty.Error())
			require.Contains(t, string(output), c.why)
		})
	}
}

// third refuses the third attempt.
type third struct{ waits int }

func (l *third) Wait(context.Context, ratelimit.WaitOptions) error {
	if l.waits++; l.waits == 3 {
		return errFaulty
	}
	return nil
}

func (*third) Done(ratelimit.Result) {}

func TestTheErrorOfSeveralAttemptsHasTheNumberOfTheFailedOne(t *testing.T) {
	require.EqualError(t, inBubble(t, func(s *env) error { return s.run(new(third), 5, accepted) }), "attempt 3: the fault")
}

// ended counts the attempts that started and that ended.
type ended struct{ waits, dones atomic.Int32 }

func (e *ended) ForKey(ratelimit.Key) ratelimit.KeyLimiter { return e }

func (e *ended) Wait(ctx context.Context, _ ratelimit.WaitOptions) error {
	e.waits.Add(1)
	return nil
}

func (e *ended) Done(ratelimit.Result) { e.dones.Add(1) }

func TestTheSuiteEndsEachAttempt(t *testing.T) {
	for name, check := range map[string]func(*env, ratelimit.Limiter) error{
		"many goroutines": checkManyGoroutines,
		"a slow key":      func(s *env, l ratelimit.Limiter) error { return s.slows(l, throttled) },
		"a throttled key": func(s *env, l ratelimit.Limiter) error { _, err := s.throttledKey(l); return err },
	} {
		e := new(ended)
		_ = inBubble(t, func(s *env) error { return check(s, e) }) // it limits nothing
		require.Positive(t, e.waits.Load(), name)
		require.Equal(t, e.waits.Load(), e.dones.Load(), name)
	}
}

// A wrapper may check the length of a body.
func TestTheRequestsOfTheSuiteHaveTheLengthOfTheirBodies(t *testing.T) {
	var checked atomic.Int64
	found := broken(t, wrapping(func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		if body, ok := req.Body.(*requestBody); ok && req.ContentLength >= 0 {
			if text, ok := body.Reader.(*strings.Reader); ok {
				checked.Add(1)
				if text.Size() != req.ContentLength {
					t.Errorf("a body of %d bytes has the length %d", text.Size(), req.ContentLength)
				}
			}
		}
		return base.RoundTrip(req)
	}))
	require.Empty(t, found)
	require.Positive(t, checked.Load())
}

func TestTheErrorOfSeveralCallsHasTheNumberOfTheFailedOne(t *testing.T) {
	calls := 0
	err := inBubble(t, func(s *env) error {
		return checkFirstAttemptsFail(s, faultyBudget{Tokens: new(budget.Tokens), acquire: func(*budget.Tokens, context.Context, budget.Request) error {
			if calls++; calls == 3 {
				return errFaulty
			}
			return nil
		}})
	})
	require.ErrorIs(t, err, errFaulty)
	require.ErrorContains(t, err, "call 3: ")
}
