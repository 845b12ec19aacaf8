package conformance

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

func TestAdaptivePacerKeepsTheObligationsOfAPacer(t *testing.T) {
	t.Run("defaults", func(t *testing.T) {
		TestLimiter(t, func() ratelimit.Limiter { return new(ratelimit.Adaptive) })
	})
	t.Run("slow start", func(t *testing.T) {
		TestLimiter(t, func() ratelimit.Limiter { return &ratelimit.Adaptive{SlowStart: true} })
	})
}

// In real time a case takes seconds, so that only few run here.
func TestAdaptivePacerKeepsTheObligationsInRealTime(t *testing.T) {
	for _, c := range pacerObligations {
		switch c.name {
		case "keys are apart", "a late turn is refused at once", "a wait ends with its context":
			require.NoError(t, inRealTime(t, func(s *stage) error { return c.check(s, new(ratelimit.Adaptive)) }))
		}
	}
}

// badPacer is an ratelimit.Adaptive with one fault.
type badPacer struct {
	good *ratelimit.Adaptive
	key  func(ratelimit.Key) ratelimit.Key
	lane func(ratelimit.KeyLimiter) badLane
}

func (p badPacer) ForKey(key ratelimit.Key) ratelimit.KeyLimiter {
	if p.key != nil {
		key = p.key(key)
	}
	l := p.good.ForKey(key)
	if p.lane == nil {
		return l
	}
	bad := p.lane(l)
	bad.KeyLimiter = l
	return bad
}

type badLane struct {
	ratelimit.KeyLimiter
	wait func(context.Context, ratelimit.WaitOptions) error
	done func(ratelimit.Result)
}

func (l badLane) Wait(ctx context.Context, turn ratelimit.WaitOptions) error {
	if l.wait != nil {
		return l.wait(ctx, turn)
	}
	return l.KeyLimiter.Wait(ctx, turn)
}

func (l badLane) Done(r ratelimit.Result) {
	if l.done != nil {
		l.done(r)
		return
	}
	l.KeyLimiter.Done(r)
}

