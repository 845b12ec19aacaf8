package e2e_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/internal/test/concurrent"
	"github.com/tcretry/tcretry/tctest"
)

// slowBudget is a budget of somebody else that defers each retry for a second.
type slowBudget struct{}

func (slowBudget) Acquire(ctx context.Context, _ budget.Request) error { return pause(ctx) }
func (slowBudget) Record(budget.Report)                                {}

func pause(ctx context.Context) error {
	select {
	case <-time.After(time.Second):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A rate limiter and a budget of somebody else do not receive Request.Cancel, so a
// goroutine watches it while they wait: no longer than that, with a context that never
// ends as with any other.
func TestAWaitWithACancelChannelLeavesNoGoroutine(t *testing.T) {
	wait := func(ctx context.Context, _ int) error { return pause(ctx) }
	for name, opts := range map[string][]tcretry.Option{
		"the limiter's":   {tcretry.WithRateLimiter(&slots{before: wait})},
		"the budget's":    {tcretry.WithBudget(slowBudget{})},
		"both":            {tcretry.WithRateLimiter(&slots{before: wait}), tcretry.WithBudget(slowBudget{})},
		"those of ours":   nil,
		"one that panics": {tcretry.WithRateLimiter(&slots{before: func(context.Context, int) error { panic("a bug") }})},
		"of no attempts":  {tcretry.WithRateLimiter(&slots{before: func(context.Context, int) error { return errors.New("never") }})},
	} {
		for _, canceled := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				before := concurrent.Bubbled()
				stop := make(chan struct{})
				req := postTo(t, "cvm", "DescribeInstances", `{}`).WithContext(context.Background())
				//lint:ignore SA1019 http.Client.Timeout sets it
				req.Cancel = stop
				if canceled {
					time.AfterFunc(1500*time.Millisecond, func() { close(stop) })
				}
				lost := tctest.DropBeforeExecution()
				func() {
					defer func() { _ = recover() }()
					resp, err := tcretry.New(tctest.NewAPI(lost, lost, lost), opts...).RoundTrip(req)
					if err == nil {
						require.NoError(t, resp.Body.Close())
					}
				}()
				synctest.Wait()
				require.Equal(t, before, concurrent.Bubbled(), name)
			})
		}
	}
}
