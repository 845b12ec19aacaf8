package conformance

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tcretry/tcretry/ratelimit"
)

// TestLimiter checks that a Limiter meets the requirements of [ratelimit.Limiter] and
// [ratelimit.KeyLimiter]. newLimiter must return a new one for each case, which either
// learns the rate limit from throttling responses or is set to one attempt per second.
//
// Each case runs in virtual time, in a bubble of testing/synctest, and what must happen
// immediately must take no time at all. A Limiter that uses a network cannot run in a
// bubble, where time stands still while it waits for a socket: check it with
// [TestLimiterLive].
func TestLimiter(t *testing.T, newLimiter func() ratelimit.Limiter) {
	for _, o := range limiterRequirements {
		o.inBubble(t, newLimiter)
	}
}

// TestLimiterLive is [TestLimiter] in real time, for a Limiter with I/O. "Immediately"
// is half a second then. The cases run in parallel and take some seconds: newLimiter
// must return one that shares no state with the others, by a key prefix of its own for
// example.
func TestLimiterLive(t *testing.T, newLimiter func() ratelimit.Limiter) {
	for _, o := range limiterRequirements {
		o.inRealTime(t, newLimiter)
	}
}

var (
	testKey                = ratelimit.Key{Host: "cvm.tencentcloudapi.com", Action: "DescribeInstances", Credential: "id"}
	accepted               = ratelimit.Result{Verdict: ratelimit.Accepted}
	throttled              = ratelimit.Result{Verdict: ratelimit.Throttled, Code: "RequestLimitExceeded", Count: 2, Limit: 1}
	throttledWithoutCounts = ratelimit.Result{Verdict: ratelimit.Throttled}
)

// throttledKey returns the limiter of a key that has learned a limit of one attempt per
// second and has used it up.
func (s *env) throttledKey(l ratelimit.Limiter) (ratelimit.KeyLimiter, error) {
	limiter := l.ForKey(testKey)
	for range 2 {
		if err := limiter.Wait(s.ctx, ratelimit.WaitOptions{}); err != nil {
			return nil, err
		}
	}
	limiter.Done(accepted)
	limiter.Done(throttled)
	return limiter, nil
}

// run makes n attempts one after the other, each of which ends immediately with r.
func (s *env) run(limiter ratelimit.KeyLimiter, n int, r ratelimit.Result) error {
	for i := range n {
		if err := limiter.Wait(s.ctx, ratelimit.WaitOptions{}); err != nil {
			return fmt.Errorf("attempt %d: %w", i+1, err)
		}
		limiter.Done(r)
	}
	return nil
}

var limiterRequirements = []requirement[ratelimit.Limiter]{
	{
		"the first attempt starts immediately",
		"Before the first throttling response there is no reason to wait.",
		func(s *env, l ratelimit.Limiter) error {
			start := time.Now()
			if err := s.run(l.ForKey(testKey), 1, accepted); err != nil {
				return err
			}
			return s.tookAtMost(start, 0)
		},
	},
	{
		"throttling responses slow a key down",
		"A limiter learns from throttling responses: with a limit of one per second, five more attempts cannot start within two seconds.",
		func(s *env, l ratelimit.Limiter) error { return s.slows(l, throttled) },
	},
	{
		"throttling responses without code and counts slow a key down",
		"HTTP 429 has no code, and messages may change: the counts are a hint.",
		func(s *env, l ratelimit.Limiter) error { return s.slows(l, throttledWithoutCounts) },
	},
	{
		"a slow key continues",
		"A limiter delays attempts: a call without a latest time gets a slot.",
		func(s *env, l ratelimit.Limiter) error {
			limiter, err := s.throttledKey(l)
			if err != nil {
				return err
			}
			start := time.Now()
			if err := s.run(limiter, 3, accepted); err != nil {
				return err
			}
			return s.tookAtMost(start, 6*time.Second)
		},
	},
	{
		"attempts of unknown result keep no slot",
		"Done is called once for each attempt, also with the verdict Unknown; then the attempt has ended.",
		func(s *env, l ratelimit.Limiter) error { return s.run(l.ForKey(testKey), 15, ratelimit.Result{}) },
	},
	{
		"keys are separate",
		"The API counts by access host, action and sub-account: a throttling response concerns no other key.",
		checkKeysApart,
	},
	{
		"one key has one limiter",
		"ForKey is called once per call: what one call learns must limit the next.",
		func(s *env, l ratelimit.Limiter) error {
			if _, err := s.throttledKey(l); err != nil {
				return err
			}
			start := time.Now()
			if err := s.run(l.ForKey(testKey), 3, accepted); err != nil {
				return err
			}
			if d := time.Since(start); d < time.Second {
				return fmt.Errorf("three attempts of another ForKey with the same key started within %v", d)
			}
			return nil
		},
	},
	{"waiting calls start in order", "Otherwise a call may starve.", checkOrder},
	{"a throttled call goes first", "It has waited before: WaitOptions.AfterThrottle goes to the head of the queue.", checkThrottledFirst},
	{
		"a late slot is refused immediately",
		"A call whose slot would come after WaitOptions.NotAfter gets ErrTooLate, immediately and not after the wait.",
		checkLate,
	},
	{
		"nothing starts after its latest time",
		"WaitOptions.NotAfter may have passed before Wait is called.",
		func(s *env, l ratelimit.Limiter) error {
			err := l.ForKey(testKey).Wait(s.ctx, ratelimit.WaitOptions{NotAfter: time.Now().Add(-time.Millisecond)})
			if !errors.Is(err, ratelimit.ErrTooLate) {
				return fmt.Errorf("a wait that was to end in the past returned %v, want ratelimit.ErrTooLate", err)
			}
			return nil
		},
	},
	{
		"a wait ends with its context",
		"Wait returns the context's cause, immediately, also if the context has ended before.",
		checkContext,
	},
	{
		"a canceled call keeps no place",
		"Canceled calls leave the queue; those behind them move up.",
		checkCanceled,
	},
	{
		"a refused call keeps no place",
		"A call that gets ErrTooLate makes no attempt: those behind it must not wait for it.",
		checkTooLate,
	},
	{
		"many goroutines",
		"All methods are called from many goroutines; run the suite with -race.",
		checkManyGoroutines,
	},
}
