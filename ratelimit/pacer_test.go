package ratelimit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/ratelimit"
)

var paceKey = ratelimit.Key{Host: "cvm.tencentcloudapi.com", Action: "DescribeInstances", Credential: "AKIDsecret"}

var accepted = ratelimit.Result{Verdict: ratelimit.Accepted}

// over is a rejection: count attempts where limit a second are allowed.
func over(count, limit int) ratelimit.Result {
	return ratelimit.Result{
		Verdict: ratelimit.Throttled, Code: "RequestLimitExceeded", Count: count, Limit: limit,
	}
}

// begin starts n attempts that need not wait.
func begin(t *testing.T, lane ratelimit.KeyLimiter, n int) {
	t.Helper()
	start := time.Now()
	for range n {
		require.NoError(t, lane.Wait(t.Context(), ratelimit.WaitOptions{}))
	}
	require.Zero(t, time.Since(start))
}

func done(lane ratelimit.KeyLimiter, n int, r ratelimit.Result) {
	for range n {
		lane.Done(r)
	}
}

type answer struct {
	err error
	at  time.Time
}

// waitAsync waits in a goroutine of its own; the answer comes over the channel.
func waitAsync(ctx context.Context, lane ratelimit.KeyLimiter, turn ratelimit.WaitOptions) <-chan answer {
	ch := make(chan answer, 1)
	go func() {
		err := lane.Wait(ctx, turn)
		ch <- answer{err, time.Now()}
	}()
	synctest.Wait()
	return ch
}

// ownLane returns a lane that has learnt a quota of limit a second, has used it
// up just now, and has nothing in flight.
func ownLimiter(t *testing.T, p ratelimit.Limiter, limit int) ratelimit.KeyLimiter {
	t.Helper()
	lane := p.ForKey(paceKey)
	begin(t, lane, limit+1)
	done(lane, limit, accepted)
	lane.Done(over(limit+1, limit))
	return lane
}

// round is the least time from one attempt to the one a quota later, with the
// guard that a lane has at first.
const round = time.Second + 8*time.Millisecond

func TestAdaptivePacerLetsEverythingStartUntilTheFirstRejection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(ratelimit.Adaptive)
		lane := p.ForKey(paceKey)
		begin(t, lane, 10_000)
		done(lane, 10_000, accepted)
		lane.Done(ratelimit.Result{}) // tells nothing
		require.Equal(t, []ratelimit.State{{Host: paceKey.Host, Action: paceKey.Action}}, p.States())
	})
}

func TestAdaptivePacerServesWaitingCallsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(ratelimit.Adaptive)
		lane := ownLimiter(t, p, 2)
		start := time.Now()
		var waiting []<-chan answer
		for range 5 {
			waiting = append(waiting, waitAsync(t.Context(), lane, ratelimit.WaitOptions{}))
		}
		paces := p.States()
		require.Equal(t, 5, paces[0].Waiting)
		require.Equal(t, ratelimit.Own, paces[0].Mode)
		require.Equal(t, 2, paces[0].Limit)
		last := start
		for i, ch := range waiting {
			got := <-ch
			require.NoError(t, got.err)
			require.False(t, got.at.Before(last), "call %d", i)
			last = got.at
			lane.Done(accepted)
		}
		require.Greater(t, last.Sub(start), round, "some may probe for a raised limit")
	})
}

func TestAdaptivePacerPutsARejectedCallAheadOfTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lane := ownLimiter(t, new(ratelimit.Adaptive), 1)
		other := waitAsync(t.Context(), lane, ratelimit.WaitOptions{})
		again := waitAsync(t.Context(), lane, ratelimit.WaitOptions{AfterThrottle: true})
		later := waitAsync(t.Context(), lane, ratelimit.WaitOptions{AfterThrottle: true})
		var got []time.Time
		for _, ch := range []<-chan answer{again, later, other} {
			a := <-ch
			require.NoError(t, a.err)
			lane.Done(accepted)
			got = append(got, a.at)
		}
		require.False(t, got[1].Before(got[0]), "of those that were rejected the first one first")
		require.False(t, got[2].Before(got[1]))
		require.True(t, got[0].Before(got[2]))
	})
}

func TestAdaptivePacerRefusesACallOnlyIfTheWholeLimitComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lane := ownLimiter(t, new(ratelimit.Adaptive), 2)
		now := time.Now()
		require.Equal(t, ratelimit.ErrTooLate, lane.Wait(t.Context(), ratelimit.WaitOptions{NotAfter: now.Add(-1)}))
		for range 6 {
			waitAsync(t.Context(), lane, ratelimit.WaitOptions{})
		}
		late := waitAsync(t.Context(), lane, ratelimit.WaitOptions{NotAfter: now.Add(2900 * time.Millisecond)})
		require.Equal(t, answer{ratelimit.ErrTooLate, now}, <-late, "six go ahead, two per second")
		requireWaiting(t, waitAsync(t.Context(), lane, ratelimit.WaitOptions{NotAfter: now.Add(3001 * time.Millisecond)}))
	})
}

func TestAdaptivePacerRefusesNobodyForARateThatWasCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lane := new(ratelimit.Adaptive).ForKey(paceKey)
		begin(t, lane, 1)
		lane.Done(over(200, 10))
		var waiting []<-chan answer
		for range 50 { // 5 s of the limit, and hundreds of the rate that is left
			waiting = append(waiting, waitAsync(t.Context(), lane, ratelimit.WaitOptions{NotAfter: time.Now().Add(15 * time.Second)}))
		}
		for _, ch := range waiting {
			require.NoError(t, (<-ch).err)
			lane.Done(accepted)
		}
	})
}

