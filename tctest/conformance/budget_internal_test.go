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

func TestTokenBudgetKeepsTheObligationsOfABudget(t *testing.T) {
	TestBudget(t, func() budget.Budget { return new(budget.Tokens) })
}

// In real time a case takes seconds, so that only a few run here.
func TestTokenBudgetKeepsTheObligationsInRealTime(t *testing.T) {
	for _, c := range budgetObligations {
		switch c.name {
		case "the first retry is made at once", "failures in passing are retried", "nothing starts after its latest time":
			require.NoError(t, inRealTime(t, func(s *stage) error { return c.check(s, new(budget.Tokens)) }))
		}
	}
}

// badBudget is a budget.Tokens with one fault.
type badBudget struct {
	*budget.Tokens
	withdraw func(*budget.Tokens, context.Context, budget.Request) error
	record   func(*budget.Tokens, budget.Report)
}

func (b badBudget) Acquire(ctx context.Context, w budget.Request) error {
	if b.withdraw != nil {
		return b.withdraw(b.Tokens, ctx, w)
	}
	return b.Tokens.Acquire(ctx, w)
}

func (b badBudget) Record(r budget.Report) {
	if b.record != nil {
		b.record(b.Tokens, r)
		return
	}
	b.Tokens.Record(r)
}

// The faults, each with the case that finds it.
var badBudgets = []struct {
	fault, found string
	bad          badBudget
}{
	{"it holds the first retry", "the first retry is made at once", badBudget{
		withdraw: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			time.Sleep(time.Millisecond)
			return b.Acquire(ctx, w)
		},
	}},
	{"it refuses every retry", "the first retry is made at once", badBudget{
		withdraw: func(*budget.Tokens, context.Context, budget.Request) error {
			return budget.ErrExhausted
		},
	}},
	{"it allows every retry", "an outage is not multiplied", badBudget{
		withdraw: func(*budget.Tokens, context.Context, budget.Request) error { return nil },
	}},
	{"failures count as successes", "an outage is not multiplied", badBudget{
		record: func(b *budget.Tokens, r budget.Report) {
			b.Record(budget.Report{Host: r.Host, Action: r.Action})
		},
	}},
	{"it refuses with another error", "an outage is not multiplied", badBudget{
		withdraw: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			if err := b.Acquire(ctx, w); err != nil {
				return errors.New("no")
			}
			return nil
		},
	}},
	{"it holds a retry without an end", "an outage is not multiplied", badBudget{
		withdraw: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			err := b.Acquire(ctx, w)
			if err != nil {
				<-ctx.Done()
			}
			return err
		},
	}},
	{"a host that was down gets no retry ever", "a host that came back is retried again", badBudget{
		withdraw: func() func(*budget.Tokens, context.Context, budget.Request) error {
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
	{"successes bring nothing", "a host that came back is retried again", badBudget{
		record: func(b *budget.Tokens, r budget.Report) {
			if r.Result == budget.Failure {
				b.Record(r)
			}
		},
	}},
	{"the tokens of a start are all that there are", "failures in passing are retried", badBudget{
		record: func(b *budget.Tokens, r budget.Report) {
			if r.Result == budget.Failure {
				b.Record(r)
			}
		},
	}},
	{"hosts are one", "hosts are apart", badBudget{
		withdraw: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			w.Host = "one"
			return b.Acquire(ctx, w)
		},
		record: func(b *budget.Tokens, r budget.Report) {
			r.Host = "one"
			b.Record(r)
		},
	}},
	{"actions are one", "actions are apart", badBudget{
		withdraw: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			w.Action = ""
			return b.Acquire(ctx, w)
		},
		record: func(b *budget.Tokens, r budget.Report) {
			r.Action = ""
			b.Record(r)
		},
	}},
	{"a retry that succeeds is not paid back", "a call whose retry succeeds costs nothing", badBudget{
		record: func(b *budget.Tokens, r budget.Report) {
			r.Returned = 0
			b.Record(r)
		},
	}},
	{"Latest is not heard", "no retry is held past its latest time", badBudget{
		withdraw: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			w.Latest = time.Time{}
			return b.Acquire(ctx, w)
		},
	}},
	{"a retry that need not be held may be late", "nothing starts after its latest time", badBudget{
		withdraw: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			if time.Now().After(w.Latest) {
				w.Latest = time.Time{}
			}
			return b.Acquire(ctx, w)
		},
	}},
	{"the context is not heard", "a hold ends with its context", badBudget{
		withdraw: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			return b.Acquire(context.WithoutCancel(ctx), w)
		},
	}},
	{"the context's error is not its cause", "a hold ends with its context", badBudget{
		withdraw: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			err := b.Acquire(ctx, w)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		},
	}},
	{"a context that has ended is not heard", "a hold ends with its context", badBudget{
		withdraw: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			if ctx.Err() != nil {
				ctx = context.Background()
			}
			return b.Acquire(ctx, w)
		},
	}},
	{"a context that ends looks like another error", "many goroutines", badBudget{
		withdraw: func(b *budget.Tokens, ctx context.Context, w budget.Request) error {
			err := b.Acquire(ctx, w)
			if ctx.Err() != nil {
				return context.Canceled
			}
			return err
		},
	}},
}

func TestBudgetKitFindsEachFault(t *testing.T) {
	for _, bad := range badBudgets {
		t.Run(bad.fault, func(t *testing.T) {
			var found error
			for _, c := range budgetObligations {
				if c.name == bad.found {
					found = inBubble(t, func(s *stage) error {
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
