package e2e_test

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

// trap is a body whose beginning alone is read, and that panics when it is read or closed.
type trap struct{ read, close any }

func (b trap) Read(p []byte) (int, error) {
	if b.read != nil {
		panic(b.read)
	}
	return len(p), nil
}

func (b trap) Close() error { panic(b.close) }

// trapPage is a response of a gateway with such a body.
func trapPage(status int, body trap) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: body, ContentLength: -1}, nil
	}
}

func cutOff() (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

// panicCases are the places where code of others panics, after a first attempt that is retried.
var panicCases = map[string]struct {
	first, second func() (*http.Response, error) // the attempts
	wait          func(context.Context, int) error
	slots         int           // that the limiter gave
	retry         budget.Report // how the retry that the budget permitted was reported; the zero one: there is none
}{
	"in the underlying RoundTripper": {
		first: cutOff, second: func() (*http.Response, error) { panic(http.ErrAbortHandler) },
		slots: 2, retry: budget.Report{Retry: 1, Result: budget.Canceled},
	},
	"in the body of the retry": {
		first: cutOff, second: trapPage(http.StatusBadGateway, trap{read: http.ErrAbortHandler}),
		slots: 2, retry: budget.Report{Retry: 1, Result: budget.Canceled},
	},
	"in the body of the first attempt, before the wait": {
		first: trapPage(http.StatusBadGateway, trap{close: http.ErrAbortHandler}),
		slots: 1, retry: budget.Report{Retry: 1, Result: budget.Unused, Returned: 1},
	},
	"in the body of the first attempt, after the wait": {
		first: trapPage(http.StatusTooManyRequests, trap{close: http.ErrAbortHandler}),
		slots: 2,
	},
	"in the rate limiter": {
		first: cutOff,
		wait: func(_ context.Context, attempt int) error {
			if attempt == 2 {
				panic(http.ErrAbortHandler)
			}
			return nil
		},
		slots: 1, retry: budget.Report{Retry: 1, Result: budget.Unused, Returned: 1},
	},
}

// What an attempt holds is returned when it ends, also in a panic: a server that recovers,
// as http.Server does, goes on, and nobody waits for a retry that has ended.
func TestAPanicReleasesTheSlotAndTheRetry(t *testing.T) {
	for name, c := range panicCases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limiter, retries := &slots{before: c.wait}, new(reportedBudget)
				attempts := 0
				base := baseFunc(func(*http.Request) (*http.Response, error) {
					if attempts++; attempts == 1 {
						return c.first()
					}
					return c.second()
				})
				rt := tcretry.New(base, tcretry.WithRateLimiter(limiter), tcretry.WithBudget(retries), tcretry.WithPolicy(probe.Exact()))
				req := probe.SDKRequest(t, "DescribeInstances", nil)
				require.PanicsWithError(t, http.ErrAbortHandler.Error(), func() { _, _ = rt.RoundTrip(req) })
				require.Len(t, limiter.results, c.slots)
				reports := retries.reports[1:] // without that of the first attempt
				if c.retry.Retry == 0 {
					require.Empty(t, reports)
					return
				}
				c.retry.Host, c.retry.Action = budgetHost, "DescribeInstances"
				require.Equal(t, []budget.Report{c.retry}, reports)
			})
		})
	}
}

// The same with the defaults, in a server that recovers, and in a test that ends in its
// base: the budget and the limiter are as before after the next successes.
func TestAPanicLeavesNothingInFlight(t *testing.T) {
	for name, end := range map[string]func(){"a panic": func() { panic("a bug") }, "the end of the goroutine": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				retries := new(budget.Tokens)
				api := tctest.NewAPI(tctest.DropBeforeExecution())
				bug := true
				base := baseFunc(func(req *http.Request) (*http.Response, error) {
					if bug && len(api.Recorded()) == 1 {
						end()
					}
					return api.RoundTrip(req)
				})
				rt := tcretry.New(base, tcretry.WithBudget(retries))
				call := func() {
					resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
					require.NoError(t, err)
					require.NoError(t, resp.Body.Close())
				}
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					defer func() { _ = recover() }()
					call()
				}()
				<-ended
				require.Len(t, api.Recorded(), 1)
				require.Zero(t, rt.RateLimits()[0].InFlight)
				bug = false
				time.Sleep(time.Second)
				for range 2 {
					call() // each refills half of the token that the retry consumed
				}
				require.True(t, retries.Steady(budgetHost), "no retry is in flight")
			})
		})
	}
}
