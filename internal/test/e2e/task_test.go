package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
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
