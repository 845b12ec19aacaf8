package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/test/concurrent"
	"github.com/tcretry/tcretry/ratelimit"
)

func TestAdaptive_endsAWaitWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(ratelimit.Adaptive)
		l := ownLimiter(t, a, 2)
		cause := errors.New("the user went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := waitAsync(ctx, l, ratelimit.WaitOptions{})
		start := time.Now()
		stays := waitAsync(t.Context(), l, ratelimit.WaitOptions{})
		cancel(cause)
		require.Equal(t, outcome{cause, time.Now()}, <-gone)
		require.Equal(t, cause, l.Wait(ctx, ratelimit.WaitOptions{}), "one that has ended already")
		require.Equal(t, 1, a.States()[0].Waiting)
		require.WithinDuration(t, start.Add(round), (<-stays).at, 2*time.Millisecond)
	})
}

func TestAdaptive_givesTheSlotOfACanceledCallToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ownLimiter(t, new(ratelimit.Adaptive), 1)
		start := time.Now()
		// The slot and the end of the context come in the same moment, or nearly.
		for d := -50 * time.Microsecond; d <= 50*time.Microsecond; d += time.Microsecond {
			ctx, cancel := context.WithTimeout(t.Context(), round+d)
			defer cancel()
			waitAsync(ctx, l, ratelimit.WaitOptions{})
		}
		stays := waitAsync(t.Context(), l, ratelimit.WaitOptions{})
		require.WithinDuration(t, start.Add(round), (<-stays).at, time.Second+20*time.Millisecond)
	})
}

// Request.Cancel ends a wait as a context does.
func TestAdaptive_givesThePlaceOfACallThatItsChannelCanceledToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(ratelimit.Adaptive)
		l := ownLimiter(t, a, 1)
		start := time.Now()
		canceled := make(chan struct{})
		go func() {
			_, _ = l.(interface {
				WaitFrom(context.Context, <-chan struct{}, time.Time, ratelimit.WaitOptions) (bool, error)
			}).WaitFrom(t.Context(), canceled, start, ratelimit.WaitOptions{})
		}()
		synctest.Wait()
		stays := waitAsync(t.Context(), l, ratelimit.WaitOptions{})
		close(canceled)
		synctest.Wait()
		require.Equal(t, 1, a.States()[0].Waiting)
		require.WithinDuration(t, start.Add(round), (<-stays).at, 20*time.Millisecond)
	})
}

func TestAdaptive_survivesThousandsOfCallsThatAreCanceledTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(ratelimit.Adaptive)
		l := ownLimiter(t, a, 20)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 5000 {
			wg.Go(func() {
				if l.Wait(ctx, ratelimit.WaitOptions{AfterThrottle: i%2 == 0}) == nil {
					l.Done(accepted)
				}
			})
		}
		time.Sleep(1500 * time.Millisecond)
		start := time.Now()
		cancel()
		wg.Wait()
		require.Equal(t, start, time.Now())
		state := a.States()[0]
		require.Zero(t, state.Waiting)
		require.Zero(t, state.InFlight)
		require.NoError(t, l.Wait(t.Context(), ratelimit.WaitOptions{}), "the key goes on")
	})
}

func TestAdaptive_leavesNothingBehindAfterTheLastCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// A bubble ends in a panic if a goroutine remains, and time does not move
		// if no timer does.
		before := concurrent.Bubbled()
		a := new(ratelimit.Adaptive)
		l := ownLimiter(t, a, 2)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if l.Wait(t.Context(), ratelimit.WaitOptions{}) == nil {
					l.Done(accepted)
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		require.Equal(t, before, concurrent.Bubbled())
	})
}

func TestAdaptive_isSafeForManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(ratelimit.Adaptive)
		codes := []string{
			"RequestLimitExceeded", "", "RequestLimitExceeded.UinLimitExceeded",
			"RequestLimitExceeded.IPLimitExceeded", "RequestLimitExceeded.GlobalRegionUinLimitExceeded",
		}
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				for j := range 50 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+i*j%700)*time.Millisecond)
					l := a.ForKey(ratelimit.Key{Host: fmt.Sprint(i % 2), Action: fmt.Sprint(j % 3), Credential: fmt.Sprint(i % 3)})
					if l.Wait(ctx, ratelimit.WaitOptions{AfterThrottle: j%4 == 0, NotAfter: time.Now().Add(time.Second)}) == nil {
						time.Sleep(time.Duration(i) * time.Millisecond)
						r := accepted
						if (i+j)%7 == 0 {
							r = ratelimit.Result{Verdict: ratelimit.Throttled, Code: codes[(i+j)%5], Limit: 20, Count: 21 + j%9}
						}
						l.Done(r)
					}
					cancel()
					a.States()
				}
			})
		}
		wg.Wait()
		for _, state := range a.States() {
			require.Zero(t, state.Waiting)
			require.Zero(t, state.InFlight)
		}
	})
}
