package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

func TestAdaptivePacerEndsAWaitWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(ratelimit.Adaptive)
		lane := ownLimiter(t, p, 2)
		cause := errors.New("the user went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := waitAsync(ctx, lane, ratelimit.WaitOptions{})
		start := time.Now()
		stays := waitAsync(t.Context(), lane, ratelimit.WaitOptions{})
		cancel(cause)
		require.Equal(t, answer{cause, time.Now()}, <-gone)
		require.Equal(t, cause, lane.Wait(ctx, ratelimit.WaitOptions{}), "one that has ended already")
		require.Equal(t, 1, p.States()[0].Waiting)
		require.WithinDuration(t, start.Add(round), (<-stays).at, 2*time.Millisecond)
	})
}

func TestAdaptivePacerGivesTheTurnOfACanceledCallToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lane := ownLimiter(t, new(ratelimit.Adaptive), 1)
		start := time.Now()
		// The turn and the end of the context come in the same moment, or nearly.
		for d := -50 * time.Microsecond; d <= 50*time.Microsecond; d += time.Microsecond {
			ctx, cancel := context.WithTimeout(t.Context(), round+d)
			defer cancel()
			waitAsync(ctx, lane, ratelimit.WaitOptions{})
		}
		stays := waitAsync(t.Context(), lane, ratelimit.WaitOptions{})
		require.WithinDuration(t, start.Add(round), (<-stays).at, time.Second+20*time.Millisecond)
	})
}

func TestAdaptivePacerSurvivesThousandsOfCallsThatAreCanceledAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(ratelimit.Adaptive)
		lane := ownLimiter(t, p, 20)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 5000 {
			wg.Go(func() {
				if lane.Wait(ctx, ratelimit.WaitOptions{AfterThrottle: i%2 == 0}) == nil {
					lane.Done(accepted)
				}
			})
		}
		time.Sleep(1500 * time.Millisecond)
		start := time.Now()
		cancel()
		wg.Wait()
		require.Equal(t, start, time.Now())
		pace := p.States()[0]
		require.Zero(t, pace.Waiting)
		require.Zero(t, pace.InFlight)
		require.NoError(t, lane.Wait(t.Context(), ratelimit.WaitOptions{}), "the lane goes on")
	})
}

func TestAdaptivePacerLeavesNothingBehindAfterTheLastCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// A bubble ends in a panic if a goroutine remains, and time does not move
		// if no timer does.
		before := bubbled()
		p := new(ratelimit.Adaptive)
		lane := ownLimiter(t, p, 2)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if lane.Wait(t.Context(), ratelimit.WaitOptions{}) == nil {
					lane.Done(accepted)
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		require.Equal(t, before, bubbled())
	})
}

func TestAdaptivePacerIsSafeForManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(ratelimit.Adaptive)
		codes := []string{
			"RequestLimitExceeded", "", "RequestLimitExceeded.UinLimitExceeded",
			"RequestLimitExceeded.IPLimitExceeded", "RequestLimitExceeded.GlobalRegionUinLimitExceeded",
		}
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				for j := range 50 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+i*j%700)*time.Millisecond)
					lane := p.ForKey(ratelimit.Key{Host: fmt.Sprint(i % 2), Action: fmt.Sprint(j % 3), Credential: fmt.Sprint(i % 3)})
					if lane.Wait(ctx, ratelimit.WaitOptions{AfterThrottle: j%4 == 0, NotAfter: time.Now().Add(time.Second)}) == nil {
						time.Sleep(time.Duration(i) * time.Millisecond)
						r := accepted
						if (i+j)%7 == 0 {
							r = ratelimit.Result{Verdict: ratelimit.Throttled, Code: codes[(i+j)%5], Limit: 20, Count: 21 + j%9}
						}
						lane.Done(r)
					}
					cancel()
					p.States()
				}
			})
		}
		wg.Wait()
		for _, pace := range p.States() {
			require.Zero(t, pace.Waiting)
			require.Zero(t, pace.InFlight)
		}
	})
}

// bubbled is the number of goroutines in bubbles: those of the runtime come and go.
func bubbled() int {
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), ", synctest bubble")
}
