package tcretry_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/internal/test/race"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tctest"
)

// tracedBase is a base that is a function.
type tracedBase func(*http.Request) (*http.Response, error)

func (f tracedBase) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestATraceHoldsWhatHooksAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Script("RunInstances", tctest.Delay(50*time.Millisecond, tctest.Fail("InternalError", "again")), tctest.OK(nil))
		var told probe.Events
		rt := tcretry.New(api, tcretry.WithPolicy(probe.Exact()), tcretry.WithHooks(told.Hooks()))
		ctx, trace := tcretry.Trace(t.Context())
		probe.RoundTrip(t, rt, probe.SDKRequest(t, "RunInstances", strings.NewReader(`{}`)).WithContext(ctx))
		require.Equal(t, []tcretry.TracedCall{{Attempts: told.Attempts, Retries: told.Retries, Call: told.Done[0]}}, trace.Calls())
	})
}

func TestATraceNeedsNoHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := probe.Always(tctest.Delay(50*time.Millisecond, tctest.OK(nil)))
		ctx, trace := tcretry.Trace(t.Context())
		probe.RoundTrip(t, tcretry.New(api), probe.SDKRequest(t, "DescribeInstances", nil).WithContext(ctx))
		require.Len(t, trace.Calls()[0].Attempts, 1)
		require.Equal(t, 50*time.Millisecond, trace.Calls()[0].Attempts[0].Duration)
	})
}

// slowPacer lets an attempt start after two seconds.
type slowPacer struct{}

func (p slowPacer) ForKey(ratelimit.Key) ratelimit.KeyLimiter { return p }

func (slowPacer) Accepted() uint64 { return 0 }

func (slowPacer) Done(ratelimit.Result) {}

func (slowPacer) Wait(context.Context, ratelimit.WaitOptions) error {
	time.Sleep(2 * time.Second) // virtual
	return nil
}

func TestATraceShowsTheWaitForThePaceOfTheFirstAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, trace := tcretry.Trace(t.Context())
		rt := tcretry.New(tctest.NewAPI(), tcretry.WithRateLimiter(slowPacer{}))
		probe.RoundTrip(t, rt, probe.SDKRequest(t, "DescribeInstances", nil).WithContext(ctx))
		require.Regexp(t, `success +- +200 +0s +2s +- +-\n`, trace.String())
	})
}

func TestATracePrintsATable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Latency(func() time.Duration { return 12345 * time.Microsecond })
		api.Script("RunInstances", tctest.Throttle(), tctest.Fail("InternalError", "An\tinternal\nerror."), tctest.RefuseConnection())
		api.Script("StopInstances", tctest.Fail("InvalidInstanceId.NotFound", "The instance is not found."))
		policy := with(func(p *tcretry.Policy) { p.MaxAttempts = 3 })
		rt := tcretry.New(api, tcretry.WithPolicy(*policy), tcretry.WithoutRateLimiter())
		ctx, trace := tcretry.Trace(t.Context())
		_, err := rt.RoundTrip(probe.SDKRequest(t, "RunInstances", strings.NewReader(`{}`)).WithContext(ctx))
		require.Error(t, err)
		probe.RoundTrip(t, rt, probe.SDKRequest(t, "StopInstances", nil).WithContext(ctx))
		text := trace.String()
		for _, call := range trace.Calls() {
			for _, a := range call.Attempts {
				if a.RequestID != "" {
					text = strings.ReplaceAll(text, a.RequestID, "an-id"+strings.Repeat("-", len(a.RequestID)-5))
				}
			}
		}
		requireGolden(t, "trace.txt", text)
	})
}

func TestATraceOfACallThatGoesOnSaysSo(t *testing.T) {
	var trace *tcretry.CallTrace
	var text string
	base := tracedBase(func(req *http.Request) (*http.Response, error) {
		text = trace.String()
		return tctest.NewAPI(tctest.Fail("InternalError", "")).RoundTrip(req)
	})
	ctx, trace := tcretry.Trace(t.Context())
	policy := tcretry.Policy{MaxAttempts: 2, Codes: soon.Codes}
	probe.RoundTrip(t, tcretry.New(base, tcretry.WithPolicy(policy)), probe.SDKRequest(t, "RunInstances", nil).WithContext(ctx))
	require.Contains(t, text, "cvm RunInstances ap-guangzhou is in progress\n  attempt")
}

