package tcsdk_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcsdk"
	"github.com/tcretry/tcretry/tctest"
)

// sendWith makes a call with a context, in memory.
func sendWith(t *testing.T, ctx context.Context, api *tctest.API, action string) error {
	client := newProduct(profile.NewClientProfile())
	client.WithHttpTransport(api)
	require.NoError(t, tcsdk.New(tcretry.WithoutRateLimiter()).Use(client))
	req := request(action)
	req.SetContext(ctx)
	return client.Send(req, tchttp.NewCommonResponse())
}

func TestRecoverReturnsWhatTheSDKLeavesOut(t *testing.T) {
	for name, c := range map[string]struct {
		replies  []tctest.Reply
		attempts int
		reason   tcretry.StopReason
		unknown  bool
		ids      int
	}{
		"terminal":        {[]tctest.Reply{tctest.Fail("InvalidParameter", "")}, 1, tcretry.StopTerminal, false, 1},
		"retries run out": {[]tctest.Reply{tctest.Fail("InternalError", "")}, 4, tcretry.StopMaxAttempts, false, 4},
		"nobody listens":  {[]tctest.Reply{tctest.RefuseConnection()}, 4, tcretry.StopMaxAttempts, false, 0},
		"a lost response": {[]tctest.Reply{tctest.DropAfterExecution()}, 1, tcretry.StopNotIdempotent, true, 0},
		"a gateway's 502": {[]tctest.Reply{tctest.GatewayError(http.StatusBadGateway)}, 1, tcretry.StopNotIdempotent, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := tctest.NewAPI()
				api.Default(c.replies[0])
				ctx := tcsdk.Trace(t.Context())
				sdk := sendWith(t, ctx, api, "RunInstances")
				var call *tcsdk.CallError
				require.ErrorAs(t, tcsdk.Recover(ctx, sdk), &call)
				require.Equal(t, sdk, call.Err)
				require.Equal(t, c.attempts, call.Attempts)
				require.Equal(t, c.reason, call.Reason)
				require.Equal(t, c.unknown, call.OutcomeUnknown)
				require.Equal(t, c.unknown, strings.HasSuffix(call.Error(), "; outcome unknown: the request may have been executed"))
				require.Equal(t, c.unknown, errors.Is(call, tcretry.ErrOutcomeUnknown))
				require.Len(t, call.RequestIDs, c.ids)
				require.Equal(t, "RunInstances", call.Call.Call.Action)
				var wrapped *sdkerrors.TencentCloudSDKError
				require.ErrorAs(t, call, &wrapped)
				require.ErrorContains(t, call, sdk.Error())
				require.ErrorContains(t, call, c.reason.String())
			})
		})
	}
}

func TestRecoverFindsTheEndOfTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("the user left")
		ctx, cancel := context.WithCancelCause(tcsdk.Trace(t.Context()))
		cancel(cause)
		err := sendWith(t, ctx, tctest.NewAPI(), "RunInstances")
		err = tcsdk.Recover(ctx, err)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
	})
}

func TestACallErrorMatchesHowTheCallEnded(t *testing.T) {
	all := []error{context.Canceled, context.DeadlineExceeded, tcretry.ErrOutcomeUnknown, http.ErrAbortHandler}
	sdk := errors.New("of the SDK")
	for _, c := range []struct {
		call *tcsdk.CallError
		want error
	}{
		{&tcsdk.CallError{Err: sdk, Reason: tcretry.StopCanceled}, context.Canceled},
		{&tcsdk.CallError{Err: sdk, Reason: tcretry.StopDeadlineExceeded}, context.DeadlineExceeded},
		{&tcsdk.CallError{Err: sdk, OutcomeUnknown: true}, tcretry.ErrOutcomeUnknown},
		{&tcsdk.CallError{Err: sdk, Reason: tcretry.StopMaxAttempts}, nil},
	} {
		require.ErrorIs(t, c.call, sdk)
		for _, target := range all {
			require.Equal(t, target == c.want, errors.Is(c.call, target), "%v is %v", c.call, target)
		}
	}
}

func TestRecoverFindsTheCallOfSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Script("RunInstances", tctest.Fail("InternalError", ""), tctest.Fail("LimitExceeded", ""))
		api.Script("StartInstances", tctest.DropAfterExecution())
		api.Script("StopInstances", tctest.GatewayError(http.StatusBadGateway))
		ctx := tcsdk.Trace(t.Context())
		var errs []error
		actions := []string{"RunInstances", "StartInstances", "StopInstances", "DescribeInstances"}
		for _, action := range actions {
			errs = append(errs, sendWith(t, ctx, api, action))
		}
		for i, action := range actions[:3] {
			var call *tcsdk.CallError
			require.ErrorAs(t, tcsdk.Recover(ctx, errs[i]), &call)
			require.Equal(t, action, call.Call.Call.Action, "%v", errs[i])
		}
		require.NoError(t, tcsdk.Recover(ctx, errs[3]))
	})
}

// The SDK's errors about a response do not identify it.
func TestRecoverFindsACallWhoseResponseTheSDKCannotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := tcsdk.Trace(t.Context())
		api := tctest.NewAPI(tctest.RawBody("application/json", []byte("{")), tctest.OK(nil))
		sdk := sendWith(t, ctx, api, "DescribeInstances")
		require.ErrorContains(t, sdk, "ClientError.")
		var call *tcsdk.CallError
		require.ErrorAs(t, tcsdk.Recover(ctx, sdk), &call)
		require.Equal(t, sdk, call.Err)
		require.Equal(t, tcretry.StopSuccess, call.Reason)
		require.Equal(t, []error{sdk}, call.Unwrap())
	})
}

func TestRecoverFindsTheCallOfAnErrorWithoutARequestIDByItsCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := tcsdk.Trace(t.Context())
		api := tctest.NewAPI(tctest.Fail("InvalidParameter", ""), tctest.Fail("LimitExceeded", ""))
		require.Error(t, sendWith(t, ctx, api, "RunInstances"))
		require.Error(t, sendWith(t, ctx, api, "StartInstances"))
		var call *tcsdk.CallError
		require.ErrorAs(t, tcsdk.Recover(ctx, sdkerrors.NewTencentCloudSDKError("InvalidParameter", "", "")), &call)
		require.Equal(t, "RunInstances", call.Call.Call.Action)
		other := sdkerrors.NewTencentCloudSDKError("InvalidParameterValue", "", "")
		require.Equal(t, other, tcsdk.Recover(ctx, other))
	})
}

// A response that the SDK could not read is none with an error of the API, nor one that
// never came.
func TestRecoverFindsNoCallForAResponseThatTheSDKReadWell(t *testing.T) {
	for _, reply := range []tctest.Reply{tctest.Fail("InvalidParameter", ""), tctest.DropAfterExecution()} {
		ctx := tcsdk.Trace(t.Context())
		require.Error(t, sendWith(t, ctx, tctest.NewAPI(reply), "RunInstances"))
		unread := sdkerrors.NewTencentCloudSDKError("ClientError.ParseJsonError", "", "")
		require.Equal(t, unread, tcsdk.Recover(ctx, unread))
	}
}

func TestRecoverLeavesOtherErrorsAsTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := tcsdk.Trace(t.Context())
		early := sdkerrors.NewTencentCloudSDKError("ClientError.CredentialError", "", "")
		require.Equal(t, early, tcsdk.Recover(ctx, early), "no call was made")
		api := tctest.NewAPI(tctest.Fail("InvalidParameter", ""))
		err := sendWith(t, t.Context(), api, "RunInstances")
		require.Equal(t, err, tcsdk.Recover(t.Context(), err), "the context is another")
		require.NoError(t, sendWith(t, ctx, api, "RunInstances"))
		require.NoError(t, tcsdk.Recover(ctx, nil))
		other := sdkerrors.NewTencentCloudSDKError("InvalidParameter", "", "of-another-call")
		require.Equal(t, other, tcsdk.Recover(ctx, other))
	})
}