func TestAdaptivePacerRefusesAWaitingCallOnceTheLimitIsTooLowForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lane := ownLimiter(t, new(ratelimit.Adaptive), 2)
		turn := ratelimit.WaitOptions{NotAfter: time.Now().Add(2400 * time.Millisecond)}
		begun := waitAsync(t.Context(), lane, turn)
		var waiting []<-chan answer
		for range 4 {
			waiting = append(waiting, waitAsync(t.Context(), lane, turn))
		}
		require.NoError(t, (<-begun).err)
		lane.Done(over(30, 1))
		require.Equal(t, answer{ratelimit.ErrTooLate, time.Now()}, <-waiting[3], "one per second, and two go ahead")
		requireWaiting(t, waiting[2])
	})
}

func requireWaiting(t *testing.T, ch <-chan answer) {
	t.Helper()
	synctest.Wait()
	require.Empty(t, ch, "the call was to wait")
}

func TestAdaptivePacerNeverStartsAnAttemptAfterItsLatestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &ratelimit.Adaptive{SlowStart: true}
		lane := p.ForKey(paceKey)
		begin(t, lane, 10)
		latest := time.Now().Add(time.Second)
		ch := waitAsync(t.Context(), lane, ratelimit.WaitOptions{NotAfter: latest})
		require.Equal(t, answer{ratelimit.ErrTooLate, latest.Add(1)}, <-ch, "only answers could tell, and none came")
	})
}

func TestAdaptivePacerStartsSlowlyIfAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &ratelimit.Adaptive{SlowStart: true}
		lane := p.ForKey(paceKey)
		begin(t, lane, 10)
		eleventh := waitAsync(t.Context(), lane, ratelimit.WaitOptions{})
		twelfth := waitAsync(t.Context(), lane, ratelimit.WaitOptions{})
		requireWaiting(t, eleventh)
		lane.Done(accepted)
		require.NoError(t, (<-eleventh).err)
		requireWaiting(t, twelfth)
		lane.Done(accepted) // the second one makes room for two
		require.NoError(t, (<-twelfth).err)
		begin(t, lane, 1)
		requireWaiting(t, waitAsync(t.Context(), lane, ratelimit.WaitOptions{}))
		done(lane, 1, ratelimit.Result{})
	})
}

func TestAdaptivePacerKeepsKeysApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(ratelimit.Adaptive)
		ownLimiter(t, p, 1)
		for _, key := range []ratelimit.Key{
			{Host: "other", Action: paceKey.Action, Credential: paceKey.Credential},
			{Host: paceKey.Host, Action: "other", Credential: paceKey.Credential},
			{Host: paceKey.Host, Action: paceKey.Action, Credential: "other"},
		} {
			begin(t, p.ForKey(key), 100)
		}
		require.Equal(t, p.ForKey(paceKey), p.ForKey(paceKey))
	})
}

func TestAdaptivePacerShowsNoCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(ratelimit.Adaptive)
		ownLimiter(t, p, 20)
		begin(t, p.ForKey(ratelimit.Key{Host: "a"}), 1)
		paces := p.States()
		require.Equal(t, "a", paces[0].Host)
		require.Equal(t, ratelimit.State{
			Host: paceKey.Host, Action: paceKey.Action, Mode: ratelimit.Own, Limit: 20,
			Rate: 20 / round.Seconds(),
		}, paces[1])
		require.NotContains(t, fmt.Sprintf("%+v", paces), paceKey.Credential)
	})
}

func TestADebugPageInJSONHasNamesForModesAndReasons(t *testing.T) {
	page, err := json.Marshal(map[string]any{"mode": ratelimit.State{Mode: ratelimit.Shared}.Mode, "reason": tcretry.StopBudgetExhausted})
	require.NoError(t, err)
	require.JSONEq(t, `{"mode": "shared", "reason": "budget"}`, string(page))
}

func TestPaceModesHaveNames(t *testing.T) {
	require.Equal(t, "open own shared shared",
		fmt.Sprint(ratelimit.Open, " ", ratelimit.Own, " ", ratelimit.Shared, " ", ratelimit.Mode(9)))
}

func TestAdaptivePacerForgetsIdleKeysButNotThoseInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(ratelimit.Adaptive)
		lane := ownLimiter(t, p, 1)
		waits := waitAsync(t.Context(), lane, ratelimit.WaitOptions{})
		busy := p.ForKey(ratelimit.Key{Action: "busy"})
		begin(t, busy, 1)
		for i := range 30_000 {
			storm := p.ForKey(ratelimit.Key{Action: fmt.Sprint(i)})
			begin(t, storm, 1)
			storm.Done(accepted)
		}
		require.Less(t, len(p.States()), 3000)
		require.Equal(t, lane, p.ForKey(paceKey))
		require.Equal(t, busy, p.ForKey(ratelimit.Key{Action: "busy"}))
		require.NoError(t, (<-waits).err)
	})
}

func TestAdaptivePacerPacesALaneTogetherThatWasForgottenInBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(ratelimit.Adaptive)
		old := p.ForKey(paceKey)
		for i := range 5000 {
			p.ForKey(ratelimit.Key{Action: fmt.Sprint(i)})
		}
		ownLimiter(t, p, 2)
		requireWaiting(t, waitAsync(t.Context(), old, ratelimit.WaitOptions{}))
		require.Equal(t, 1, strings.Count(fmt.Sprint(p.States()), paceKey.Action))
	})
}