func TestATraceTellsACallThatEndedBeforeItsFirstAttempt(t *testing.T) {
	ctx, trace := tcretry.Trace(tcretry.ContextWithPolicy(t.Context(), tcretry.Policy{MaxAttempts: -1}))
	_, err := tcretry.New(tctest.NewAPI()).RoundTrip(probe.SDKRequest(t, "RunInstances", nil).WithContext(ctx))
	require.Error(t, err)
	require.Equal(t, err, trace.Calls()[0].Call.Err)
	require.Regexp(t, `^cvm RunInstances ap-guangzhou ended \(terminal\) after 0 attempts in .*, waited 0s\n`+
		`  tcretry: policy: MaxAttempts: -1: want 0, which means the default, or more\n$`, trace.String())
}

func TestATraceSaysThatTheOutcomeOfACallIsUnknown(t *testing.T) {
	ctx, trace := tcretry.Trace(t.Context())
	_, err := tcretry.New(tctest.NewAPI(tctest.DropAfterExecution())).RoundTrip(probe.SDKRequest(t, "RunInstances", nil).WithContext(ctx))
	require.ErrorIs(t, err, tcretry.ErrOutcomeUnknown)
	require.True(t, trace.Calls()[0].Call.OutcomeUnknown)
	require.Regexp(t, `^cvm RunInstances ap-guangzhou ended \(not_idempotent\) after 1 attempt in .*, outcome unknown\n`, trace.String())
}

func TestATraceOfARequestThatNamesNoOperationSaysSo(t *testing.T) {
	ctx, trace := tcretry.Trace(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1/", nil)
	require.NoError(t, err)
	rt := tcretry.New(tctest.NewAPI(), tcretry.WithScope(func(*http.Request) bool { return true }))
	probe.RoundTrip(t, rt, req)
	require.Regexp(t, `^a call ended \(success\) after 1 attempt in `, trace.String())
}

func TestATraceOfNoCallSaysSo(t *testing.T) {
	_, trace := tcretry.Trace(t.Context())
	require.Equal(t, "no call was made with this context\n", trace.String())
}

func TestATraceAndAPolicyOfOneContextKeepEachOther(t *testing.T) {
	once := tcretry.Policy{MaxAttempts: 1}
	policyFirst, trace1 := tcretry.Trace(tcretry.ContextWithPolicy(t.Context(), once))
	traceFirst, trace2 := tcretry.Trace(t.Context())
	traceFirst = tcretry.ContextWithPolicy(traceFirst, once)
	for ctx, trace := range map[context.Context]*tcretry.CallTrace{policyFirst: trace1, traceFirst: trace2} {
		rt := tcretry.New(tctest.NewAPI(tctest.Fail("InternalError", "")))
		probe.RoundTrip(t, rt, probe.SDKRequest(t, "DescribeInstances", nil).WithContext(ctx))
		require.Len(t, trace.Calls(), 1)
		require.Equal(t, tcretry.StopMaxAttempts, trace.Calls()[0].Call.Reason)
	}
}

func TestATraceShowsNoAddressOfAnError(t *testing.T) {
	base := tracedBase(func(*http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Get", URL: "https://x/?Signature=secret", Err: errors.New("no\nroute")}
	})
	ctx, trace := tcretry.Trace(t.Context())
	_, err := tcretry.New(base).RoundTrip(probe.SDKRequest(t, "RunInstances", nil).WithContext(ctx))
	require.Error(t, err)
	require.NotContains(t, trace.String(), "secret")
	require.Contains(t, trace.String(), "no route")
}

func TestATraceKeepsTheLast32Calls(t *testing.T) {
	ctx, trace := tcretry.Trace(t.Context())
	rt := tcretry.New(tctest.NewAPI())
	for i := range 40 {
		action := "First"
		if i >= 8 {
			action = "Last"
		}
		probe.RoundTrip(t, rt, probe.SDKRequest(t, action, nil).WithContext(ctx))
	}
	calls := trace.Calls()
	require.Len(t, calls, 32)
	for _, call := range calls {
		require.Equal(t, "Last", call.Call.Action)
	}
	require.True(t, strings.HasPrefix(trace.String(), "8 earlier calls are not kept\n"))
}

func TestATraceKeepsTheLast32AttemptsOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, trace := tcretry.Trace(t.Context())
		policy := tcretry.Policy{MaxAttempts: 40, MaxElapsed: time.Hour, Codes: map[string]tcretry.Rule{"InternalError": {Backoff: soon.Codes["InternalError"].Backoff}}}
		rt := tcretry.New(probe.Always(tctest.Fail("InternalError", "")), tcretry.WithPolicy(policy), tcretry.WithoutBudget())
		probe.RoundTrip(t, rt, probe.SDKRequest(t, "RunInstances", nil).WithContext(ctx))
		call := trace.Calls()[0]
		require.Equal(t, 40, call.Call.Attempts)
		require.Len(t, call.Attempts, 32)
		require.Equal(t, 9, call.Attempts[0].Attempt)
		require.Len(t, call.Retries, 32)
		require.Equal(t, 39, call.Retries[31].Attempt)
	})
}

