package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tcretry/tcretry/budget"
)

// TestBudget checks that a Budget keeps the obligations of [budget.Budget].
// newBudget returns a fresh one for each case.
//
// Each case runs in a bubble of testing/synctest, as [TestLimiter] says: a Budget
// that reaches for a network is checked with [TestBudgetLive].
func TestBudget(t *testing.T, newBudget func() budget.Budget) {
	for _, o := range budgetObligations {
		o.inBubble(t, newBudget)
	}
}

// TestBudgetLive is [TestBudget] in real time, for a Budget with I/O. The cases
// run in parallel: each newBudget must return one that has nothing in common with
// the others.
func TestBudgetLive(t *testing.T, newBudget func() budget.Budget) {
	for _, o := range budgetObligations {
		o.inRealTime(t, newBudget)
	}
}

const (
	budgetHost    = "cvm.tencentcloudapi.com"
	anotherHost   = "vpc.tencentcloudapi.com"
	anotherAction = "DescribeZones"
)

// failure is a failed attempt to host, of a request without an action.
func failure(host string) budget.Report {
	return budget.Report{Host: host, Result: budget.Failure}
}

var budgetObligations = []obligation[budget.Budget]{
	{
		"the first retry is made at once",
		"The first retry to a host that a budget knows nothing of is allowed, without a hold.",
		func(s *stage, b budget.Budget) error { return s.retryAtOnce(b, budgetHost) },
	},
	{
		"an outage is not multiplied",
		"While every attempt fails, few retries are allowed: 500 calls may make 150 at the most.",
		checkOutage,
	},
	{
		"a host that came back is retried again",
		"Once attempts succeed, retries are allowed again, without a hold.",
		func(s *stage, b budget.Budget) error {
			if _, err := s.outage(b); err != nil {
				return err
			}
			for range 500 {
				b.Record(budget.Report{Host: budgetHost})
			}
			s.settle()
			return s.retryAtOnce(b, budgetHost)
		},
	},
	{
		"failures in passing are retried",
		"With one attempt of ten failing, nearly every failure may be retried, without a hold.",
		checkPassing,
	},
	{
		"hosts are apart",
		"The outage of one host must not keep another from its retries.",
		func(s *stage, b budget.Budget) error {
			if _, err := s.outage(b); err != nil {
				return err
			}
			return s.retryAtOnce(b, anotherHost)
		},
	},
	{
		"actions are apart",
		"An action whose attempts all fail must not keep the host's others from their retries.",
		func(s *stage, b budget.Budget) error {
			if _, err := s.outage(b); err != nil {
				return err
			}
			return s.retryOf(b, budgetHost, anotherAction)
		},
	},
	{
		"a call whose retry succeeds costs nothing",
		"A host whose first attempts fail and whose retries succeed never runs out of retries.",
		checkFirstAttemptsFail,
	},
	{
		"no retry is held past its latest time",
		"Withdraw may hold a retry for some time, but never past Withdrawal.Latest.",
		checkHold,
	},
	{
		"nothing starts after its latest time",
		"Withdrawal.Latest may have passed before Withdraw is called.",
		func(s *stage, b budget.Budget) error {
			w := budget.Request{Host: budgetHost, Latest: time.Now().Add(-time.Millisecond)}
			if err := b.Acquire(s.ctx, w); !errors.Is(err, budget.ErrExhausted) {
				return fmt.Errorf("a retry that was to start in the past led to %v, want ErrBudgetSpent", err)
			}
			return nil
		},
	},
	{
		"a hold ends with its context",
		"Withdraw returns the context's cause, at once, also if the context has ended before.",
		checkHoldContext,
	},
	{
		"many goroutines",
		"It is called from many goroutines at once; run the kit with -race.",
		checkBudgetGoroutines,
	},
}

// retryAtOnce asks for a retry to host that must be permitted without a hold.
func (s *stage) retryAtOnce(b budget.Budget, host string) error { return s.retryOf(b, host, "") }

// retryOf does the same for a retry of an action.
func (s *stage) retryOf(b budget.Budget, host, action string) error {
	start := time.Now()
	b.Record(budget.Report{Host: host, Action: action, Result: budget.Failure})
	if err := b.Acquire(s.ctx, budget.Request{Host: host, Action: action, Start: start}); err != nil {
		return fmt.Errorf("a retry to %s was refused: %w", host, err)
	}
	return s.took(start, 0)
}

