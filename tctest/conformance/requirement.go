package conformance

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// obligation is one case of a kit: what an implementation owes, and why.
type obligation[T any] struct {
	name  string
	why   string
	check func(*stage, T) error
}

func (o obligation[T]) inBubble(t *testing.T, fresh func() T) {
	t.Run(o.name, func(t *testing.T) {
		if err := inBubble(t, func(s *stage) error { return o.check(s, fresh()) }); err != nil {
			t.Errorf("%v\n%s", err, o.why)
		}
	})
}

func (o obligation[T]) inRealTime(t *testing.T, fresh func() T) {
	t.Run(o.name, func(t *testing.T) {
		t.Parallel()
		if err := inRealTime(t, func(s *stage) error { return o.check(s, fresh()) }); err != nil {
			t.Errorf("%v\n%s", err, o.why)
		}
	})
}

// stage is what a case of a kit runs on.
type stage struct {
	// ctx ends what hangs, long after everything should have ended.
	ctx context.Context
	// settle lets other goroutines go on until they wait.
	settle func()
	// atOnce is how long something may take that takes no time.
	atOnce time.Duration
}

func inBubble(t *testing.T, check func(*stage) error) (err error) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, errHangs)
		err = check(&stage{ctx: ctx, settle: synctest.Wait})
		cancel()
		// What the case left behind may end.
		time.Sleep(time.Hour)
	})
	return err
}

func inRealTime(t *testing.T, check func(*stage) error) error {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Second, errHangs)
	defer cancel()
	return check(&stage{
		ctx:    ctx,
		settle: func() { time.Sleep(50 * time.Millisecond) },
		atOnce: 500 * time.Millisecond,
	})
}

var errHangs = errors.New("it hangs")

// took returns an error if more than wanted and what is at once has passed since
// start.
func (s *stage) took(start time.Time, wanted time.Duration) error {
	if d := time.Since(start); d > wanted+s.atOnce {
		return fmt.Errorf("it took %v, want at most %v", d, wanted)
	}
	return nil
}

// answer is what a call that waited was told, and when.
type answer struct {
	err error
	at  time.Time
}

// ask runs f in a goroutine of its own and lets it go on until it waits.
func (s *stage) ask(f func() error) <-chan answer {
	ch := make(chan answer, 1)
	go func() {
		err := f()
		ch <- answer{err, time.Now()}
	}()
	s.settle()
	return ch
}
