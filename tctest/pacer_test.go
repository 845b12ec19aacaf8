package tctest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

func TestAdaptivePacerKeepsTheObligationsOfAPacer(t *testing.T) {
	t.Run("defaults", func(t *testing.T) {
		TestPacer(t, func() tcretry.Pacer { return new(tcretry.AdaptivePacer) })
	})
	t.Run("slow start", func(t *testing.T) {
		TestPacer(t, func() tcretry.Pacer { return &tcretry.AdaptivePacer{SlowStart: true} })
	})
}

// In real time a case takes seconds, so that only few run here.
func TestAdaptivePacerKeepsTheObligationsInRealTime(t *testing.T) {
	for _, c := range pacerObligations {
		switch c.name {
		case "keys are apart", "a late turn is refused at once", "a wait ends with its context":
			require.NoError(t, inRealTime(t, func(s *stage) error { return c.check(s, new(tcretry.AdaptivePacer)) }))
		}
	}
}

// badPacer is an AdaptivePacer with one fault.
type badPacer struct {
	good *tcretry.AdaptivePacer
	key  func(tcretry.PaceKey) tcretry.PaceKey
	lane func(tcretry.Lane) badLane
}

func (p badPacer) Lane(key tcretry.PaceKey) tcretry.Lane {
	if p.key != nil {
		key = p.key(key)
	}
	l := p.good.Lane(key)
	if p.lane == nil {
		return l
	}
	bad := p.lane(l)
	bad.Lane = l
	return bad
}

type badLane struct {
	tcretry.Lane
	wait func(context.Context, tcretry.Turn) error
	done func(tcretry.PaceResult)
}

func (l badLane) Wait(ctx context.Context, turn tcretry.Turn) error {
	if l.wait != nil {
		return l.wait(ctx, turn)
	}
	return l.Lane.Wait(ctx, turn)
}

func (l badLane) Done(r tcretry.PaceResult) {
	if l.done != nil {
		l.done(r)
		return
	}
	l.Lane.Done(r)
}

