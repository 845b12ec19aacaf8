package main

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	cvm "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/cvm/v20170312"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tc3"
	"github.com/tcretry/tcretry/tctest"
)

// patient retries an InternalError every minute, for nine minutes.
var patient = tcretry.WithPolicy(tcretry.Policy{
	MaxAttempts: 100, MaxElapsed: 9*time.Minute + time.Second, MaxDelay: time.Hour,
	Codes: map[string]tcretry.Rule{"InternalError": {
		Backoff: tcretry.Backoff{Initial: time.Minute, Max: time.Minute, Jitter: tcretry.NoJitter},
	}},
})

// sdkClient is the official SDK's client over a transport. It signs with a key
// that are unknown to the API.
func sdkClient(t *testing.T, transport http.RoundTripper) *cvm.Client {
	t.Helper()
	p := profile.NewClientProfile()
	p.HttpProfile.Scheme = "http" // pipes speak no TLS
	p.HttpProfile.ReqTimeout = 3600
	client, err := cvm.NewClient(common.NewCredential("AKIDSDK", "SKSDK"), "ap-guangzhou", p)
	require.NoError(t, err)
	client.WithHttpTransport(transport)
	return client
}

// The SDK signs each call once. Alone, that signature ends the call before it is
// five minutes old; above tc3 it is replaced in every attempt.
func TestACallOfTheSDKOutlivesItsSignatureAboveTc3(t *testing.T) {
	for _, signing := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			api := tctest.NewAPI()
			api.Default(tctest.Fail("InternalError", "again"))
			api.CheckSignatures(map[string]string{key.SecretID: key.SecretKey, "AKIDSDK": "SKSDK"})
			var base http.RoundTripper = api.PipeTransport(t)
			want, attempts, signer := tcretry.StopSignatureExpired, 5, "AKIDSDK"
			if signing {
				base = &tc3.Transport{Source: tc3.Static(key), Base: base}
				want, attempts, signer = tcretry.StopMaxElapsed, 10, key.SecretID
			}
			var got tcretry.CallInfo
			rt := tcretry.New(base, patient, tcretry.WithHooks(tcretry.Hooks{
				CallDone: func(_ context.Context, i tcretry.CallInfo) { got = i },
			}))
			_, err := sdkClient(t, rt).DescribeZones(cvm.NewDescribeZonesRequest())
			require.ErrorContains(t, err, "Code=InternalError")
			require.Equal(t, want, got.Reason)
			require.Len(t, api.Recorded(), attempts)
			for _, c := range api.Recorded() {
				require.Equal(t, signer, c.SecretID)
				require.Equal(t, "InternalError", c.Code, "the signature holds")
			}
		})
	}
}

// A write of the SDK whose response is lost is executed once.
func TestAnOrderOfTheSDKIsGivenATokenAboveTc3(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI(tctest.DropAfterExecution(), tctest.OK(map[string]any{"InstanceIdSet": []string{"ins-1"}}))
		api.CheckSignatures(map[string]string{key.SecretID: key.SecretKey})
		rt := tcretry.New(&tc3.Transport{Source: tc3.Static(key), Base: api.PipeTransport(t)}, tcretry.WithClientTokens())
		answer, err := sdkClient(t, rt).RunInstances(cvm.NewRunInstancesRequest())
		require.NoError(t, err)
		require.Equal(t, "ins-1", *answer.Response.InstanceIdSet[0])
		require.Len(t, api.Recorded(), 2)
		require.Equal(t, 1, api.Executions("RunInstances"))
	})
}
