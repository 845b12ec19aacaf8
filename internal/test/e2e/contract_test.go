package e2e_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tctest"
	"github.com/tcretry/tcretry/tctest/conformance"
)

func TestRoundTripperContract(t *testing.T) {
	conformance.TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper { return tcretry.New(base) })
}

func TestRoundTripperContractWithEveryOption(t *testing.T) {
	conformance.TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper {
		return tcretry.New(base, tcretry.WithAttemptTimeout(time.Hour), tcretry.WithPolicy(probe.Exact()),
			tcretry.WithHooks(new(lockedEvents).hooks()), tcretry.WithMaxPeekBytes(1<<20), tcretry.WithMaxReplayBytes(1<<20),
			tcretry.WithClassifier(tcretry.DefaultClassifier()))
	})
}

// lockedEvents counts the events of hooks, from many goroutines.
type lockedEvents struct{ attempts, retries, done atomic.Int64 }

func (l *lockedEvents) hooks() tcretry.Hooks {
	return tcretry.Hooks{
		AttemptDone:    func(context.Context, tcretry.AttemptInfo) { l.attempts.Add(1) },
		RetryScheduled: func(context.Context, tcretry.RetryInfo) { l.retries.Add(1) },
		CallDone:       func(context.Context, tcretry.CallInfo) { l.done.Add(1) },
	}
}

// flaky is a server that fails every first, third … request, and counts its
// connections.
func flaky(t *testing.T) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var requests atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		if requests.Add(1)%2 == 1 {
			_, _ = io.WriteString(w, `{"Response":{"Error":{"Code":"InternalError","Message":"m"},"RequestId":"r"}}`)
			return
		}
		_, _ = io.WriteString(w, `{"Response":{"RequestId":"r"}}`)
	}))
	t.Cleanup(srv.Close)
	return srv, &requests
}

func TestFiftyRetriedCallsUseOneConnectionAndLeaveNoGoroutine(t *testing.T) {
	srv, requests := flaky(t)
	base := &http.Transport{}
	client := &http.Client{Transport: tcretry.New(base, tcretry.WithPolicy(probe.Quick()))}
	others := goleak.IgnoreCurrent()
	connections := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		if !i.Reused {
			connections++
		}
	}})
	for range 50 {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL, strings.NewReader(`{}`))
		require.NoError(t, err)
		req.Header.Set("X-TC-Action", "RunInstances")
		resp, err := client.Do(req)
		require.NoError(t, err)
		require.NoError(t, tcretry.CheckResponse(resp))
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	require.EqualValues(t, 100, requests.Load())
	require.Equal(t, 1, connections)
	client.CloseIdleConnections()
	goleak.VerifyNone(t, others)
}

func TestTheCallersTraceSeesEveryAttempt(t *testing.T) {
	srv, _ := flaky(t)
	wrote := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{WroteHeaders: func() { wrote++ }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL, nil)
	require.NoError(t, err)
	req.Header.Set("X-TC-Action", "RunInstances")
	resp, err := tcretry.New(nil, tcretry.WithPolicy(probe.Quick())).RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 2, wrote)
	require.Same(t, req, resp.Request)
}

func TestTheClientsTimeoutBoundsAllAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := probe.Always(tctest.Delay(2*time.Second, tctest.Fail("InternalError", "")))
		client := &http.Client{Transport: tcretry.New(api, tcretry.WithPolicy(probe.Exact())), Timeout: 7 * time.Second}
		start := time.Now()
		req := probe.SDKRequest(t, "DescribeInstances", nil)
		resp, err := client.Do(req)
		// Two attempts of 2 s and a delay of 1 s; the next attempt would start
		// at 7 s, when the time is over.
		require.NoError(t, err)
		probe.RequireCode(t, "InternalError", tcretry.CheckResponse(resp))
		require.Equal(t, 5*time.Second, time.Since(start))
		require.Len(t, api.Recorded(), 2)
		require.NoError(t, resp.Body.Close())
		time.Sleep(time.Minute)
	})
}

// limiterFunc is a rate limiter for one key whose Wait is the function.
type limiterFunc func(context.Context) error

func (f limiterFunc) ForKey(ratelimit.Key) ratelimit.KeyLimiter { return f }

func (f limiterFunc) Wait(ctx context.Context, _ ratelimit.WaitOptions) error { return f(ctx) }

func (f limiterFunc) Done(ratelimit.Result) {}

func (f limiterFunc) Accepted() uint64 { return 0 }

