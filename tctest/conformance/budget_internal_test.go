package conformance

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/budget"
)

func TestBudget_tokens(t *testing.T) {
	TestBudget(t, func() budget.Budget { return new(budget.Tokens) })
}

func TestBudget_tokensThatDeferNothing(t *testing.T) {
	TestBudget(t, func() budget.Budget {
		return faultyBudget{Tokens: new(budget.Tokens), acquire: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			if now := time.Now(); w.Latest.IsZero() || w.Latest.After(now) {
				w.Latest = now
			}
			return b.Acquire(ctx, w)
		}}
	})
}

// In real time a case takes seconds, so that only a few run here.
func TestBudgetLive_tokens(t *testing.T) {
	ran := 0
	for _, c := range budgetRequirements {
		switch c.name {
		case "the first retry is permitted immediately", "transient failures are retried", "nothing starts after its latest time":
			ran++
			require.NoError(t, inRealTime(t, func(s *env) error { return c.check(s, new(budget.Tokens)) }))
		}
	}
	require.Equal(t, 3, ran)
}

// faultyBudget is a budget.Tokens with one fault.
type faultyBudget struct {
	*budget.Tokens
	acquire func(*budget.Tokens, context.Context, budget.Request) error
	record  func(*budget.Tokens, budget.Report)
}

func (b faultyBudget) Acquire(ctx context.Context, w budget.Request) error {
	if b.acquire != nil {
		return b.acquire(b.Tokens, ctx, w)
	}
	return b.Tokens.Acquire(ctx, w)
}

func (b faultyBudget) Record(r budget.Report) {
	if b.record != nil {
		b.record(b.Tokens, r)
		return
	}
	b.Tokens.Record(r)
}

// The faults, each with the case that finds it.
var faultyBudgets = []struct {
	fault, found string
	bad          faultyBudget
}{
	{"it defers the first retry", "the first retry is permitted immediately", faultyBudget{
		acquire: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			time.Sleep(time.Millisecond)
			return b.Acquire(ctx, w)
		},
	}},
	{"it refuses every retry", "the first retry is permitted immediately", faultyBudget{
		acquire: func(*budget.Tokens, context.Context, budget.Request) error {
			return budget.ErrExhausted
		},
	}},
	{"it allows every retry", "an outage is not multiplied", faultyBudget{
		acquire: func(*budget.Tokens, context.Context, budget.Request) error { return nil },
	}},
	{"failures count as successes", "an outage is not multiplied", faultyBudget{
		record: func(b *budget.Tokens, r budget.Report) {
			b.Record(budget.Report{Host: r.Host, Action: r.Action})
		},
	}},
	{"it refuses with another error", "an outage is not multiplied", faultyBudget{
		acquire: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			if err := b.Acquire(ctx, w); err != nil {
				return errors.New("no")
			}
			return nil
		},
	}},
	{"it holds a retry without an end", "an outage is not multiplied", faultyBudget{
		acquire: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			err := b.Acquire(ctx, w)
			if err != nil {
				<-ctx.Done()
			}
			return err
		},
	}},
	{"a host that was down gets no retry ever", "a host that has recovered is retried again", faultyBudget{
		acquire: func() func(*budget.Tokens, context.Context, budget.Request) error {
			var refused atomic.Bool
			return func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
				if refused.Load() {
					return budget.ErrExhausted
				}
				err := b.Acquire(ctx, w)
				if err != nil {
					refused.Store(true)
				}
				return err
			}
		}(),
	}},
	{"successes bring nothing", "a host that has recovered is retried again", faultyBudget{
		record: func(b *budget.Tokens, r budget.Report) {
			if r.Result == budget.Failure {
				b.Record(r)
			}
		},
	}},
	{"the tokens of a start are all that there are", "transient failures are retried", faultyBudget{
		record: func(b *budget.Tokens, r budget.Report) {
			if r.Result == budget.Failure {
				b.Record(r)
			}
		},
	}},
	{"hosts are one", "hosts are separate", faultyBudget{
		acquire: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			w.Host = "one"
			return b.Acquire(ctx, w)
		},
		record: func(b *budget.Tokens, r budget.Report) {
			r.Host = "one"
			b.Record(r)
		},
	}},
	{"actions are one", "actions are separate", faultyBudget{
		acquire: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			w.Action = ""
			return b.Acquire(ctx, w)
		},
		record: func(b *budget.Tokens, r budget.Report) {
			r.Action = ""
			b.Record(r)
		},
	}},
	{"a successful retry returns no token", "a call whose retry succeeds consumes nothing", faultyBudget{
		record: func(b *budget.Tokens, r budget.Report) {
			r.Returned = 0
			b.Record(r)
		},
	}},
	{"Latest is ignored", "no retry is deferred beyond its latest time", faultyBudget{
		acquire: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			w.Latest = time.Time{}
			return b.Acquire(ctx, w)
		},
	}},
	{"a retry that need not be deferred may be late", "nothing starts after its latest time", faultyBudget{
		acquire: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			if time.Now().After(w.Latest) {
				w.Latest = time.Time{}
			}
			return b.Acquire(ctx, w)
		},
	}},
	{"the context is ignored", "a deferral ends with its context", faultyBudget{
		acquire: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			return b.Acquire(context.WithoutCancel(ctx), w)
		},
	}},
	{"the context's error is not its cause", "a deferral ends with its context", faultyBudget{
		acquire: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			err := b.Acquire(ctx, w)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		},
	}},
	{"a deferral that its context ends returns another error", "a deferral ends with its context", faultyBudget{
		acquire: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			ended := ctx.Err() != nil
			err := b.Acquire(ctx, w)
			if !ended && ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		},
	}},
	{"a context that has ended is ignored", "a deferral ends with its context", faultyBudget{
		acquire: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			if ctx.Err() != nil {
				ctx = context.Background()
			}
			return b.Acquire(ctx, w)
		},
	}},
	{"a context that ends looks like another error", "many goroutines", faultyBudget{
		acquire: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			err := b.Acquire(ctx, w)
			if ctx.Err() != nil {
				return context.Canceled
			}
			return err
		},
	}},
}

func TestBudget_findsEachFault(t *testing.T) {
	for _, bad := range faultyBudgets {
		t.Run(bad.fault, func(t *testing.T) {
			var found error
			for _, c := range budgetRequirements {
				if c.name == bad.found {
					found = inBubble(t, func(s *env) error {
						bad.bad.Tokens = new(budget.Tokens)
						return c.check(s, bad.bad)
					})
				}
			}
			require.Error(t, found)
			t.Log(found)
		})
	}
}
