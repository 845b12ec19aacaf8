package conformance

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tcretry/tcretry/ratelimit"
)

// TestLimiter checks that a Pacer keeps the obligations of [ratelimit.Limiter] and
// [ratelimit.KeyLimiter]. newPacer returns a fresh one for each case, which either learns
// a quota from rejections or is set to one attempt a second.
//
// Each case runs in a bubble of testing/synctest: hours pass in no time, and what
// must happen at once must take no time at all. A Pacer that reaches for a network
// cannot run there, since time stands still while it waits for a socket: check it
// with [TestLimiterLive].
func TestLimiter(t *testing.T, newPacer func() ratelimit.Limiter) {
	for _, o := range pacerObligations {
		o.inBubble(t, newPacer)
	}
}

// TestLimiterLive is [TestLimiter] in real time, for a Pacer with I/O. "At once" is
// half a second there, and the cases run in parallel and take some seconds: each
// newPacer must return one that has nothing in common with the others, with a
// prefix of its own for its keys, for example.
func TestLimiterLive(t *testing.T, newPacer func() ratelimit.Limiter) {
	for _, o := range pacerObligations {
		o.inRealTime(t, newPacer)
	}
}

var (
	pacerKey      = ratelimit.Key{Host: "cvm.tencentcloudapi.com", Action: "DescribeInstances", Credential: "id"}
	paceAccepted  = ratelimit.Result{Verdict: ratelimit.Accepted}
	paceRejected  = ratelimit.Result{Verdict: ratelimit.Throttled, Code: "RequestLimitExceeded", Count: 2, Limit: 1}
	paceRejected0 = ratelimit.Result{Verdict: ratelimit.Throttled}
)

// slowLane returns a lane that has learnt a quota of one a second and used it up.
func (s *stage) slowLane(p ratelimit.Limiter) (ratelimit.KeyLimiter, error) {
	lane := p.ForKey(pacerKey)
	for range 2 {
		if err := lane.Wait(s.ctx, ratelimit.WaitOptions{}); err != nil {
			return nil, err
		}
	}
	lane.Done(paceAccepted)
	lane.Done(paceRejected)
	return lane, nil
}

// run makes n attempts one after the other, each answered at once with r.
func (s *stage) run(lane ratelimit.KeyLimiter, n int, r ratelimit.Result) error {
	for i := range n {
		if err := lane.Wait(s.ctx, ratelimit.WaitOptions{}); err != nil {
			return fmt.Errorf("attempt %d: %w", i+1, err)
		}
		lane.Done(r)
	}
	return nil
}

var pacerObligations = []obligation[ratelimit.Limiter]{
	{
		"the first attempt starts at once",
		"A lane that was never rejected has no reason to delay.",
		func(s *stage, p ratelimit.Limiter) error {
			start := time.Now()
			if err := s.run(p.ForKey(pacerKey), 1, paceAccepted); err != nil {
				return err
			}
			return s.took(start, 0)
		},
	},
	{
		"rejections slow a lane down",
		"A pacer learns from rejections: with a quota of one a second, five more attempts cannot start within two seconds.",
		func(s *stage, p ratelimit.Limiter) error { return s.slows(p, paceRejected) },
	},
	{
		"rejections without code and numbers slow a lane down",
		"HTTP 429 comes without a code, and texts may change: the numbers are a hint.",
		func(s *stage, p ratelimit.Limiter) error { return s.slows(p, paceRejected0) },
	},
	{
		"a slow lane goes on",
		"Pacing delays attempts; a call that may wait for any time gets its turn.",
		func(s *stage, p ratelimit.Limiter) error {
			lane, err := s.slowLane(p)
			if err != nil {
				return err
			}
			start := time.Now()
			if err := s.run(lane, 3, paceAccepted); err != nil {
				return err
			}
			return s.took(start, 6*time.Second)
		},
	},
	{
		"attempts without an answer that tells keep no place",
		"Done is called once for each attempt, also with PaceUnknown; then the attempt has ended.",
		func(s *stage, p ratelimit.Limiter) error { return s.run(p.ForKey(pacerKey), 15, ratelimit.Result{}) },
	},
	{
		"keys are apart",
		"The API counts by access host, action and sub-account: a rejection concerns no other key.",
		checkKeysApart,
	},
	{
		"one key has one pace",
		"Lane is called once a call: what one call learns must pace the next.",
		func(s *stage, p ratelimit.Limiter) error {
			if _, err := s.slowLane(p); err != nil {
				return err
			}
			start := time.Now()
			if err := s.run(p.ForKey(pacerKey), 3, paceAccepted); err != nil {
				return err
			}
			if d := time.Since(start); d < time.Second {
				return fmt.Errorf("three attempts of another Lane with the same key started within %v", d)
			}
			return nil
		},
	},
	{"waiting calls are served in order", "Else some call may starve.", checkOrder},
	{"a rejected call goes ahead", "It has waited before: Turn.Again goes to the head.", checkAgain},
	{
		"a late turn is refused at once",
		"A call whose turn comes after Turn.Latest is told by ErrPaceLate, at once and not after the wait.",
		checkLate,
	},
	{
		"nothing starts after its latest time",
		"Turn.Latest may have passed before Wait is called.",
		func(s *stage, p ratelimit.Limiter) error {
			err := p.ForKey(pacerKey).Wait(s.ctx, ratelimit.WaitOptions{NotAfter: time.Now().Add(-time.Millisecond)})
			if !errors.Is(err, ratelimit.ErrTooLate) {
				return fmt.Errorf("a turn that was to come in the past led to %v, want ErrPaceLate", err)
			}
			return nil
		},
	},
	{
		"a wait ends with its context",
		"Wait returns the context's cause, at once, also if the context has ended before.",
		checkContext,
	},
	{
		"a canceled call keeps no place",
		"Canceled calls leave the queue; those behind them move up.",
		checkCanceled,
	},
	{
		"a call that was refused keeps no place",
		"A call that is told ErrPaceLate is not made: those behind it must not wait for it.",
		checkRefused,
	},
	{
		"many goroutines",
		"All methods are called from many goroutines at once; run the kit with -race.",
		checkManyGoroutines,
	},
}
