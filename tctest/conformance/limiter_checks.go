package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tcretry/tcretry/ratelimit"
)

// wait waits for a slot in a goroutine of its own.
func (s *env) wait(ctx context.Context, limiter ratelimit.KeyLimiter, o ratelimit.WaitOptions) <-chan outcome {
	return s.launch(func() error { return limiter.Wait(ctx, o) })
}

func (s *env) slows(l ratelimit.Limiter, r ratelimit.Result) error {
	limiter := l.ForKey(testKey)
	start := time.Now()
	for range 2 {
		if err := limiter.Wait(s.ctx, ratelimit.WaitOptions{}); err != nil {
			return err
		}
	}
	limiter.Done(accepted)
	limiter.Done(r)
	if err := s.run(limiter, 5, accepted); err != nil {
		return err
	}
	if d := time.Since(start); d < 2*time.Second {
		return fmt.Errorf("seven attempts started within %v", d)
	}
	return nil
}

func checkKeysApart(s *env, l ratelimit.Limiter) error {
	if _, err := s.throttledKey(l); err != nil {
		return err
	}
	for _, key := range []ratelimit.Key{
		{Host: "vpc.tencentcloudapi.com", Action: testKey.Action, Credential: testKey.Credential},
		{Host: testKey.Host, Action: "DescribeZones", Credential: testKey.Credential},
		{Host: testKey.Host, Action: testKey.Action, Credential: "another"},
	} {
		start := time.Now()
		if err := s.run(l.ForKey(key), 1, accepted); err != nil {
			return err
		}
		if err := s.tookAtMost(start, 0); err != nil {
			return fmt.Errorf("%+v after a throttling response for %+v: %w", key, testKey, err)
		}
	}
	return nil
}

// starts makes calls wait with these options, one after the other, and returns when each
// of them started. Calls that start at the same time have no order.
func (s *env) starts(limiter ratelimit.KeyLimiter, options ...ratelimit.WaitOptions) ([]time.Duration, error) {
	begin := time.Now()
	var all []<-chan outcome
	for _, o := range options {
		all = append(all, s.launch(func() error {
			if err := limiter.Wait(s.ctx, o); err != nil {
				return err
			}
			limiter.Done(accepted)
			return nil
		}))
	}
	starts := make([]time.Duration, len(all))
	for i, ch := range all {
		a := <-ch
		if a.err != nil {
			return nil, a.err
		}
		starts[i] = a.at.Sub(begin)
	}
	return starts, nil
}

func checkOrder(s *env, l ratelimit.Limiter) error {
	limiter, err := s.throttledKey(l)
	if err != nil {
		return err
	}
	starts, err := s.starts(limiter, make([]ratelimit.WaitOptions, 4)...)
	if err == nil && !slices.IsSorted(starts) {
		err = fmt.Errorf("they started after %v", starts)
	}
	return err
}

func checkThrottledFirst(s *env, l ratelimit.Limiter) error {
	limiter, err := s.throttledKey(l)
	if err != nil {
		return err
	}
	starts, err := s.starts(limiter, ratelimit.WaitOptions{}, ratelimit.WaitOptions{}, ratelimit.WaitOptions{}, ratelimit.WaitOptions{AfterThrottle: true})
	if err == nil && starts[3] > slices.Min(starts) {
		err = fmt.Errorf("they started after %v, want number 3 first", starts)
	}
	return err
}

func checkLate(s *env, l ratelimit.Limiter) error {
	limiter, err := s.throttledKey(l)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	for range 5 {
		s.wait(ctx, limiter, ratelimit.WaitOptions{})
	}
	start := time.Now()
	late := <-s.wait(ctx, limiter, ratelimit.WaitOptions{NotAfter: start.Add(2 * time.Second)})
	if !errors.Is(late.err, ratelimit.ErrTooLate) {
		return fmt.Errorf("behind five others, one second each, a call that must start within two seconds got %v, want ratelimit.ErrTooLate", late.err)
	}
	return s.tookAtMost(start, 0)
}

func checkContext(s *env, l ratelimit.Limiter) error {
	cause := errors.New("the user went away")
	limiter, err := s.throttledKey(l)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	for range 3 {
		s.wait(s.ctx, limiter, ratelimit.WaitOptions{})
	}
	waits := s.wait(ctx, limiter, ratelimit.WaitOptions{})
	start := time.Now()
	cancel(cause)
	select {
	case a := <-waits:
		if !errors.Is(a.err, cause) {
			return fmt.Errorf("a wait whose context ended returned %v, want its cause", a.err)
		}
	case <-s.ctx.Done():
		return errHangs
	}
	if err := s.tookAtMost(start, 0); err != nil {
		return err
	}
	start = time.Now()
	if err := l.ForKey(ratelimit.Key{}).Wait(ctx, ratelimit.WaitOptions{}); !errors.Is(err, cause) {
		return fmt.Errorf("a wait with a context that has ended returned %v, want its cause", err)
	}
	return s.tookAtMost(start, 0)
}

func checkCanceled(s *env, l ratelimit.Limiter) error {
	limiter, err := s.throttledKey(l)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(s.ctx)
	for range 10 {
		s.wait(ctx, limiter, ratelimit.WaitOptions{})
	}
	start := time.Now()
	last := s.wait(s.ctx, limiter, ratelimit.WaitOptions{})
	cancel()
	if a := <-last; a.err != nil {
		return a.err
	}
	return s.tookAtMost(start, 4*time.Second)
}

func checkTooLate(s *env, l ratelimit.Limiter) error {
	limiter, err := s.throttledKey(l)
	if err != nil {
		return err
	}
	start := time.Now()
	for range 10 {
		if err := limiter.Wait(s.ctx, ratelimit.WaitOptions{NotAfter: start.Add(time.Millisecond)}); !errors.Is(err, ratelimit.ErrTooLate) {
			return fmt.Errorf("a wait that would end too late returned %v, want ratelimit.ErrTooLate", err)
		}
	}
	s.settle()
	if err := s.run(limiter, 1, accepted); err != nil {
		return err
	}
	return s.tookAtMost(start, 4*time.Second)
}

func checkManyGoroutines(s *env, l ratelimit.Limiter) error {
	var wg sync.WaitGroup
	errs := make(chan error, 32)
	for i := range cap(errs) {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(s.ctx, time.Duration(50*i)*time.Millisecond)
			defer cancel()
			for j := range 20 {
				limiter := l.ForKey(ratelimit.Key{Host: "h", Action: []string{"a", "b", "c"}[(i+j)%3]})
				err := limiter.Wait(ctx, ratelimit.WaitOptions{AfterThrottle: j%3 == 0, NotAfter: time.Now().Add(time.Second)})
				switch {
				case err == nil:
					limiter.Done([]ratelimit.Result{accepted, throttled, throttledWithoutCounts, {}}[(i*j)%4])
				case !errors.Is(err, ratelimit.ErrTooLate) && !errors.Is(err, context.DeadlineExceeded):
					errs <- fmt.Errorf("wait returned %w", err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}
