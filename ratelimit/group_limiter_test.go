package ratelimit_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

const (
	codeUin    = "RequestLimitExceeded.UinLimitExceeded"
	codeIP     = "RequestLimitExceeded.IPLimitExceeded"
	codeGlobal = "RequestLimitExceeded.GlobalRegionUinLimitExceeded"
)

func TestAdaptive_limitsAllKeysThatACodeConcerns(t *testing.T) {
	keys := []ratelimit.Key{
		{Host: "cvm", Action: "A", Credential: "me"},
		{Host: "cvm", Action: "B", Credential: "me"},
		{Host: "vpc", Action: "A", Credential: "me"},
		{Host: "cvm", Action: "A", Credential: "you"},
	}
	cases := []struct {
		code string
		held []bool // by key
	}{
		{"RequestLimitExceeded", []bool{true, false, false, false}},
		{"", []bool{true, false, false, false}},
		{"RequestLimitExceeded.SomethingElse", []bool{true, false, false, false}},
		{codeUin, []bool{true, true, false, false}},
		{codeGlobal, []bool{true, true, true, false}},
		{codeIP, []bool{true, true, true, true}},
	}
	for _, c := range cases {
		t.Run(c.code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := new(ratelimit.Adaptive)
				a.Seed = 1
				l := a.ForKey(keys[0])
				begin(t, l, 21)
				done(l, 20, accepted)
				l.Done(ratelimit.Result{Verdict: ratelimit.Throttled, Code: c.code, Count: 21, Limit: 20})
				for i, key := range keys {
					ch := waitAsync(t.Context(), a.ForKey(key), ratelimit.WaitOptions{})
					synctest.Wait()
					require.Equal(t, c.held[i], len(ch) == 0, "%+v", key)
				}
			})
		})
	}
}

// fixedWindow counts by the seconds since the start, throttled attempts too.
type fixedWindow struct{ window, count int }

// arrive counts an attempt, and returns the count of its window and whether it is accepted.
func (q *fixedWindow) arrive(at time.Duration, limit int) (int, bool) {
	if w := int(at / time.Second); w != q.window {
		q.window, q.count = w, 0
	}
	q.count++
	return q.count, q.count <= limit
}

// crowd runs callers over many keys against one limit that counts them all, and
// returns how long it took, the throttled attempts, and the calls by key.
func crowd(t *testing.T, a *ratelimit.Adaptive, keys, callers, calls int) (time.Duration, int, []int) {
	q := new(fixedWindow)
	start := time.Now()
	var mu sync.Mutex
	throttled, served := 0, make([]int, keys)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			l := a.ForKey(ratelimit.Key{Host: "cvm", Action: fmt.Sprint(i % keys), Credential: "me"})
			for afterThrottle := false; ; {
				if l.Wait(t.Context(), ratelimit.WaitOptions{AfterThrottle: afterThrottle}) != nil {
					return
				}
				mu.Lock()
				n, ok := q.arrive(time.Since(start), 20)
				if calls--; !ok {
					throttled++
					calls++
				}
				left := calls
				mu.Unlock()
				time.Sleep(time.Duration(20+i) * time.Millisecond)
				if afterThrottle = !ok; afterThrottle {
					l.Done(ratelimit.Result{Verdict: ratelimit.Throttled, Code: codeUin, Count: n, Limit: 20})
					continue
				}
				mu.Lock()
				served[i%keys]++
				mu.Unlock()
				l.Done(accepted)
				if left < 0 {
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start), throttled, served
}

func TestAdaptive_sharesAnAccountWideLimitAmongItsKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(ratelimit.Adaptive)
		a.Seed = 1
		took, throttled, served := crowd(t, a, 10, 50, 1000)
		require.Less(t, took, 54*time.Second, "50 seconds of the limit, and the calls after the last")
		require.Less(t, throttled, 100)
		require.Greater(t, jain(served), 0.99)
	})
}

// jain is Jain's index of fairness: 1 if all numbers are equal.
func jain(served []int) float64 {
	var sum, squares float64
	for _, n := range served {
		sum += float64(n)
		squares += float64(n * n)
	}
	return sum * sum / (float64(len(served)) * squares)
}

// accountWide makes a learn that the account may make two attempts per second, from
// the third of three. It returns the limiter of the attempts.
func accountWide(t *testing.T, a *ratelimit.Adaptive) ratelimit.KeyLimiter {
	l := a.ForKey(testKey)
	begin(t, l, 3)
	done(l, 2, accepted)
	l.Done(ratelimit.Result{Verdict: ratelimit.Throttled, Code: codeUin, Count: 3, Limit: 2})
	return l
}

func TestAdaptive_forgetsAnAccountWideLimitAfterAMinuteWithoutThrottling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(ratelimit.Adaptive)
		l := accountWide(t, a)
		require.Equal(t, ratelimit.State{
			Host: testKey.Host, Mode: ratelimit.Own, Limit: 2, Rate: 2 / round.Seconds(),
		}, a.States()[0], "it is listed without an action")
		require.Len(t, a.States(), 2)
		waits := waitAsync(t.Context(), l, ratelimit.WaitOptions{})
		requireWaiting(t, waits)
		require.NoError(t, (<-waits).err)
		l.Done(accepted)
		time.Sleep(time.Minute)
		begin(t, l, 100)
		require.Len(t, a.States(), 1)
	})
}

func TestAdaptive_failsACallThatAnAccountWideLimitMakesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := accountWide(t, new(ratelimit.Adaptive))
		now := time.Now()
		var ahead []<-chan outcome
		for range 2 {
			ahead = append(ahead, waitAsync(t.Context(), l, ratelimit.WaitOptions{}))
		}
		late := ratelimit.WaitOptions{NotAfter: now.Add(900 * time.Millisecond)}
		require.Equal(t, outcome{ratelimit.ErrTooLate, now}, <-waitAsync(t.Context(), l, late))
		for _, ch := range ahead {
			require.NoError(t, (<-ch).err)
			l.Done(accepted)
		}
	})
}

func TestAdaptive_keepsNoPlaceForAKeyWhoseCallsHaveLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(ratelimit.Adaptive)
		l := accountWide(t, a)
		ctx, cancel := context.WithCancel(t.Context())
		gone := waitAsync(ctx, l, ratelimit.WaitOptions{})
		require.Equal(t, 1, a.States()[0].Waiting, "the l waits for the account")
		cancel()
		require.Error(t, (<-gone).err)
		require.Zero(t, a.States()[0].Waiting)
		other := testKey
		other.Action = "Another"
		waitAsync(t.Context(), a.ForKey(other), ratelimit.WaitOptions{})
		synctest.Wait()
		require.NoError(t, (<-waitAsync(t.Context(), l, ratelimit.WaitOptions{})).err, "it gets another place")
	})
}

// Temporary credentials come and go: the limit of one that is not used any more
// must go too.
func TestAdaptive_forgetsTheLimitsOfCredentialsThatAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(ratelimit.Adaptive)
		for i := range 50 {
			l := a.ForKey(ratelimit.Key{Host: "cvm", Action: "A", Credential: fmt.Sprint(i)})
			begin(t, l, 1)
			l.Done(ratelimit.Result{Verdict: ratelimit.Throttled, Code: codeUin, Count: 21, Limit: 20})
			time.Sleep(30 * time.Second)
		}
		groups := 0
		for _, state := range a.States() {
			if state.Action == "" {
				groups++
			}
		}
		require.LessOrEqual(t, groups, 3)
	})
}
