package tcretry_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

func TestAdaptivePacerEndsAWaitWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(tcretry.AdaptivePacer)
		lane := ownLane(t, p, 2)
		cause := errors.New("the user went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := waitAsync(ctx, lane, tcretry.Turn{})
		start := time.Now()
		stays := waitAsync(t.Context(), lane, tcretry.Turn{})
		cancel(cause)
		require.Equal(t, answer{cause, time.Now()}, <-gone)
		require.Equal(t, cause, lane.Wait(ctx, tcretry.Turn{}), "one that has ended already")
		require.Equal(t, 1, p.Paces()[0].Waiting)
		require.WithinDuration(t, start.Add(round), (<-stays).at, 2*time.Millisecond)
	})
}

func TestAdaptivePacerGivesTheTurnOfACanceledCallToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lane := ownLane(t, new(tcretry.AdaptivePacer), 1)
		start := time.Now()
		// The turn and the end of the context come in the same moment, or nearly.
		for d := -50 * time.Microsecond; d <= 50*time.Microsecond; d += time.Microsecond {
			ctx, cancel := context.WithTimeout(t.Context(), round+d)
			defer cancel()
			waitAsync(ctx, lane, tcretry.Turn{})
		}
		stays := waitAsync(t.Context(), lane, tcretry.Turn{})
		require.WithinDuration(t, start.Add(round), (<-stays).at, time.Second+20*time.Millisecond)
	})
}

func TestAdaptivePacerSurvivesThousandsOfCallsThatAreCanceledAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(tcretry.AdaptivePacer)
		lane := ownLane(t, p, 20)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 5000 {
			wg.Go(func() {
				if lane.Wait(ctx, tcretry.Turn{Again: i%2 == 0}) == nil {
					lane.Done(accepted)
				}
			})
		}
		time.Sleep(1500 * time.Millisecond)
		start := time.Now()
		cancel()
		wg.Wait()
		require.Equal(t, start, time.Now())
		pace := p.Paces()[0]
		require.Zero(t, pace.Waiting)
		require.Zero(t, pace.InFlight)
		require.NoError(t, lane.Wait(t.Context(), tcretry.Turn{}), "the lane goes on")
	})
}

func TestAdaptivePacerLeavesNothingBehindAfterTheLastCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// A bubble ends in a panic if a goroutine remains, and time does not move
		// if no timer does.
		before := bubbled()
		p := new(tcretry.AdaptivePacer)
		lane := ownLane(t, p, 2)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if lane.Wait(t.Context(), tcretry.Turn{}) == nil {
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
		p := new(tcretry.AdaptivePacer)
		codes := []string{
			"RequestLimitExceeded", "", "RequestLimitExceeded.UinLimitExceeded",
			"RequestLimitExceeded.IPLimitExceeded", "RequestLimitExceeded.GlobalRegionUinLimitExceeded",
		}
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				for j := range 50 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+i*j%700)*time.Millisecond)
					lane := p.Lane(tcretry.PaceKey{Host: fmt.Sprint(i % 2), Action: fmt.Sprint(j % 3), Credential: fmt.Sprint(i % 3)})
					if lane.Wait(ctx, tcretry.Turn{Again: j%4 == 0, Latest: time.Now().Add(time.Second)}) == nil {
						time.Sleep(time.Duration(i) * time.Millisecond)
						r := accepted
						if (i+j)%7 == 0 {
							r = tcretry.PaceResult{Verdict: tcretry.PaceRejected, Code: codes[(i+j)%5], Limit: 20, Count: 21 + j%9}
						}
						lane.Done(r)
					}
					cancel()
					p.Paces()
				}
			})
		}
		wg.Wait()
		for _, pace := range p.Paces() {
			require.Zero(t, pace.Waiting)
			require.Zero(t, pace.InFlight)
		}
	})
}
