package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/concurrent"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/internal/test/race"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tctest"
)

// What calls that wait owe and are owed when things end, through whole Transports.

// throttled returns an API with a rate limit for DescribeInstances and a Transport that
// has learned it.
func throttled(t *testing.T, perSecond int, opts ...tcretry.Option) (*tctest.API, *tcretry.Transport) {
	api := tctest.NewAPI()
	api.RateLimit("DescribeInstances", perSecond, tctest.FixedWindow)
	rt := tcretry.New(api, opts...)
	crowd := new(sync.WaitGroup)
	for range perSecond + 1 {
		crowd.Go(func() { probe.RoundTrip(t, rt, probe.SDKRequest(t, "DescribeInstances", nil)) })
	}
	crowd.Wait()
	require.Equal(t, ratelimit.Own, rt.RateLimits()[0].Mode)
	return api, rt
}

// describe makes a call and returns the code of its response.
func describe(ctx context.Context, t *testing.T, rt http.RoundTripper) (string, error) {
	resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", strings.NewReader("{}")).WithContext(ctx))
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	if envelope := new(tcretry.APIError); errors.As(tcretry.CheckResponse(resp), &envelope) {
		return envelope.Code, nil
	}
	return "", nil
}

func TestThousandsOfWaitingCallsEndImmediatelyWhenTheyAreCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, rt := throttled(t, 20, tcretry.WithPolicy(tcretry.Policy{MaxElapsed: time.Hour}))
		gone := errors.New("the user went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		var calls sync.WaitGroup
		for range 5000 {
			calls.Go(func() {
				if _, err := describe(ctx, t, rt); err != nil && !errors.Is(err, gone) {
					t.Error(err)
				}
			})
		}
		time.Sleep(2500 * time.Millisecond)
		require.Greater(t, rt.RateLimits()[0].Waiting, 4900)
		now, sent := time.Now(), api.Attempts("")
		cancel(gone)
		calls.Wait()
		require.Equal(t, now, time.Now())
		require.Equal(t, sent, api.Attempts(""), "the end of a call sends nothing")
		require.Zero(t, rt.RateLimits()[0].Waiting)
		require.Zero(t, rt.RateLimits()[0].InFlight)

		_, err := describe(t.Context(), t, rt)
		require.NoError(t, err)
		require.LessOrEqual(t, time.Since(now), 1100*time.Millisecond, "the lane goes on")
	})
}

func TestCallsThatWaitKeepThePolicyThatTheyStartedWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, rt := throttled(t, 20)
		codes := make(chan string, 500)
		for range cap(codes) {
			go func() {
				code, err := describe(t.Context(), t, rt)
				if err != nil {
					code = err.Error()
				}
				codes <- code
			}()
		}
		synctest.Wait()
		for i := range 1000 {
			require.NoError(t, rt.SetPolicy(tcretry.Policy{MaxElapsed: time.Second, MaxAttempts: 1 + i%2}))
			time.Sleep(time.Millisecond)
		}
		_, err := describe(t.Context(), t, rt)
		require.ErrorIs(t, err, ratelimit.ErrTooLate, "a call that starts now may not wait for a second")
		for range cap(codes) {
			require.Empty(t, <-codes)
		}
	})
}

func TestNothingIsLeftAfterTheLastCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := concurrent.Bubbled()
		api, rt := throttled(t, 5)
		api.Script("DescribeInstances", tctest.DropBeforeExecution(), tctest.DropBeforeExecution())
		var calls sync.WaitGroup
		for i := range 40 {
			calls.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+i%2*20)*time.Second)
				defer cancel()
				_, _ = describe(ctx, t, rt)
			})
		}
		calls.Wait()
		synctest.Wait()
		require.Equal(t, before, concurrent.Bubbled())
		for _, pace := range rt.RateLimits() {
			require.Zero(t, pace.Waiting)
			require.Zero(t, pace.InFlight)
		}
		for _, budget := range rt.Budgets() {
			require.Zero(t, budget.Deferred)
		}
	})
}

func TestManyActionsTakeBoundedMemory(t *testing.T) {
	if testing.Short() || race.Enabled {
		t.Skip("hundreds of thousands of attempts")
	}
	p := new(ratelimit.Adaptive)
	storm := func(from, to int) uint64 {
		for i := from; i < to; i++ {
			key := p.ForKey(ratelimit.Key{Host: "cvm.tencentcloudapi.com", Action: strconv.Itoa(i)})
			if err := key.Wait(t.Context(), ratelimit.WaitOptions{}); err != nil {
				t.Fatal(err)
			}
			r := ratelimit.Result{Verdict: ratelimit.Accepted}
			if i%2 == 0 {
				r = ratelimit.Result{Verdict: ratelimit.Throttled, Code: "RequestLimitExceeded", Count: 21, Limit: 20}
			}
			key.Done(r)
		}
		return probe.LiveHeap()
	}
	early := storm(0, 10_000)
	late := storm(10_000, 250_000)
	require.Less(t, late, early+1<<20, "25 times as many take no more")
	require.Less(t, len(p.States()), 2500)
}

func TestAStormOfActionsThroughATransportTakesBoundedMemory(t *testing.T) {
	if testing.Short() || race.Enabled {
		t.Skip("a hundred thousand calls")
	}
	rejected := []byte(`{"Response":{"Error":{"Code":"RequestLimitExceeded","Message":"` +
		"Your current request times equals to `21` in a second, which exceeds the frequency limit `20` for a second." +
		`"},"RequestId":"3c140219-cfe9-470e-b241-907877d6fb03"}}`)
	rt := tcretry.New(probe.MemoryBase(rejected, int64(len(rejected))), tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 1}))
	storm := func(from, to int) uint64 {
		req := probe.SDKRequest(t, "", nil)
		for i := from; i < to; i++ {
			req.Header["X-Tc-Action"] = []string{"Describe" + strconv.Itoa(i)}
			probe.RoundTrip(t, rt, req)
		}
		return probe.LiveHeap()
	}
	early := storm(0, 10_000)
	late := storm(10_000, 100_000)
	require.Less(t, late, early+1<<20, "ten times as many take no more")
	paces := rt.RateLimits()
	require.Less(t, len(paces), 2500)
	require.Equal(t, 20, paces[0].Limit, "the storm was paced")
}

func TestRateLimiterAndBudgetAddNoAllocationToACallWithinTheLimit(t *testing.T) {
	body := probe.Success(4 << 10)
	base := probe.MemoryBase(body, int64(len(body)))
	without := probe.Added(t, base, tcretry.WithoutRateLimiter(), tcretry.WithoutBudget())
	require.Equal(t, without, probe.Added(t, base))
}