func TestASlotThatIsTooLateReturnsTheLastResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := 0
		limiter := limiterFunc(func(context.Context) error {
			if turns++; turns == 2 {
				return ratelimit.ErrTooLate
			}
			return nil
		})
		var events probe.Events
		rt := tcretry.New(probe.Always(tctest.Throttle()), tcretry.WithRateLimiter(limiter), tcretry.WithHooks(events.Hooks()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil).WithContext(ctx))
		require.NoError(t, err)
		probe.RequireCode(t, "RequestLimitExceeded", tcretry.CheckResponse(resp))
		require.Equal(t, tcretry.StopDeadlineExceeded, events.Done[0].Reason)

		turns = 1
		_, err = rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil).WithContext(ctx))
		require.ErrorIs(t, err, ratelimit.ErrTooLate, "without an answer it is an error")
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// Neither a gateway's page nor a response that was cut short is peeked at to its
// end; while its connection is free for others, the caller can still have it.
func TestASlotThatIsTooLateReturnsAResponseThatWasNotPeekedAt(t *testing.T) {
	for name, reply := range map[string]tctest.Reply{
		"a page":                tctest.GatewayError(http.StatusBadGateway),
		"a page without length": tctest.Chunked(tctest.GatewayError(http.StatusBadGateway)),
		"an answer cut short":   tctest.Truncate(20, tctest.OK(nil)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				turns := 0
				limiter := limiterFunc(func(context.Context) error {
					if turns++; turns == 2 {
						return ratelimit.ErrTooLate
					}
					return nil
				})
				want, err := probe.Always(reply).RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
				require.NoError(t, err)
				body, end := io.ReadAll(want.Body)

				rt := tcretry.New(probe.Always(reply), tcretry.WithRateLimiter(limiter))
				resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
				require.NoError(t, err)
				require.Equal(t, want.StatusCode, resp.StatusCode)
				got, err := io.ReadAll(resp.Body)
				require.Equal(t, end, err)
				require.Len(t, got, len(body))
				require.NoError(t, resp.Body.Close())
			})
		})
	}
}

// The rate limiter's refusal does not hide the error of the attempt before it; it is
// the call's error if that attempt had a response, which was too long to keep.
func TestASlotThatIsTooLateAfterTheOnlyAttemptKeepsItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := 0
		limiter := limiterFunc(func(context.Context) error {
			if turns++; turns%2 == 0 {
				return ratelimit.ErrTooLate
			}
			return nil
		})
		lost := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })
		_, err := tcretry.New(lost, tcretry.WithRateLimiter(limiter)).RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
		require.Equal(t, &tcretry.Error{
			Reason: tcretry.StopMaxElapsed, Attempts: 1, Action: "DescribeInstances", OutcomeUnknown: true, Err: io.ErrUnexpectedEOF,
		}, err)

		long := probe.Always(tctest.Status(http.StatusBadGateway, strings.Repeat("x", 1<<20)))
		slow := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
			read, _ := io.Pipe()
			return &http.Response{StatusCode: http.StatusBadGateway, Header: http.Header{"Content-Type": {"text/html"}}, Body: read}, nil
		})
		for _, base := range []http.RoundTripper{long, slow} {
			_, err = tcretry.New(base, tcretry.WithRateLimiter(limiter)).RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
			require.Equal(t, &tcretry.Error{
				Reason: tcretry.StopMaxElapsed, Attempts: 1, Action: "DescribeInstances", OutcomeUnknown: true, Err: ratelimit.ErrTooLate,
			}, err)
		}
	})
}

// A page that is not peeked at keeps its body open: whether its call is paced or
// not, it is closed once before the next attempt.
func TestThePageOfAThrottledAttemptIsClosedBeforeTheNextAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pages []*probe.CloseCounter
		base := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
			for _, page := range pages {
				require.Equal(t, 1, page.Closed)
			}
			pages = append(pages, &probe.CloseCounter{Reader: strings.NewReader("<html>")})
			return &http.Response{
				StatusCode: http.StatusTooManyRequests, Header: http.Header{"Content-Type": {"text/html"}}, Body: pages[len(pages)-1],
			}, nil
		})
		resp, err := tcretry.New(base).RoundTrip(probe.SDKRequest(t, "RunInstances", nil))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Greater(t, len(pages), 4)
	})
}

// panicking is an underlying RoundTripper with a bug.
type panicking struct{}

func (panicking) RoundTrip(*http.Request) (*http.Response, error) { panic("a bug in the base") }

func TestAPanicOfTheUnderlyingRoundTripperLeavesTheQueue(t *testing.T) {
	limiter := &countingPacer{}
	rt := tcretry.New(panicking{}, tcretry.WithRateLimiter(limiter))
	require.Panics(t, func() { _, _ = rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil)) })
	require.Equal(t, 1, limiter.done)
}

type countingPacer struct{ done int }

func (p *countingPacer) ForKey(ratelimit.Key) ratelimit.KeyLimiter { return p }

func (p *countingPacer) Wait(context.Context, ratelimit.WaitOptions) error { return nil }

func (p *countingPacer) Done(ratelimit.Result) { p.done++ }

func (p *countingPacer) Accepted() uint64 { return 0 }

func TestAThousandGoroutinesShareATransport(t *testing.T) {
	srv, _ := flaky(t)
	var events lockedEvents
	base := &http.Transport{MaxIdleConnsPerHost: 50, MaxConnsPerHost: 50}
	rt := tcretry.New(base, tcretry.WithPolicy(probe.Quick()), tcretry.WithHooks(events.hooks()), tcretry.WithoutBudget())
	defer rt.CloseIdleConnections()
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			text := []byte(strings.Repeat("y", i))
			req, err := http.NewRequest(http.MethodPost, srv.URL, io.NopCloser(bytes.NewReader(text)))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("X-TC-Action", "RunInstances")
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		})
		if i%100 == 50 {
			require.NoError(t, rt.SetPolicy(probe.Quick()))
		}
	}
	wg.Wait()
	require.EqualValues(t, 1000, events.done.Load())
	require.Equal(t, events.attempts.Load(), 1000+events.retries.Load())
}
