package conformance

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

func TestLimiter_adaptive(t *testing.T) {
	t.Run("defaults", func(t *testing.T) {
		TestLimiter(t, func() ratelimit.Limiter { return new(ratelimit.Adaptive) })
	})
	t.Run("set to one attempt per second", func(t *testing.T) {
		TestLimiter(t, func() ratelimit.Limiter {
			a := new(ratelimit.Adaptive)
			a.SetLimits(func(ratelimit.Key) int { return 1 })
			return a
		})
	})
	t.Run("slow start", func(t *testing.T) {
		TestLimiter(t, func() ratelimit.Limiter { return &ratelimit.Adaptive{SlowStart: true} })
	})
}

// In real time a case takes seconds, so that only few run here.
func TestLimiterLive_adaptive(t *testing.T) {
	ran := 0
	for _, c := range limiterRequirements {
		switch c.name {
		case "keys are separate", "a late slot is refused immediately", "a wait ends with its context":
			ran++
			require.NoError(t, inRealTime(t, func(s *env) error { return c.check(s, new(ratelimit.Adaptive)) }))
		}
	}
	require.Equal(t, 3, ran)
}

// faultyLimiter is a ratelimit.Adaptive with one fault.
type faultyLimiter struct {
	good       *ratelimit.Adaptive
	key        func(ratelimit.Key) ratelimit.Key
	keyLimiter func(ratelimit.KeyLimiter) faultyKeyLimiter
}

func (p faultyLimiter) ForKey(key ratelimit.Key) ratelimit.KeyLimiter {
	if p.key != nil {
		key = p.key(key)
	}
	l := p.good.ForKey(key)
	if p.keyLimiter == nil {
		return l
	}
	bad := p.keyLimiter(l)
	bad.KeyLimiter = l
	return bad
}

type faultyKeyLimiter struct {
	ratelimit.KeyLimiter
	wait func(context.Context, ratelimit.WaitOptions) error
	done func(ratelimit.Result)
}

func (l faultyKeyLimiter) Wait(ctx context.Context, o ratelimit.WaitOptions) error {
	if l.wait != nil {
		return l.wait(ctx, o)
	}
	return l.KeyLimiter.Wait(ctx, o)
}

func (l faultyKeyLimiter) Done(r ratelimit.Result) {
	if l.done != nil {
		l.done(r)
		return
	}
	l.KeyLimiter.Done(r)
}