// The faults, each with the case that finds it.
var badPacers = []struct {
	fault, found string
	make         func(*ratelimit.Adaptive) badPacer
}{
	{"the first attempt waits", "the first attempt starts at once", waits(
		func(l ratelimit.KeyLimiter, ctx context.Context, turn ratelimit.WaitOptions) error {
			time.Sleep(time.Millisecond)
			return l.Wait(ctx, turn)
		})},
	{"nothing ever waits", "rejections slow a lane down", waits(
		func(ratelimit.KeyLimiter, context.Context, ratelimit.WaitOptions) error { return nil })},
	{"HTTP 429 is not heard", "rejections without code and numbers slow a lane down", dones(
		func(l ratelimit.KeyLimiter, r ratelimit.Result) {
			if r.Verdict == ratelimit.Throttled && r.Code == "" {
				r = ratelimit.Result{}
			}
			l.Done(r)
		})},
	{"a slow lane stands still", "a slow lane goes on", waits(
		func(l ratelimit.KeyLimiter, ctx context.Context, turn ratelimit.WaitOptions) error {
			start := time.Now()
			err := l.Wait(ctx, turn)
			if time.Since(start) > 0 {
				time.Sleep(time.Minute)
			}
			return err
		})},
	{
		"lost answers are not told", "attempts without an answer that tells keep no place",
		func(p *ratelimit.Adaptive) badPacer {
			p.SlowStart = true
			return dones(func(l ratelimit.KeyLimiter, r ratelimit.Result) {
				if r.Verdict != ratelimit.Unknown {
					l.Done(r)
				}
			})(p)
		},
	},
	{"hosts are one", "keys are apart", keys(func(k ratelimit.Key) ratelimit.Key { k.Host = ""; return k })},
	{"actions are one", "keys are apart", keys(func(k ratelimit.Key) ratelimit.Key { k.Action = ""; return k })},
	{"credentials are one", "keys are apart", keys(func(k ratelimit.Key) ratelimit.Key { k.Credential = ""; return k })},
	{"each call has a lane of its own", "one key has one pace", func(p *ratelimit.Adaptive) badPacer {
		n := 0
		return badPacer{good: p, key: func(k ratelimit.Key) ratelimit.Key {
			n++
			k.Host += string(rune('a' + n))
			return k
		}}
	}},
	{"the last one is served first", "waiting calls are served in order", lifo},
	{"rejected calls are as others", "a rejected call goes ahead", turns(
		func(turn *ratelimit.WaitOptions) { turn.AfterThrottle = false })},
	{"Latest is not heard", "a late turn is refused at once", turns(
		func(turn *ratelimit.WaitOptions) { turn.NotAfter = time.Time{} })},
	{"a late turn is refused after the wait", "a late turn is refused at once", waits(
		func(l ratelimit.KeyLimiter, ctx context.Context, turn ratelimit.WaitOptions) error {
			err := l.Wait(ctx, turn)
			if err == ratelimit.ErrTooLate {
				time.Sleep(time.Until(turn.NotAfter))
			}
			return err
		})},
	{"an attempt without a wait may be late", "nothing starts after its latest time", turns(
		func(turn *ratelimit.WaitOptions) {
			if turn.NotAfter.Before(time.Now()) {
				turn.NotAfter = time.Time{}
			}
		})},
	{"the context is not heard", "a wait ends with its context", waits(
		func(l ratelimit.KeyLimiter, ctx context.Context, turn ratelimit.WaitOptions) error {
			return l.Wait(context.WithoutCancel(ctx), turn)
		})},
	{"the context's error is not its cause", "a wait ends with its context", waits(
		func(l ratelimit.KeyLimiter, ctx context.Context, turn ratelimit.WaitOptions) error {
			if err := l.Wait(ctx, turn); err == nil || err == ratelimit.ErrTooLate {
				return err
			}
			return ctx.Err()
		})},
	{"a context that has ended is not heard", "a wait ends with its context", waits(
		func(l ratelimit.KeyLimiter, ctx context.Context, turn ratelimit.WaitOptions) error {
			if ctx.Err() != nil {
				ctx = context.Background()
			}
			return l.Wait(ctx, turn)
		})},
	{"canceled calls keep their place", "a canceled call keeps no place", waits(
		func(l ratelimit.KeyLimiter, ctx context.Context, turn ratelimit.WaitOptions) error {
			told := make(chan error, 1)
			go func() { told <- l.Wait(context.WithoutCancel(ctx), turn) }()
			select {
			case err := <-told:
				return err
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})},
	{"refused calls keep their place", "a call that was refused keeps no place", waits(
		func(l ratelimit.KeyLimiter, ctx context.Context, turn ratelimit.WaitOptions) error {
			err := l.Wait(ctx, turn)
			if err == ratelimit.ErrTooLate {
				go func() { _ = l.Wait(ctx, ratelimit.WaitOptions{}) }()
			}
			return err
		})},
	{"another error", "many goroutines", waits(
		func(l ratelimit.KeyLimiter, ctx context.Context, turn ratelimit.WaitOptions) error {
			if err := l.Wait(ctx, turn); err == nil || ctx.Err() == nil {
				return err
			}
			return context.Canceled
		})},
}

func waits(wait func(ratelimit.KeyLimiter, context.Context, ratelimit.WaitOptions) error) func(*ratelimit.Adaptive) badPacer {
	return func(p *ratelimit.Adaptive) badPacer {
		return badPacer{good: p, lane: func(l ratelimit.KeyLimiter) badLane {
			return badLane{wait: func(ctx context.Context, turn ratelimit.WaitOptions) error { return wait(l, ctx, turn) }}
		}}
	}
}

func turns(change func(*ratelimit.WaitOptions)) func(*ratelimit.Adaptive) badPacer {
	return waits(func(l ratelimit.KeyLimiter, ctx context.Context, turn ratelimit.WaitOptions) error {
		change(&turn)
		return l.Wait(ctx, turn)
	})
}

func dones(done func(ratelimit.KeyLimiter, ratelimit.Result)) func(*ratelimit.Adaptive) badPacer {
	return func(p *ratelimit.Adaptive) badPacer {
		return badPacer{good: p, lane: func(l ratelimit.KeyLimiter) badLane {
			return badLane{done: func(r ratelimit.Result) { done(l, r) }}
		}}
	}
}

func keys(change func(ratelimit.Key) ratelimit.Key) func(*ratelimit.Adaptive) badPacer {
	return func(p *ratelimit.Adaptive) badPacer { return badPacer{good: p, key: change} }
}

// lifo gives each turn to the call that came last.
func lifo(p *ratelimit.Adaptive) badPacer {
	var mu sync.Mutex
	var stack []chan error
	return waits(func(l ratelimit.KeyLimiter, ctx context.Context, turn ratelimit.WaitOptions) error {
		mine := make(chan error, 1)
		mu.Lock()
		stack = append(stack, mine)
		mu.Unlock()
		go func() {
			err := l.Wait(ctx, turn)
			mu.Lock()
			defer mu.Unlock()
			stack[len(stack)-1] <- err
			stack = stack[:len(stack)-1]
		}()
		return <-mine
	})(p)
}

func TestPacerKitFindsEachFault(t *testing.T) {
	for _, bad := range badPacers {
		t.Run(bad.fault, func(t *testing.T) {
			var found error
			for _, c := range pacerObligations {
				if c.name == bad.found {
					found = inBubble(t, func(s *stage) error {
						return c.check(s, bad.make(new(ratelimit.Adaptive)))
					})
				}
			}
			require.Error(t, found)
			t.Log(found)
		})
	}
}
