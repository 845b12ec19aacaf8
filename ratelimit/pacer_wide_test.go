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

func TestAdaptivePacerPacesAllThatAnAccountWideCodeConcerns(t *testing.T) {
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
				p := new(ratelimit.Adaptive)
				p.Seed = 1
				lane := p.ForKey(keys[0])
				begin(t, lane, 21)
				done(lane, 20, accepted)
				lane.Done(ratelimit.Result{Verdict: ratelimit.Throttled, Code: c.code, Count: 21, Limit: 20})
				for i, key := range keys {
					ch := waitAsync(t.Context(), p.ForKey(key), ratelimit.WaitOptions{})
					synctest.Wait()
					require.Equal(t, c.held[i], len(ch) == 0, "%+v", key)
				}
			})
		})
	}
}

// fixedWindow counts by the seconds since the start, rejected attempts too.
type fixedWindow struct{ window, count int }

// arrive tells of an attempt, and returns what a rejection says of it and whether
// it is accepted.
func (q *fixedWindow) arrive(at time.Duration, limit int) (int, bool) {
	if w := int(at / time.Second); w != q.window {
		q.window, q.count = w, 0
	}
	q.count++
	return q.count, q.count <= limit
}

// crowd runs callers over many lanes against one quota that counts them all, and
// returns how long it took, the rejected attempts, and the calls by lane.
func crowd(t *testing.T, p *ratelimit.Adaptive, lanes, callers, calls int) (time.Duration, int, []int) {
	q := new(fixedWindow)
	start := time.Now()
	var mu sync.Mutex
	rejected, served := 0, make([]int, lanes)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			lane := p.ForKey(ratelimit.Key{Host: "cvm", Action: fmt.Sprint(i % lanes), Credential: "me"})
			for again := false; ; {
				if lane.Wait(t.Context(), ratelimit.WaitOptions{AfterThrottle: again}) != nil {
					return
				}
				mu.Lock()
				n, ok := q.arrive(time.Since(start), 20)
				if calls--; !ok {
					rejected++
					calls++
				}
				left := calls
				mu.Unlock()
				time.Sleep(time.Duration(20+i) * time.Millisecond)
				if again = !ok; again {
					lane.Done(ratelimit.Result{Verdict: ratelimit.Throttled, Code: codeUin, Count: n, Limit: 20})
					continue
				}
				mu.Lock()
				served[i%lanes]++
				mu.Unlock()
				lane.Done(accepted)
				if left < 0 {
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start), rejected, served
}

func TestAdaptivePacerSharesAnAccountWideQuotaAmongItsLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(ratelimit.Adaptive)
		p.Seed = 1
		took, rejected, served := crowd(t, p, 10, 50, 1000)
		require.Less(t, took, 54*time.Second, "50 seconds of quota, and the calls after the last")
		require.Less(t, rejected, 100)
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

// accountWide makes p learn that the account may make two attempts a second, from
// the third of three. It returns the lane of the attempts.
func accountWide(t *testing.T, p *ratelimit.Adaptive) ratelimit.KeyLimiter {
	lane := p.ForKey(paceKey)
	begin(t, lane, 3)
	done(lane, 2, accepted)
	lane.Done(ratelimit.Result{Verdict: ratelimit.Throttled, Code: codeUin, Count: 3, Limit: 2})
	return lane
}

func TestAdaptivePacerForgetsAnAccountWideQuotaThatRejectsNothingForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(ratelimit.Adaptive)
		lane := accountWide(t, p)
		require.Equal(t, ratelimit.State{
			Host: paceKey.Host, Mode: ratelimit.Own, Limit: 2, Rate: 2 / round.Seconds(),
		}, p.States()[0], "it is listed without an action")
		require.Len(t, p.States(), 2)
		waits := waitAsync(t.Context(), lane, ratelimit.WaitOptions{})
		requireWaiting(t, waits)
		require.NoError(t, (<-waits).err)
		lane.Done(accepted)
		time.Sleep(time.Minute)
		begin(t, lane, 100)
		require.Len(t, p.States(), 1)
	})
}

func TestAdaptivePacerRefusesACallThatAnAccountWideLimitMakesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lane := accountWide(t, new(ratelimit.Adaptive))
		now := time.Now()
		var ahead []<-chan answer
		for range 2 {
			ahead = append(ahead, waitAsync(t.Context(), lane, ratelimit.WaitOptions{}))
		}
		late := ratelimit.WaitOptions{NotAfter: now.Add(900 * time.Millisecond)}
		require.Equal(t, answer{ratelimit.ErrTooLate, now}, <-waitAsync(t.Context(), lane, late))
		for _, ch := range ahead {
			require.NoError(t, (<-ch).err)
			lane.Done(accepted)
		}
	})
}

func TestAdaptivePacerKeepsNoPlaceForALaneWhoseCallsHaveLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(ratelimit.Adaptive)
		lane := accountWide(t, p)
		ctx, cancel := context.WithCancel(t.Context())
		gone := waitAsync(ctx, lane, ratelimit.WaitOptions{})
		require.Equal(t, 1, p.States()[0].Waiting, "the lane waits for the account")
		cancel()
		require.Error(t, (<-gone).err)
		require.Zero(t, p.States()[0].Waiting)
	})
}

// Temporary credentials come and go: the pace of one that is not used any more
// must go too.
func TestThePacesOfCredentialsThatAreGoneAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(ratelimit.Adaptive)
		for i := range 50 {
			lane := p.ForKey(ratelimit.Key{Host: "cvm", Action: "A", Credential: fmt.Sprint(i)})
			begin(t, lane, 1)
			lane.Done(ratelimit.Result{Verdict: ratelimit.Throttled, Code: codeUin, Count: 21, Limit: 20})
			time.Sleep(30 * time.Second)
		}
		wide := 0
		for _, pace := range p.States() {
			if pace.Action == "" {
				wide++
			}
		}
		require.LessOrEqual(t, wide, 3)
	})
}
