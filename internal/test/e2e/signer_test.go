package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tc3"
	"github.com/tcretry/tcretry/tctest"
)

var _ tcretry.Signer = (*tc3.Transport)(nil)

// everyMinute retries an InternalError every minute, for nine
// minutes.
var everyMinute = tcretry.WithPolicy(tcretry.Policy{
	MaxAttempts: 100, MaxElapsed: 9 * time.Minute, MaxDelay: time.Hour,
	Codes: map[string]tcretry.Rule{"InternalError": {
		Backoff: tcretry.Backoff{Initial: time.Minute, Max: time.Minute, Jitter: tcretry.NoJitter},
	}},
})

// The official SDK signs, whatever is below it. Under tc3 that signature is not
// sent, so the call may last as long as its policy says.
func TestACallOutsideASignerOutlivesItsSignature(t *testing.T) {
	key := tc3.Credentials{SecretID: "AKIDEXAMPLE", SecretKey: "SKEXAMPLE"}
	forwarding := func(base http.RoundTripper) http.RoundTripper { return logged{base.(tcretry.Signer)} }
	for name, row := range map[string]struct {
		authorization string
		wrap          func(http.RoundTripper) http.RoundTripper
		reason        tcretry.StopReason
		attempts      int
	}{
		"tc3":                          {"TC3-HMAC-SHA256 Credential=OTHER/2000-01-01/cvm/tc3_request, …", nil, tcretry.StopMaxElapsed, 10},
		"a wrapper that forwards":      {"TC3-HMAC-SHA256 Credential=OTHER/2000-01-01/cvm/tc3_request, …", forwarding, tcretry.StopMaxElapsed, 10},
		"a wrapper that does not":      {"TC3-HMAC-SHA256 Credential=OTHER/2000-01-01/cvm/tc3_request, …", hidden, tcretry.StopSignatureExpired, 5},
		"tc3, which leaves SKIP alone": {"SKIP", nil, tcretry.StopSignatureExpired, 5},
	} {
		synctest.Test(t, func(t *testing.T) {
			api := probe.Always(tctest.Fail("InternalError", ""))
			api.CheckSignatures(map[string]string{key.SecretID: key.SecretKey})
			var base http.RoundTripper = &tc3.Transport{Source: tc3.Static(key), Base: api}
			if row.wrap != nil {
				base = row.wrap(base)
			}
			var events probe.Events
			rt := tcretry.New(base, tcretry.WithHooks(events.Hooks()), everyMinute)
			req := probe.SDKRequest(t, "DescribeInstances", strings.NewReader(`{}`))
			req.Header.Set("X-TC-Timestamp", probe.Timestamp(time.Now()))
			req.Header.Set("Authorization", row.authorization)
			resp, err := rt.RoundTrip(req)
			require.NoError(t, err, name)
			probe.RequireCode(t, "InternalError", tcretry.CheckResponse(resp))
			require.Equal(t, row.reason, events.Done[0].Reason, name)
			require.Equal(t, row.attempts, events.Done[0].Attempts, name)
		})
	}
}

// logged is a transport that wraps a Signer and forwards what it says.
type logged struct{ tcretry.Signer }

// hidden wraps a transport and forwards nothing.
func hidden(base http.RoundTripper) http.RoundTripper { return probe.RoundTripperFunc(base.RoundTrip) }

// A signature made above covers the body; under an underlying RoundTripper that signs anew the body
// may be another one.
func TestASignedRequestReceivesATokenOutsideASigner(t *testing.T) {
	key := tc3.Credentials{SecretID: "AKIDEXAMPLE", SecretKey: "SKEXAMPLE"}
	synctest.Test(t, func(t *testing.T) {
		for given, authorization := range map[bool]string{
			true: "TC3-HMAC-SHA256 Credential=OTHER/2000-01-01/cvm/tc3_request, …", false: "SKIP",
		} {
			api := tctest.NewAPI(tctest.DropAfterExecution())
			api.CheckSignatures(map[string]string{key.SecretID: key.SecretKey})
			rt := tcretry.New(&tc3.Transport{Source: tc3.Static(key), Base: api}, tcretry.WithClientTokens())
			req := probe.SDKRequest(t, "RunInstances", strings.NewReader(`{}`))
			req.Header.Set("Authorization", authorization)
			resp, err := rt.RoundTrip(req)
			require.Equal(t, given, api.Recorded()[0].ClientToken != "", authorization)
			require.Equal(t, 1, api.Executions("RunInstances"))
			if given {
				require.NoError(t, err)
				require.NoError(t, tcretry.CheckResponse(resp), "the signature covers the token")
				require.Len(t, api.Recorded(), 2)
			}
		}
	})
}