func TestATraceOfConcurrentCallsKeepsThemApart(t *testing.T) {
	api := tctest.NewAPI()
	api.Default(tctest.Fail("InternalError", ""))
	rt := tcretry.New(api, tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 3, Codes: soon.Codes}), tcretry.WithoutBudget())
	ctx, trace := tcretry.Trace(t.Context())
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			probe.RoundTrip(t, rt, probe.SDKRequest(t, "RunInstances", nil).WithContext(ctx))
			_ = trace.String()
		})
	}
	wg.Wait()
	require.Len(t, trace.Calls(), 20)
	for _, call := range trace.Calls() {
		require.Len(t, call.Attempts, 3)
		require.Equal(t, []int{1, 2, 3}, []int{call.Attempts[0].Attempt, call.Attempts[1].Attempt, call.Attempts[2].Attempt})
		require.Equal(t, tcretry.StopMaxAttempts, call.Call.Reason)
	}
}

// A trace may live long: it must not keep the requests alive, whose parts the
// names are.
func TestATraceKeepsNoPartOfARequest(t *testing.T) {
	ctx, trace := tcretry.Trace(t.Context())
	req := probe.SDKRequest(t, strings.Clone("RunInstances"), nil).WithContext(ctx)
	probe.RoundTrip(t, tcretry.New(tctest.NewAPI(tctest.Fail("InternalError", "")), tcretry.WithPolicy(probe.Quick())), req)
	call := trace.Calls()[0]
	for _, target := range []tcretry.Operation{call.Call.Operation, call.Attempts[1].Operation, call.Retries[0].Operation} {
		for kept, part := range map[string]string{
			target.Action: req.Header.Get("X-TC-Action"), target.Region: req.Header.Get("X-TC-Region"), target.Host: req.URL.Host,
		} {
			require.Equal(t, part, kept)
			require.NotSame(t, unsafe.StringData(part), unsafe.StringData(kept), kept)
		}
	}
}

func TestWhatATraceReturnsIsTheCallers(t *testing.T) {
	ctx, trace := tcretry.Trace(t.Context())
	probe.RoundTrip(t, tcretry.New(tctest.NewAPI()), probe.SDKRequest(t, "RunInstances", nil).WithContext(ctx))
	trace.Calls()[0].Attempts[0].Attempt = 7
	require.Equal(t, 1, trace.Calls()[0].Attempts[0].Attempt)
}

func TestTheInnermostTraceCollects(t *testing.T) {
	ctx, outer := tcretry.Trace(t.Context())
	ctx, inner := tcretry.Trace(ctx)
	probe.RoundTrip(t, tcretry.New(tctest.NewAPI()), probe.SDKRequest(t, "RunInstances", nil).WithContext(ctx))
	require.Empty(t, outer.Calls())
	require.Len(t, inner.Calls(), 1)
}

func TestACallWithoutATraceAllocatesNothingForIt(t *testing.T) {
	if race.Enabled {
		t.Skip("allocations cannot be counted")
	}
	body := probe.Success(4 << 10)
	rt := tcretry.New(probe.MemoryBase(body, int64(len(body))))
	type key struct{}
	plain := probe.SDKRequest(t, "DescribeInstances", nil)
	valued := plain.WithContext(context.WithValue(t.Context(), key{}, 1))
	count := func(req *http.Request) float64 {
		return testing.AllocsPerRun(200, func() { probe.RoundTrip(t, rt, req) })
	}
	require.Equal(t, count(plain), count(valued))
	ctx, _ := tcretry.Trace(t.Context())
	require.Less(t, count(plain), count(plain.WithContext(ctx)), "a traced one is noticed")
}
