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

var testKey = ratelimit.Key{Host: "cvm.tencentcloudapi.com", Action: "DescribeInstances", Credential: "AKIDsecret"}

var accepted = ratelimit.Result{Verdict: ratelimit.Accepted}

// over is a throttling response: count attempts where limit per second are allowed.
func over(count, limit int) ratelimit.Result {
	return ratelimit.Result{
		Verdict: ratelimit.Throttled, Code: "RequestLimitExceeded", Count: count, Limit: limit,
	}
}

// begin starts n attempts that need not wait.
func begin(t *testing.T, l ratelimit.KeyLimiter, n int) {
	t.Helper()
	start := time.Now()
	for range n {
		require.NoError(t, l.Wait(t.Context(), ratelimit.WaitOptions{}))
	}
	require.Zero(t, time.Since(start))
}

func done(l ratelimit.KeyLimiter, n int, r ratelimit.Result) {
	for range n {
		l.Done(r)
	}
}

type outcome struct {
	err error
	at  time.Time
}

// waitAsync waits in a goroutine of its own, and sends the outcome to the channel.
func waitAsync(ctx context.Context, l ratelimit.KeyLimiter, o ratelimit.WaitOptions) <-chan outcome {
	ch := make(chan outcome, 1)
	go func() {
		err := l.Wait(ctx, o)
		ch <- outcome{err, time.Now()}
	}()
	synctest.Wait()
	return ch
}

// ownLimiter returns the limiter of a key that has learned its limit, has just used it
// up, and has nothing in flight.
func ownLimiter(t *testing.T, a ratelimit.Limiter, limit int) ratelimit.KeyLimiter {
	t.Helper()
	l := a.ForKey(testKey)
	begin(t, l, limit+1)
	done(l, limit, accepted)
	l.Done(over(limit+1, limit))
	return l
}

// round is the least time from one attempt to the one after the whole limit, with the
// guard that a key has at first.
const round = time.Second + 8*time.Millisecond

func TestAdaptive_delaysNothingBeforeTheFirstThrottlingResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(ratelimit.Adaptive)
		l := a.ForKey(testKey)
		begin(t, l, 10_000)
		done(l, 10_000, accepted)
		l.Done(ratelimit.Result{}) // without evidence
		require.Equal(t, []ratelimit.State{{Host: testKey.Host, Action: testKey.Action}}, a.States())
	})
}

func TestAdaptive_servesWaitingCallsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(ratelimit.Adaptive)
		l := ownLimiter(t, a, 2)
		start := time.Now()
		var waiting []<-chan outcome
		for range 5 {
			waiting = append(waiting, waitAsync(t.Context(), l, ratelimit.WaitOptions{}))
		}
		states := a.States()
		require.Equal(t, 5, states[0].Waiting)
		require.Equal(t, ratelimit.Own, states[0].Mode)
		require.Equal(t, 2, states[0].Limit)
		last := start
		for i, ch := range waiting {
			got := <-ch
			require.NoError(t, got.err)
			require.False(t, got.at.Before(last), "call %d", i)
			last = got.at
			l.Done(accepted)
		}
		require.Greater(t, last.Sub(start), round, "some may probe for a raised limit")
	})
}

func TestAdaptive_putsAThrottledCallAtTheHeadOfTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ownLimiter(t, new(ratelimit.Adaptive), 1)
		other := waitAsync(t.Context(), l, ratelimit.WaitOptions{})
		first := waitAsync(t.Context(), l, ratelimit.WaitOptions{AfterThrottle: true})
		later := waitAsync(t.Context(), l, ratelimit.WaitOptions{AfterThrottle: true})
		var got []time.Time
		for _, ch := range []<-chan outcome{first, later, other} {
			a := <-ch
			require.NoError(t, a.err)
			l.Done(accepted)
			got = append(got, a.at)
		}
		require.False(t, got[1].Before(got[0]), "of the throttled ones the first one first")
		require.False(t, got[2].Before(got[1]))
		require.True(t, got[0].Before(got[2]))
	})
}

func TestAdaptive_failsACallOnlyIfTheWholeLimitComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ownLimiter(t, new(ratelimit.Adaptive), 2)
		now := time.Now()
		require.Equal(t, ratelimit.ErrTooLate, l.Wait(t.Context(), ratelimit.WaitOptions{NotAfter: now.Add(-1)}))
		for range 6 {
			waitAsync(t.Context(), l, ratelimit.WaitOptions{})
		}
		late := waitAsync(t.Context(), l, ratelimit.WaitOptions{NotAfter: now.Add(2900 * time.Millisecond)})
		require.Equal(t, outcome{ratelimit.ErrTooLate, now}, <-late, "six go ahead, two per second")
		requireWaiting(t, waitAsync(t.Context(), l, ratelimit.WaitOptions{NotAfter: now.Add(3001 * time.Millisecond)}))
	})
}

func TestAdaptive_failsNoCallForARateThatWasCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(ratelimit.Adaptive).ForKey(testKey)
		begin(t, l, 1)
		l.Done(over(200, 10))
		var waiting []<-chan outcome
		for range 50 { // 5 s of the limit, and hundreds of the rate that is left
			waiting = append(waiting, waitAsync(t.Context(), l, ratelimit.WaitOptions{NotAfter: time.Now().Add(15 * time.Second)}))
		}
		for _, ch := range waiting {
			require.NoError(t, (<-ch).err)
			l.Done(accepted)
		}
	})
}

