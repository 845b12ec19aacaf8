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

// TestBudget checks that a Budget meets the requirements of [budget.Budget]. newBudget
// must return a new one for each case.
//
// Each case runs in virtual time, in a bubble of testing/synctest, and what must happen
// immediately must take no time at all. A Budget that uses a network cannot run in a
// bubble: check it with [TestBudgetLive].
func TestBudget(t *testing.T, newBudget func() budget.Budget) {
	for _, o := range budgetRequirements {
		o.inBubble(t, newBudget)
	}
}

// TestBudgetLive is [TestBudget] in real time, for a Budget with I/O. "Immediately" is
// half a second then. The cases run in parallel and take some seconds: newBudget must
// return one that shares no state with the others.
func TestBudgetLive(t *testing.T, newBudget func() budget.Budget) {
	for _, o := range budgetRequirements {
		o.inRealTime(t, newBudget)
	}
}

const (
	budgetHost    = "cvm.tencentcloudapi.com"
	anotherHost   = "vpc.tencentcloudapi.com"
	anotherAction = "DescribeZones"
)

// failure reports a failed attempt to host, of a request without an action.
func failure(host string) budget.Report {
	return budget.Report{Host: host, Result: budget.Failure}
}

var budgetRequirements = []requirement[budget.Budget]{
	{
		"the first retry is permitted immediately",
		"The first retry to a host without earlier reports is permitted, without a deferral.",
		func(s *env, b budget.Budget) error { return s.retryImmediately(b, budgetHost) },
	},
	{
		"an outage is not multiplied",
		"While every attempt fails, few retries are permitted: at most 150 of 500 calls.",
		checkOutage,
	},
	{
		"a host that has recovered is retried again",
		"Once attempts succeed, retries are permitted again, without a deferral.",
		func(s *env, b budget.Budget) error {
			if _, err := s.outage(b); err != nil {
				return err
			}
			for range 500 {
				b.Record(budget.Report{Host: budgetHost})
			}
			s.settle()
			return s.retryImmediately(b, budgetHost)
		},
	},
	{
		"transient failures are retried",
		"With one attempt of ten failing, nearly every failure may be retried, without a deferral.",
		checkTransient,
	},
	{
		"hosts are separate",
		"The outage of one host must not prevent retries to another.",
		func(s *env, b budget.Budget) error {
			if _, err := s.outage(b); err != nil {
				return err
			}
			return s.retryImmediately(b, anotherHost)
		},
	},
	{
		"actions are separate",
		"An action whose attempts all fail must not prevent retries of the host's other actions.",
		func(s *env, b budget.Budget) error {
			if _, err := s.outage(b); err != nil {
				return err
			}
			return s.retryOf(b, budgetHost, anotherAction)
		},
	},
	{
		"a call whose retry succeeds consumes nothing",
		"A host whose first attempts fail and whose retries succeed never exhausts its budget.",
		checkFirstAttemptsFail,
	},
	{
		"no retry is deferred beyond its latest time",
		"Acquire may defer a retry for some time, but never beyond Request.Latest.",
		checkDeferral,
	},
	{
		"nothing starts after its latest time",
		"Request.Latest may have passed before Acquire is called.",
		func(s *env, b budget.Budget) error {
			w := budget.Request{Host: budgetHost, Latest: time.Now().Add(-time.Millisecond)}
			if err := b.Acquire(s.ctx, w); !errors.Is(err, budget.ErrExhausted) {
				return fmt.Errorf("a retry that was to start in the past led to %v, want budget.ErrExhausted", err)
			}
			return nil
		},
	},
	{
		"a deferral ends with its context",
		"Acquire returns the context's cause, immediately, also if the context has ended before.",
		checkDeferralContext,
	},
	{
		"many goroutines",
		"All methods are called from many goroutines; run the suite with -race.",
		checkBudgetGoroutines,
	},
}

// retryImmediately acquires a retry to host, which must be permitted without a deferral.
func (s *env) retryImmediately(b budget.Budget, host string) error { return s.retryOf(b, host, "") }

// retryOf is retryImmediately for a retry of an action.
func (s *env) retryOf(b budget.Budget, host, action string) error {
	start := time.Now()
	b.Record(budget.Report{Host: host, Action: action, Result: budget.Failure})
	if err := b.Acquire(s.ctx, budget.Request{Host: host, Action: action, Start: start}); err != nil {
		return fmt.Errorf("a retry to %s was refused: %w", host, err)
	}
	return s.tookAtMost(start, 0)
}

// outage runs 500 calls in five seconds. Every attempt fails, and each call retries as
// often as the budget permits, at most three times. It returns the number of retries.
func (s *env) outage(b budget.Budget) (retries int, err error) {
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
				err = fmt.Errorf("a retry was refused with %v, want budget.ErrExhausted", refused)
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

func checkOutage(s *env, b budget.Budget) error {
	retries, err := s.outage(b)
	if err == nil && retries > 150 {
		err = fmt.Errorf("500 calls of which every attempt failed made %d retries", retries)
	}
	return err
}

func checkFirstAttemptsFail(s *env, b budget.Budget) error {
	for i := range 1000 {
		if err := s.retryImmediately(b, budgetHost); err != nil {
			return fmt.Errorf("call %d: %w", i+1, err)
		}
		b.Record(budget.Report{Host: budgetHost, Retry: 1, Returned: 1})
	}
	return nil
}

func checkTransient(s *env, b budget.Budget) error {
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
		case errors.Is(err, budget.ErrExhausted), err == nil && s.tookAtMost(start, 0) != nil:
			refused++
		case err != nil:
			return err
		}
	}
	if refused > 10 {
		return fmt.Errorf("of 100 retries %d were refused or deferred", refused)
	}
	return nil
}

func checkDeferral(s *env, b budget.Budget) error {
	if _, err := s.outage(b); err != nil {
		return err
	}
	// With new failures, so that no deferred retry is due to be released.
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
		if err := s.tookAtMost(start, wait); err != nil {
			return err
		}
	}
	return nil
}

func checkDeferralContext(s *env, b budget.Budget) error {
	cause := errors.New("the user went away")
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	if _, err := s.outage(b); err != nil {
		return err
	}
	for range 100 {
		b.Record(failure(budgetHost))
	}
	deferred := s.launch(func() error {
		return b.Acquire(ctx, budget.Request{Host: budgetHost, Start: time.Now()})
	})
	ended := len(deferred) > 0 // a budget need not defer
	start := time.Now()
	cancel(cause)
	a := <-deferred
	if !ended && !errors.Is(a.err, cause) {
		return fmt.Errorf("a deferral whose context ended returned %v, want its cause", a.err)
	}
	if err := s.tookAtMost(start, 0); err != nil {
		return err
	}
	start = time.Now()
	if err := b.Acquire(ctx, budget.Request{Host: anotherHost}); !errors.Is(err, cause) {
		return fmt.Errorf("a context that has ended led to %v, want its cause", err)
	}
	return s.tookAtMost(start, 0)
}

func checkBudgetGoroutines(s *env, b budget.Budget) error {
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
					errs <- fmt.Errorf("acquire returned %w", err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}
