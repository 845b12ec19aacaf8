package conformance

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// A requirement is one case of a suite: what an implementation must do, and why.
type requirement[T any] struct {
	name  string
	why   string
	check func(*env, T) error
}

func (o requirement[T]) inBubble(t *testing.T, fresh func() T) {
	t.Run(o.name, func(t *testing.T) {
		if err := inBubble(t, func(s *env) error { return o.check(s, fresh()) }); err != nil {
			t.Errorf("%v\n%s", err, o.why)
		}
	})
}

func (o requirement[T]) inRealTime(t *testing.T, fresh func() T) {
	t.Run(o.name, func(t *testing.T) {
		t.Parallel()
		if err := inRealTime(t, func(s *env) error { return o.check(s, fresh()) }); err != nil {
			t.Errorf("%v\n%s", err, o.why)
		}
	})
}

// env is what a case runs in: virtual or real time.
type env struct {
	// ctx ends a case that hangs, long after it should have ended.
	ctx context.Context
	// settle returns when all other goroutines wait or have finished.
	settle func()
	// tolerance is how long something may take that happens immediately.
	tolerance time.Duration
}

func inBubble(t *testing.T, check func(*env) error) (err error) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, errHangs)
		err = check(&env{ctx: ctx, settle: synctest.Wait})
		cancel()
		// Goroutines that the case left behind can end.
		time.Sleep(time.Hour)
	})
	return err
}

func inRealTime(t *testing.T, check func(*env) error) error {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Second, errHangs)
	defer cancel()
	return check(&env{
		ctx:       ctx,
		settle:    func() { time.Sleep(50 * time.Millisecond) },
		tolerance: 500 * time.Millisecond,
	})
}

var errHangs = errors.New("it hangs")

// tookAtMost returns an error if more than limit, and the tolerance, has passed since
// start.
func (s *env) tookAtMost(start time.Time, limit time.Duration) error {
	if d := time.Since(start); d > limit+s.tolerance {
		return fmt.Errorf("it took %v, want at most %v", d, limit)
	}
	return nil
}

// outcome is the result of a call that waited, and when it came.
type outcome struct {
	err error
	at  time.Time
}

// launch runs f in a goroutine of its own and returns when f waits or has finished.
func (s *env) launch(f func() error) <-chan outcome {
	ch := make(chan outcome, 1)
	go func() {
		err := f()
		ch <- outcome{err, time.Now()}
	}()
	s.settle()
	return ch
}