func TestAdaptive_failsAWaitingCallOnceTheLimitIsTooLow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ownLimiter(t, new(ratelimit.Adaptive), 2)
		o := ratelimit.WaitOptions{NotAfter: time.Now().Add(2400 * time.Millisecond)}
		started := waitAsync(t.Context(), l, o)
		var waiting []<-chan outcome
		for range 4 {
			waiting = append(waiting, waitAsync(t.Context(), l, o))
		}
		require.NoError(t, (<-started).err)
		l.Done(over(30, 1))
		require.Equal(t, outcome{ratelimit.ErrTooLate, time.Now()}, <-waiting[3], "one per second, and two go ahead")
		requireWaiting(t, waiting[2])
	})
}

func requireWaiting(t *testing.T, ch <-chan outcome) {
	t.Helper()
	synctest.Wait()
	require.Empty(t, ch, "the call was to wait")
}

func TestAdaptive_startsNoAttemptAfterNotAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &ratelimit.Adaptive{SlowStart: true}
		l := a.ForKey(testKey)
		begin(t, l, 10)
		latest := time.Now().Add(time.Second)
		ch := waitAsync(t.Context(), l, ratelimit.WaitOptions{NotAfter: latest})
		require.Equal(t, outcome{ratelimit.ErrTooLate, latest.Add(1)}, <-ch, "only a response could change it, and none came")
	})
}

func TestAdaptive_startsSlowlyWithSlowStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &ratelimit.Adaptive{SlowStart: true}
		l := a.ForKey(testKey)
		begin(t, l, 10)
		eleventh := waitAsync(t.Context(), l, ratelimit.WaitOptions{})
		twelfth := waitAsync(t.Context(), l, ratelimit.WaitOptions{})
		requireWaiting(t, eleventh)
		l.Done(accepted)
		require.NoError(t, (<-eleventh).err)
		requireWaiting(t, twelfth)
		l.Done(accepted) // the second one makes room for two
		require.NoError(t, (<-twelfth).err)
		begin(t, l, 1)
		requireWaiting(t, waitAsync(t.Context(), l, ratelimit.WaitOptions{}))
		done(l, 1, ratelimit.Result{})
	})
}

func TestAdaptive_keepsKeysApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(ratelimit.Adaptive)
		ownLimiter(t, a, 1)
		for _, key := range []ratelimit.Key{
			{Host: "other", Action: testKey.Action, Credential: testKey.Credential},
			{Host: testKey.Host, Action: "other", Credential: testKey.Credential},
			{Host: testKey.Host, Action: testKey.Action, Credential: "other"},
		} {
			begin(t, a.ForKey(key), 100)
		}
		require.Equal(t, a.ForKey(testKey), a.ForKey(testKey))
	})
}

func TestAdaptive_showsNoCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(ratelimit.Adaptive)
		ownLimiter(t, a, 20)
		begin(t, a.ForKey(ratelimit.Key{Host: "a"}), 1)
		states := a.States()
		require.Equal(t, "a", states[0].Host)
		require.Equal(t, ratelimit.State{
			Host: testKey.Host, Action: testKey.Action, Mode: ratelimit.Own, Limit: 20,
			Rate: 20 / round.Seconds(),
		}, states[1])
		require.NotContains(t, fmt.Sprintf("%+v", states), testKey.Credential)
	})
}

func TestADebugPageInJSONHasNamesForModesAndReasons(t *testing.T) {
	page, err := json.Marshal(map[string]any{"mode": ratelimit.State{Mode: ratelimit.Shared}.Mode, "reason": tcretry.StopBudgetExhausted})
	require.NoError(t, err)
	require.JSONEq(t, `{"mode": "shared", "reason": "budget_exhausted"}`, string(page))
}

func TestMode_hasNames(t *testing.T) {
	require.Equal(t, "open own shared shared",
		fmt.Sprint(ratelimit.Open, " ", ratelimit.Own, " ", ratelimit.Shared, " ", ratelimit.Mode(9)))
}

func TestAdaptive_forgetsIdleKeysButNotThoseInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(ratelimit.Adaptive)
		l := ownLimiter(t, a, 1)
		waits := waitAsync(t.Context(), l, ratelimit.WaitOptions{})
		busy := a.ForKey(ratelimit.Key{Action: "busy"})
		begin(t, busy, 1)
		for i := range 30_000 {
			storm := a.ForKey(ratelimit.Key{Action: fmt.Sprint(i)})
			begin(t, storm, 1)
			storm.Done(accepted)
		}
		require.Less(t, len(a.States()), 3000)
		require.Equal(t, l, a.ForKey(testKey))
		require.Equal(t, busy, a.ForKey(ratelimit.Key{Action: "busy"}))
		require.NoError(t, (<-waits).err)
	})
}

func TestAdaptive_limitsAKeyTogetherThatWasForgottenInBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(ratelimit.Adaptive)
		old := a.ForKey(testKey)
		for i := range 5000 {
			a.ForKey(ratelimit.Key{Action: fmt.Sprint(i)})
		}
		ownLimiter(t, a, 2)
		requireWaiting(t, waitAsync(t.Context(), old, ratelimit.WaitOptions{}))
		require.Equal(t, 1, strings.Count(fmt.Sprint(a.States()), testKey.Action))
	})
}