// The faults, each with the case that finds it.
var badPacers = []struct {
	fault, found string
	make         func(*tcretry.AdaptivePacer) badPacer
}{
	{"the first attempt waits", "the first attempt starts at once", waits(
		func(l tcretry.Lane, ctx context.Context, turn tcretry.Turn) error {
			time.Sleep(time.Millisecond)
			return l.Wait(ctx, turn)
		})},
	{"nothing ever waits", "rejections slow a lane down", waits(
		func(tcretry.Lane, context.Context, tcretry.Turn) error { return nil })},
	{"HTTP 429 is not heard", "rejections without code and numbers slow a lane down", dones(
		func(l tcretry.Lane, r tcretry.PaceResult) {
			if r.Verdict == tcretry.PaceRejected && r.Code == "" {
				r = tcretry.PaceResult{}
			}
			l.Done(r)
		})},
	{"a slow lane stands still", "a slow lane goes on", waits(
		func(l tcretry.Lane, ctx context.Context, turn tcretry.Turn) error {
			start := time.Now()
			err := l.Wait(ctx, turn)
			if time.Since(start) > 0 {
				time.Sleep(time.Minute)
			}
			return err
		})},
	{
		"lost answers are not told", "attempts without an answer that tells keep no place",
		func(p *tcretry.AdaptivePacer) badPacer {
			p.SlowStart = true
			return dones(func(l tcretry.Lane, r tcretry.PaceResult) {
				if r.Verdict != tcretry.PaceUnknown {
					l.Done(r)
				}
			})(p)
		},
	},
	{"hosts are one", "keys are apart", keys(func(k tcretry.PaceKey) tcretry.PaceKey { k.Host = ""; return k })},
	{"actions are one", "keys are apart", keys(func(k tcretry.PaceKey) tcretry.PaceKey { k.Action = ""; return k })},
	{"credentials are one", "keys are apart", keys(func(k tcretry.PaceKey) tcretry.PaceKey { k.Credential = ""; return k })},
	{"each call has a lane of its own", "one key has one pace", func(p *tcretry.AdaptivePacer) badPacer {
		n := 0
		return badPacer{good: p, key: func(k tcretry.PaceKey) tcretry.PaceKey {
			n++
			k.Host += string(rune('a' + n))
			return k
		}}
	}},
	{"the last one is served first", "waiting calls are served in order", lifo},
	{"rejected calls are as others", "a rejected call goes ahead", turns(
		func(turn *tcretry.Turn) { turn.Again = false })},
	{"Latest is not heard", "a late turn is refused at once", turns(
		func(turn *tcretry.Turn) { turn.Latest = time.Time{} })},
	{"a late turn is refused after the wait", "a late turn is refused at once", waits(
		func(l tcretry.Lane, ctx context.Context, turn tcretry.Turn) error {
			err := l.Wait(ctx, turn)
			if err == tcretry.ErrPaceLate {
				time.Sleep(time.Until(turn.Latest))
			}
			return err
		})},
	{"an attempt without a wait may be late", "nothing starts after its latest time", turns(
		func(turn *tcretry.Turn) {
			if turn.Latest.Before(time.Now()) {
				turn.Latest = time.Time{}
			}
		})},
	{"the context is not heard", "a wait ends with its context", waits(
		func(l tcretry.Lane, ctx context.Context, turn tcretry.Turn) error {
			return l.Wait(context.WithoutCancel(ctx), turn)
		})},
	{"the context's error is not its cause", "a wait ends with its context", waits(
		func(l tcretry.Lane, ctx context.Context, turn tcretry.Turn) error {
			if err := l.Wait(ctx, turn); err == nil || err == tcretry.ErrPaceLate {
				return err
			}
			return ctx.Err()
		})},
	{"a context that has ended is not heard", "a wait ends with its context", waits(
		func(l tcretry.Lane, ctx context.Context, turn tcretry.Turn) error {
			if ctx.Err() != nil {
				ctx = context.Background()
			}
			return l.Wait(ctx, turn)
		})},
	{"canceled calls keep their place", "a canceled call keeps no place", waits(
		func(l tcretry.Lane, ctx context.Context, turn tcretry.Turn) error {
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
		func(l tcretry.Lane, ctx context.Context, turn tcretry.Turn) error {
			err := l.Wait(ctx, turn)
			if err == tcretry.ErrPaceLate {
				go func() { _ = l.Wait(ctx, tcretry.Turn{}) }()
			}
			return err
		})},
	{"another error", "many goroutines", waits(
		func(l tcretry.Lane, ctx context.Context, turn tcretry.Turn) error {
			if err := l.Wait(ctx, turn); err == nil || ctx.Err() == nil {
				return err
			}
			return context.Canceled
		})},
}

func waits(wait func(tcretry.Lane, context.Context, tcretry.Turn) error) func(*tcretry.AdaptivePacer) badPacer {
	return func(p *tcretry.AdaptivePacer) badPacer {
		return badPacer{good: p, lane: func(l tcretry.Lane) badLane {
			return badLane{wait: func(ctx context.Context, turn tcretry.Turn) error { return wait(l, ctx, turn) }}
		}}
	}
}

func turns(change func(*tcretry.Turn)) func(*tcretry.AdaptivePacer) badPacer {
	return waits(func(l tcretry.Lane, ctx context.Context, turn tcretry.Turn) error {
		change(&turn)
		return l.Wait(ctx, turn)
	})
}

func dones(done func(tcretry.Lane, tcretry.PaceResult)) func(*tcretry.AdaptivePacer) badPacer {
	return func(p *tcretry.AdaptivePacer) badPacer {
		return badPacer{good: p, lane: func(l tcretry.Lane) badLane {
			return badLane{done: func(r tcretry.PaceResult) { done(l, r) }}
		}}
	}
}

func keys(change func(tcretry.PaceKey) tcretry.PaceKey) func(*tcretry.AdaptivePacer) badPacer {
	return func(p *tcretry.AdaptivePacer) badPacer { return badPacer{good: p, key: change} }
}

// lifo gives each turn to the call that came last.
func lifo(p *tcretry.AdaptivePacer) badPacer {
	var mu sync.Mutex
	var stack []chan error
	return waits(func(l tcretry.Lane, ctx context.Context, turn tcretry.Turn) error {
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
						return c.check(s, bad.make(new(tcretry.AdaptivePacer)))
					})
				}
			}
			require.Error(t, found)
			t.Log(found)
		})
	}
}
