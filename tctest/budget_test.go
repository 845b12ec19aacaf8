package tctest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

func TestTokenBudgetKeepsTheObligationsOfABudget(t *testing.T) {
	TestBudget(t, func() tcretry.Budget { return new(tcretry.TokenBudget) })
}

// In real time a case takes seconds, so that only a few run here.
func TestTokenBudgetKeepsTheObligationsInRealTime(t *testing.T) {
	for _, c := range budgetObligations {
		switch c.name {
		case "the first retry is made at once", "failures in passing are retried", "nothing starts after its latest time":
			require.NoError(t, inRealTime(t, func(s *stage) error { return c.check(s, new(tcretry.TokenBudget)) }))
		}
	}
}

// badBudget is a TokenBudget with one fault.
type badBudget struct {
	*tcretry.TokenBudget
	withdraw func(*tcretry.TokenBudget, context.Context, tcretry.Withdrawal) error
	record   func(*tcretry.TokenBudget, tcretry.BudgetReport)
}

func (b badBudget) Withdraw(ctx context.Context, w tcretry.Withdrawal) error {
	if b.withdraw != nil {
		return b.withdraw(b.TokenBudget, ctx, w)
	}
	return b.TokenBudget.Withdraw(ctx, w)
}

func (b badBudget) Record(r tcretry.BudgetReport) {
	if b.record != nil {
		b.record(b.TokenBudget, r)
		return
	}
	b.TokenBudget.Record(r)
}

// The faults, each with the case that finds it.
var badBudgets = []struct {
	fault, found string
	bad          badBudget
}{
	{"it holds the first retry", "the first retry is made at once", badBudget{
		withdraw: func(b *tcretry.TokenBudget, ctx context.Context, w tcretry.Withdrawal) error {
			time.Sleep(time.Millisecond)
			return b.Withdraw(ctx, w)
		},
	}},
	{"it refuses every retry", "the first retry is made at once", badBudget{
		withdraw: func(*tcretry.TokenBudget, context.Context, tcretry.Withdrawal) error {
			return tcretry.ErrBudgetSpent
		},
	}},
	{"it allows every retry", "an outage is not multiplied", badBudget{
		withdraw: func(*tcretry.TokenBudget, context.Context, tcretry.Withdrawal) error { return nil },
	}},
	{"failures count as successes", "an outage is not multiplied", badBudget{
		record: func(b *tcretry.TokenBudget, r tcretry.BudgetReport) {
			b.Record(tcretry.BudgetReport{Host: r.Host, Action: r.Action})
		},
	}},
	{"it refuses with another error", "an outage is not multiplied", badBudget{
		withdraw: func(b *tcretry.TokenBudget, ctx context.Context, w tcretry.Withdrawal) error {
			if err := b.Withdraw(ctx, w); err != nil {
				return errors.New("no")
			}
			return nil
		},
	}},
	{"it holds a retry without an end", "an outage is not multiplied", badBudget{
		withdraw: func(b *tcretry.TokenBudget, ctx context.Context, w tcretry.Withdrawal) error {
			err := b.Withdraw(ctx, w)
			if err != nil {
				<-ctx.Done()
			}
			return err
		},
	}},
	{"a host that was down gets no retry ever", "a host that came back is retried again", badBudget{
		withdraw: func() func(*tcretry.TokenBudget, context.Context, tcretry.Withdrawal) error {
			var refused atomic.Bool
			return func(b *tcretry.TokenBudget, ctx context.Context, w tcretry.Withdrawal) error {
				if refused.Load() {
					return tcretry.ErrBudgetSpent
				}
				err := b.Withdraw(ctx, w)
				if err != nil {
					refused.Store(true)
				}
				return err
			}
		}(),
	}},
	{"successes bring nothing", "a host that came back is retried again", badBudget{
		record: func(b *tcretry.TokenBudget, r tcretry.BudgetReport) {
			if r.Result == tcretry.BudgetFailure {
				b.Record(r)
			}
		},
	}},
	{"the tokens of a start are all that there are", "failures in passing are retried", badBudget{
		record: func(b *tcretry.TokenBudget, r tcretry.BudgetReport) {
			if r.Result == tcretry.BudgetFailure {
				b.Record(r)
			}
		},
	}},
	{"hosts are one", "hosts are apart", badBudget{
		withdraw: func(b *tcretry.TokenBudget, ctx context.Context, w tcretry.Withdrawal) error {
			w.Host = "one"
			return b.Withdraw(ctx, w)
		},
		record: func(b *tcretry.TokenBudget, r tcretry.BudgetReport) {
			r.Host = "one"
			b.Record(r)
		},
	}},
	{"actions are one", "actions are apart", badBudget{
		withdraw: func(b *tcretry.TokenBudget, ctx context.Context, w tcretry.Withdrawal) error {
			w.Action = ""
			return b.Withdraw(ctx, w)
		},
		record: func(b *tcretry.TokenBudget, r tcretry.BudgetReport) {
			r.Action = ""
			b.Record(r)
		},
	}},
	{"a retry that succeeds is not paid back", "a call whose retry succeeds costs nothing", badBudget{
		record: func(b *tcretry.TokenBudget, r tcretry.BudgetReport) {
			r.Withdrawn = 0
			b.Record(r)
		},
	}},
	{"Latest is not heard", "no retry is held past its latest time", badBudget{
		withdraw: func(b *tcretry.TokenBudget, ctx context.Context, w tcretry.Withdrawal) error {
			w.Latest = time.Time{}
			return b.Withdraw(ctx, w)
		},
	}},
	{"a retry that need not be held may be late", "nothing starts after its latest time", badBudget{
		withdraw: func(b *tcretry.TokenBudget, ctx context.Context, w tcretry.Withdrawal) error {
			if time.Now().After(w.Latest) {
				w.Latest = time.Time{}
			}
			return b.Withdraw(ctx, w)
		},
	}},
	{"the context is not heard", "a hold ends with its context", badBudget{
		withdraw: func(b *tcretry.TokenBudget, ctx context.Context, w tcretry.Withdrawal) error {
			return b.Withdraw(context.WithoutCancel(ctx), w)
		},
	}},
	{"the context's error is not its cause", "a hold ends with its context", badBudget{
		withdraw: func(b *tcretry.TokenBudget, ctx context.Context, w tcretry.Withdrawal) error {
			err := b.Withdraw(ctx, w)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		},
	}},
	{"a context that has ended is not heard", "a hold ends with its context", badBudget{
		withdraw: func(b *tcretry.TokenBudget, ctx context.Context, w tcretry.Withdrawal) error {
			if ctx.Err() != nil {
				ctx = context.Background()
			}
			return b.Withdraw(ctx, w)
		},
	}},
	{"a context that ends looks like another error", "many goroutines", badBudget{
		withdraw: func(b *tcretry.TokenBudget, ctx context.Context, w tcretry.Withdrawal) error {
			err := b.Withdraw(ctx, w)
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
						bad.bad.TokenBudget = new(tcretry.TokenBudget)
						return c.check(s, bad.bad)
					})
				}
			}
			require.Error(t, found)
			t.Log(found)
		})
	}
}