// outage runs 500 calls in five seconds, of which every attempt fails and which
// retry as long as they may, at most three times. It returns the number of retries.
func (s *stage) outage(b budget.Budget) (retries int, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	call := func() {
		start := time.Now()
		b.Record(failure(budgetHost))
		for retry := 1; retry <= 3; retry++ {
			refused := b.Acquire(s.ctx, budget.Request{Host: budgetHost, Retry: retry, Start: start})
			mu.Lock()
			if refused == nil {
				retries++
			} else if !errors.Is(refused, budget.ErrExhausted) {
				err = fmt.Errorf("a retry was refused with %v, want ErrBudgetSpent", refused)
			}
			mu.Unlock()
			if refused != nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
			b.Record(budget.Report{Host: budgetHost, Retry: retry, Result: budget.Failure})
		}
	}
	for range 500 {
		wg.Go(call)
		time.Sleep(10 * time.Millisecond)
	}
	wg.Wait()
	if err == nil && s.ctx.Err() != nil {
		err = errHangs
	}
	return retries, err
}

func checkOutage(s *stage, b budget.Budget) error {
	retries, err := s.outage(b)
	if err == nil && retries > 150 {
		err = fmt.Errorf("500 calls of which every attempt failed made %d retries", retries)
	}
	return err
}

func checkFirstAttemptsFail(s *stage, b budget.Budget) error {
	for i := range 1000 {
		if err := s.retryAtOnce(b, budgetHost); err != nil {
			return fmt.Errorf("call %d: %w", i+1, err)
		}
		b.Record(budget.Report{Host: budgetHost, Retry: 1, Returned: 1})
	}
	return nil
}

func checkPassing(s *stage, b budget.Budget) error {
	refused := 0
	for i := range 1000 {
		failed := i%10 == 0
		report := budget.Report{Host: budgetHost}
		if failed {
			report.Result = budget.Failure
		}
		b.Record(report)
		if !failed {
			continue
		}
		start := time.Now()
		switch err := b.Acquire(s.ctx, budget.Request{Host: budgetHost, Start: start}); {
		case errors.Is(err, budget.ErrExhausted), err == nil && s.took(start, 0) != nil:
			refused++
		case err != nil:
			return err
		}
	}
	if refused > 10 {
		return fmt.Errorf("of 100 retries %d were refused or held", refused)
	}
	return nil
}

func checkHold(s *stage, b budget.Budget) error {
	if _, err := s.outage(b); err != nil {
		return err
	}
	// With fresh failures, so that nothing is due to be let out.
	for range 100 {
		b.Record(failure(budgetHost))
	}
	for i := range 5 {
		start := time.Now()
		wait := time.Duration(i+1) * 100 * time.Millisecond
		err := b.Acquire(s.ctx, budget.Request{Host: budgetHost, Start: start, Latest: start.Add(wait)})
		if err != nil && !errors.Is(err, budget.ErrExhausted) {
			return err
		}
		if err := s.took(start, wait); err != nil {
			return err
		}
	}
	return nil
}

func checkHoldContext(s *stage, b budget.Budget) error {
	cause := errors.New("the user went away")
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	if _, err := s.outage(b); err != nil {
		return err
	}
	for range 100 {
		b.Record(failure(budgetHost))
	}
	held := s.ask(func() error {
		return b.Acquire(ctx, budget.Request{Host: budgetHost, Start: time.Now()})
	})
	answered := len(held) > 0 // a budget need not hold
	start := time.Now()
	cancel(cause)
	a := <-held
	if !answered && !errors.Is(a.err, cause) {
		return fmt.Errorf("a hold whose context ended returned %v, want its cause", a.err)
	}
	if err := s.took(start, 0); err != nil {
		return err
	}
	start = time.Now()
	if err := b.Acquire(ctx, budget.Request{Host: anotherHost}); !errors.Is(err, cause) {
		return fmt.Errorf("a context that has ended led to %v, want its cause", err)
	}
	return s.took(start, 0)
}

func checkBudgetGoroutines(s *stage, b budget.Budget) error {
	var wg sync.WaitGroup
	errs := make(chan error, 32)
	for i := range cap(errs) {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(s.ctx, time.Duration(50*i)*time.Millisecond)
			defer cancel()
			for j := range 50 {
				host := []string{budgetHost, anotherHost}[j%2]
				b.Record(budget.Report{Host: host, Result: []budget.Result{
					budget.Success, budget.Failure, budget.Failure,
				}[(i+j)%3]})
				err := b.Acquire(ctx, budget.Request{Host: host, Latest: time.Now().Add(time.Second)})
				if err != nil && !errors.Is(err, budget.ErrExhausted) && !errors.Is(err, context.DeadlineExceeded) {
					errs <- fmt.Errorf("withdraw returned %w", err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}
