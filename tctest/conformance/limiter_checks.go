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

// wait waits for a turn in a goroutine of its own.
func (s *stage) wait(ctx context.Context, lane ratelimit.KeyLimiter, turn ratelimit.WaitOptions) <-chan answer {
	return s.ask(func() error { return lane.Wait(ctx, turn) })
}

func (s *stage) slows(p ratelimit.Limiter, r ratelimit.Result) error {
	lane := p.ForKey(pacerKey)
	start := time.Now()
	for range 2 {
		if err := lane.Wait(s.ctx, ratelimit.WaitOptions{}); err != nil {
			return err
		}
	}
	lane.Done(paceAccepted)
	lane.Done(r)
	if err := s.run(lane, 5, paceAccepted); err != nil {
		return err
	}
	if d := time.Since(start); d < 2*time.Second {
		return fmt.Errorf("seven attempts started within %v", d)
	}
	return nil
}

func checkKeysApart(s *stage, p ratelimit.Limiter) error {
	if _, err := s.slowLane(p); err != nil {
		return err
	}
	for _, key := range []ratelimit.Key{
		{Host: "vpc.tencentcloudapi.com", Action: pacerKey.Action, Credential: pacerKey.Credential},
		{Host: pacerKey.Host, Action: "DescribeZones", Credential: pacerKey.Credential},
		{Host: pacerKey.Host, Action: pacerKey.Action, Credential: "another"},
	} {
		start := time.Now()
		if err := s.run(p.ForKey(key), 1, paceAccepted); err != nil {
			return err
		}
		if err := s.took(start, 0); err != nil {
			return fmt.Errorf("%+v after a rejection of %+v: %w", key, pacerKey, err)
		}
	}
	return nil
}

// starts makes calls wait with turns, one after the other, and returns when each
// started. Those of one moment have no order.
func (s *stage) starts(lane ratelimit.KeyLimiter, turns ...ratelimit.WaitOptions) ([]time.Duration, error) {
	begin := time.Now()
	var all []<-chan answer
	for _, turn := range turns {
		all = append(all, s.ask(func() error {
			if err := lane.Wait(s.ctx, turn); err != nil {
				return err
			}
			lane.Done(paceAccepted)
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

func checkOrder(s *stage, p ratelimit.Limiter) error {
	lane, err := s.slowLane(p)
	if err != nil {
		return err
	}
	starts, err := s.starts(lane, make([]ratelimit.WaitOptions, 4)...)
	if err == nil && !slices.IsSorted(starts) {
		err = fmt.Errorf("they started after %v", starts)
	}
	return err
}

func checkAgain(s *stage, p ratelimit.Limiter) error {
	lane, err := s.slowLane(p)
	if err != nil {
		return err
	}
	starts, err := s.starts(lane, ratelimit.WaitOptions{}, ratelimit.WaitOptions{}, ratelimit.WaitOptions{}, ratelimit.WaitOptions{AfterThrottle: true})
	if err == nil && starts[3] > slices.Min(starts) {
		err = fmt.Errorf("they started after %v, want number 3 first", starts)
	}
	return err
}

func checkLate(s *stage, p ratelimit.Limiter) error {
	lane, err := s.slowLane(p)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	for range 5 {
		s.wait(ctx, lane, ratelimit.WaitOptions{})
	}
	start := time.Now()
	late := <-s.wait(ctx, lane, ratelimit.WaitOptions{NotAfter: start.Add(2 * time.Second)})
	if !errors.Is(late.err, ratelimit.ErrTooLate) {
		return fmt.Errorf("behind five others, a second each, a call that must start within two seconds got %v, want ErrPaceLate", late.err)
	}
	return s.took(start, 0)
}

func checkContext(s *stage, p ratelimit.Limiter) error {
	cause := errors.New("the user went away")
	lane, err := s.slowLane(p)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	for range 3 {
		s.wait(s.ctx, lane, ratelimit.WaitOptions{})
	}
	waits := s.wait(ctx, lane, ratelimit.WaitOptions{})
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
	if err := s.took(start, 0); err != nil {
		return err
	}
	start = time.Now()
	if err := p.ForKey(ratelimit.Key{}).Wait(ctx, ratelimit.WaitOptions{}); !errors.Is(err, cause) {
		return fmt.Errorf("a wait with a context that has ended returned %v, want its cause", err)
	}
	return s.took(start, 0)
}

func checkCanceled(s *stage, p ratelimit.Limiter) error {
	lane, err := s.slowLane(p)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(s.ctx)
	for range 10 {
		s.wait(ctx, lane, ratelimit.WaitOptions{})
	}
	start := time.Now()
	last := s.wait(s.ctx, lane, ratelimit.WaitOptions{})
	cancel()
	if a := <-last; a.err != nil {
		return a.err
	}
	return s.took(start, 4*time.Second)
}

func checkRefused(s *stage, p ratelimit.Limiter) error {
	lane, err := s.slowLane(p)
	if err != nil {
		return err
	}
	start := time.Now()
	for range 10 {
		if err := lane.Wait(s.ctx, ratelimit.WaitOptions{NotAfter: start.Add(time.Millisecond)}); !errors.Is(err, ratelimit.ErrTooLate) {
			return fmt.Errorf("a turn that comes too late led to %v, want ErrPaceLate", err)
		}
	}
	s.settle()
	if err := s.run(lane, 1, paceAccepted); err != nil {
		return err
	}
	return s.took(start, 4*time.Second)
}

func checkManyGoroutines(s *stage, p ratelimit.Limiter) error {
	var wg sync.WaitGroup
	errs := make(chan error, 32)
	for i := range cap(errs) {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(s.ctx, time.Duration(50*i)*time.Millisecond)
			defer cancel()
			for j := range 20 {
				lane := p.ForKey(ratelimit.Key{Host: "h", Action: []string{"a", "b", "c"}[(i+j)%3]})
				err := lane.Wait(ctx, ratelimit.WaitOptions{AfterThrottle: j%3 == 0, NotAfter: time.Now().Add(time.Second)})
				switch {
				case err == nil:
					lane.Done([]ratelimit.Result{paceAccepted, paceRejected, paceRejected0, {}}[(i*j)%4])
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