// The faults, each with the case that finds it.
var faultyLimiters = []struct {
	fault, found string
	make         func(*ratelimit.Adaptive) faultyLimiter
}{
	{"the first attempt waits", "the first attempt starts immediately", waits(
		func(l ratelimit.KeyLimiter, ctx context.Context, o ratelimit.WaitOptions) error {
			time.Sleep(time.Millisecond)
			return l.Wait(ctx, o)
		})},
	{"nothing ever waits", "throttling responses slow a key down", waits(
		func(ratelimit.KeyLimiter, context.Context, ratelimit.WaitOptions) error { return nil })},
	{"HTTP 429 is ignored", "throttling responses without code and counts slow a key down", dones(
		func(l ratelimit.KeyLimiter, r ratelimit.Result) {
			if r.Verdict == ratelimit.Throttled && r.Code == "" {
				r = ratelimit.Result{}
			}
			l.Done(r)
		})},
	{"a slow key stops", "a slow key continues", waits(
		func(l ratelimit.KeyLimiter, ctx context.Context, o ratelimit.WaitOptions) error {
			start := time.Now()
			err := l.Wait(ctx, o)
			if time.Since(start) > 0 {
				time.Sleep(time.Minute)
			}
			return err
		})},
	{
		"lost responses are not reported", "attempts of unknown result keep no slot",
		func(p *ratelimit.Adaptive) faultyLimiter {
			p.SlowStart = true
			return dones(func(l ratelimit.KeyLimiter, r ratelimit.Result) {
				if r.Verdict != ratelimit.Unknown {
					l.Done(r)
				}
			})(p)
		},
	},
	{"hosts are one", "keys are separate", keys(func(k ratelimit.Key) ratelimit.Key { k.Host = ""; return k })},
	{"actions are one", "keys are separate", keys(func(k ratelimit.Key) ratelimit.Key { k.Action = ""; return k })},
	{"credentials are one", "keys are separate", keys(func(k ratelimit.Key) ratelimit.Key { k.Credential = ""; return k })},
	{"each call has a limiter of its own", "one key has one limiter", func(p *ratelimit.Adaptive) faultyLimiter {
		n := 0
		return faultyLimiter{good: p, key: func(k ratelimit.Key) ratelimit.Key {
			n++
			k.Host += string(rune('a' + n))
			return k
		}}
	}},
	{"the last one starts first", "waiting calls start in order", lifo},
	{"throttled calls wait behind others", "a throttled call goes first", options(
		func(o *ratelimit.WaitOptions) { o.AfterThrottle = false })},
	{"NotAfter is ignored", "a late slot is refused immediately", options(
		func(o *ratelimit.WaitOptions) { o.NotAfter = time.Time{} })},
	{"a late slot is refused after the wait", "a late slot is refused immediately", waits(
		func(l ratelimit.KeyLimiter, ctx context.Context, o ratelimit.WaitOptions) error {
			err := l.Wait(ctx, o)
			if err == ratelimit.ErrTooLate {
				time.Sleep(time.Until(o.NotAfter))
			}
			return err
		})},
	{"an attempt without a wait may be late", "nothing starts after its latest time", options(
		func(o *ratelimit.WaitOptions) {
			if o.NotAfter.Before(time.Now()) {
				o.NotAfter = time.Time{}
			}
		})},
	{"the context is ignored", "a wait ends with its context", waits(
		func(l ratelimit.KeyLimiter, ctx context.Context, o ratelimit.WaitOptions) error {
			return l.Wait(context.WithoutCancel(ctx), o)
		})},
	{"the context's error is not its cause", "a wait ends with its context", waits(
		func(l ratelimit.KeyLimiter, ctx context.Context, o ratelimit.WaitOptions) error {
			if err := l.Wait(ctx, o); err == nil || err == ratelimit.ErrTooLate {
				return err
			}
			return ctx.Err()
		})},
	{"a context that has ended is ignored", "a wait ends with its context", waits(
		func(l ratelimit.KeyLimiter, ctx context.Context, o ratelimit.WaitOptions) error {
			if ctx.Err() != nil {
				ctx = context.Background()
			}
			return l.Wait(ctx, o)
		})},
	{"canceled calls keep their place", "a canceled call keeps no place", waits(
		func(l ratelimit.KeyLimiter, ctx context.Context, o ratelimit.WaitOptions) error {
			result := make(chan error, 1)
			go func() { result <- l.Wait(context.WithoutCancel(ctx), o) }()
			select {
			case err := <-result:
				return err
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})},
	{"refused calls keep their place", "a refused call keeps no place", waits(
		func(l ratelimit.KeyLimiter, ctx context.Context, o ratelimit.WaitOptions) error {
			err := l.Wait(ctx, o)
			if err == ratelimit.ErrTooLate {
				go func() { _ = l.Wait(ctx, ratelimit.WaitOptions{}) }()
			}
			return err
		})},
	{"another error", "many goroutines", waits(
		func(l ratelimit.KeyLimiter, ctx context.Context, o ratelimit.WaitOptions) error {
			if err := l.Wait(ctx, o); err == nil || ctx.Err() == nil {
				return err
			}
			return context.Canceled
		})},
}

func waits(wait func(ratelimit.KeyLimiter, context.Context, ratelimit.WaitOptions) error) func(*ratelimit.Adaptive) faultyLimiter {
	return func(p *ratelimit.Adaptive) faultyLimiter {
		return faultyLimiter{good: p, keyLimiter: func(l ratelimit.KeyLimiter) faultyKeyLimiter {
			return faultyKeyLimiter{wait: func(ctx context.Context, o ratelimit.WaitOptions) error { return wait(l, ctx, o) }}
		}}
	}
}

func options(change func(*ratelimit.WaitOptions)) func(*ratelimit.Adaptive) faultyLimiter {
	return waits(func(l ratelimit.KeyLimiter, ctx context.Context, o ratelimit.WaitOptions) error {
		change(&o)
		return l.Wait(ctx, o)
	})
}

func dones(done func(ratelimit.KeyLimiter, ratelimit.Result)) func(*ratelimit.Adaptive) faultyLimiter {
	return func(p *ratelimit.Adaptive) faultyLimiter {
		return faultyLimiter{good: p, keyLimiter: func(l ratelimit.KeyLimiter) faultyKeyLimiter {
			return faultyKeyLimiter{done: func(r ratelimit.Result) { done(l, r) }}
		}}
	}
}

func keys(change func(ratelimit.Key) ratelimit.Key) func(*ratelimit.Adaptive) faultyLimiter {
	return func(p *ratelimit.Adaptive) faultyLimiter { return faultyLimiter{good: p, key: change} }
}

// lifo gives each slot to the call that came last.
func lifo(p *ratelimit.Adaptive) faultyLimiter {
	var mu sync.Mutex
	var stack []chan error
	return waits(func(l ratelimit.KeyLimiter, ctx context.Context, o ratelimit.WaitOptions) error {
		mine := make(chan error, 1)
		mu.Lock()
		stack = append(stack, mine)
		mu.Unlock()
		go func() {
			err := l.Wait(ctx, o)
			mu.Lock()
			defer mu.Unlock()
			stack[len(stack)-1] <- err
			stack = stack[:len(stack)-1]
		}()
		return <-mine
	})(p)
}

func TestLimiter_findsEachFault(t *testing.T) {
	for _, bad := range faultyLimiters {
		t.Run(bad.fault, func(t *testing.T) {
			var found error
			for _, c := range limiterRequirements {
				if c.name == bad.found {
					found = inBubble(t, func(s *env) error {
						return c.check(s, bad.make(new(ratelimit.Adaptive)))
					})
				}
			}
			require.Error(t, found)
			t.Log(found)
		})
	}
}
