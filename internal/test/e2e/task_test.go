package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tctest"
)

// beside responses with an error that has neighbours in the envelope.
func beside(neighbours, code string) tctest.Reply {
	return tctest.RawBody("application/json", fmt.Appendf(nil,
		`{"Response":{%s"Error":{"Code":%q,"Message":"m"},"RequestId":"r"}}`, neighbours, code))
}

func TestAnErrorIsATaskReportOnlyWithDataBesideIt(t *testing.T) {
	for _, row := range []struct {
		neighbours, code string
		class            tcretry.Class
	}{
		{`"Data":null,`, "RequestLimitExceeded", tcretry.Throttled},
		{`"Data":null,`, "InternalError", tcretry.Transient},
		{`"Data":{},"List":[],"Text":"","TotalCount":0,"Done":false,`, "ResourceInUse", tcretry.Busy},
		{`"Page":{"Items":[],"Total":0.0},`, "InternalError", tcretry.Transient},
		{`"DeprecatedWarning":"This action goes away.",`, "InternalError", tcretry.Transient},
		{`"Status":"FAILED",`, "InternalError", tcretry.Terminal},
		{`"Progress":99,`, "ResourceInUse", tcretry.Terminal},
		{`"Status":"FAILED",`, "RequestLimitExceeded", tcretry.Throttled},
		{`"Status":"FAILED",`, "RequestLimitExceeded.UinLimitExceeded", tcretry.Throttled},
	} {
		t.Run(row.neighbours+row.code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var events probe.Events
				api := tctest.NewAPI(beside(row.neighbours, row.code), tctest.OK(nil))
				probe.RoundTrip(t, tcretry.New(api, tcretry.WithHooks(events.Hooks())), probe.SDKRequest(t, "RunInstances", nil))
				require.Equal(t, row.class, events.Attempts[0].Class)
				require.Equal(t, row.class != tcretry.Terminal, len(events.Retries) == 1)
			})
		})
	}
}

// The codes of the public list are the API layer's own, but for those that products
// answer with as well. A rule of the policy for one of them holds whatever stands
// beside it.
func TestACodeOfTheAPIsLayerIsNeverATaskReport(t *testing.T) {
	products := strings.Fields(`DryRunOperation FailedOperation InternalError InvalidParameter InvalidParameterValue
		LimitExceeded MissingParameter ResourceInUse ResourceInsufficient ResourceNotFound ResourceUnavailable
		ServiceUnavailable UnauthorizedOperation UnknownParameter UnsupportedOperation`)
	var common []struct{ Code string }
	probe.ReadJSON(t, "../../../testdata/vectors/common_codes.json", &common)
	for _, c := range common {
		synctest.Test(t, func(t *testing.T) {
			var events probe.Events
			rule := tcretry.Policy{Codes: map[string]tcretry.Rule{c.Code: {Class: tcretry.Busy}}}
			api := tctest.NewAPI(beside(`"Status":"FAILED",`, c.Code), tctest.OK(nil))
			rt := tcretry.New(api, tcretry.WithPolicy(rule), tcretry.WithHooks(events.Hooks()))
			probe.RoundTrip(t, rt, probe.SDKRequest(t, "DescribeInstances", nil))
			require.Equal(t, slices.Contains(products, c.Code), events.Attempts[0].Class == tcretry.Terminal, c.Code)
		})
	}
}

// Hooks only observe. Whether somebody observes decides how much of a response is
// searched, and must not decide what is retried, wherever the error stands.
func TestHooksDoNotDecideWhichErrorsAreRetried(t *testing.T) {
	for _, code := range []string{"InternalError", "RequestLimitExceeded", "AuthFailure.SignatureExpire"} {
		for _, before := range []int{0, 1, 600, 5000} {
			for _, after := range []int{0, 1, 200, 600, 5000} {
				data := func(n int) string {
					return strings.Repeat(`"Data":"x",`, min(n, 1)) + `"Text":"` + strings.Repeat("x", n) + `"`
				}
				body := fmt.Appendf(nil, `{"Response":{%s,"Error":{"Code":%q,"Message":"m"},%s}}`, data(before), code, data(after))
				require.Equal(t, limiterResults(t, body), limiterResults(t, body, tcretry.WithHooks(new(probe.Events).Hooks())), "%s", body)
			}
		}
	}
}

// limiterResults returns what the rate limiter gets to know of a call whose first response
// has this body, one result for each attempt.
func limiterResults(t *testing.T, body []byte, opts ...tcretry.Option) []ratelimit.Result {
	var limiter resultRecorder
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI(tctest.RawBody("application/json", body), tctest.OK(nil))
		rt := tcretry.New(api, append(opts, tcretry.WithRateLimiter(&limiter))...)
		probe.RoundTrip(t, rt, probe.SDKRequest(t, "DescribeInstances", nil))
	})
	return limiter.results
}

// resultRecorder is a rate limiter that delays nothing.
type resultRecorder struct{ results []ratelimit.Result }

func (r *resultRecorder) ForKey(ratelimit.Key) ratelimit.KeyLimiter         { return r }
func (r *resultRecorder) Wait(context.Context, ratelimit.WaitOptions) error { return nil }
func (r *resultRecorder) Done(result ratelimit.Result)                      { r.results = append(r.results, result) }
