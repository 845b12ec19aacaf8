package e2e_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

func TestASignatureIsNotSentOnceItIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := probe.Always(tctest.Fail("InternalError", ""))
		var events probe.Events
		minute := tcretry.Backoff{Initial: time.Minute, Max: time.Minute, Jitter: tcretry.NoJitter}
		rt := tcretry.New(api, tcretry.WithHooks(events.Hooks()), tcretry.WithPolicy(tcretry.Policy{
			MaxAttempts: 100, MaxElapsed: time.Hour, MaxDelay: time.Hour,
			Codes: map[string]tcretry.Rule{"InternalError": {Backoff: minute}},
		}))
		req := probe.SDKRequest(t, "DescribeInstances", nil)
		req.Header.Set("X-TC-Timestamp", probe.Timestamp(time.Now()))
		resp, err := rt.RoundTrip(req)
		require.NoError(t, err)
		probe.RequireCode(t, "InternalError", tcretry.CheckResponse(resp))
		require.Equal(t, tcretry.StopSignatureExpired, events.Done[0].Reason)
		require.Equal(t, 5, events.Done[0].Attempts, "the last one after 240 s; the next would be at 300 s")
	})
}

func TestASignatureIsSentUntilTenSecondsBeforeItsEnd(t *testing.T) {
	for age, reason := range map[time.Duration]tcretry.StopReason{
		290 * time.Second: tcretry.StopSuccess,
		291 * time.Second: tcretry.StopSignatureExpired,
	} {
		synctest.Test(t, func(t *testing.T) {
			api := tctest.NewAPI()
			api.Script("DescribeInstances", tctest.Fail("InternalError", ""), tctest.OK(nil))
			var events probe.Events
			rt := tcretry.New(api, tcretry.WithHooks(events.Hooks()), tcretry.WithPolicy(probe.Exact()))
			req := probe.SDKRequest(t, "DescribeInstances", nil)
			req.Header.Set("X-TC-Timestamp", probe.Timestamp(time.Now().Add(time.Second-age)))
			resp, err := rt.RoundTrip(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, reason, events.Done[0].Reason, "the retry would be sent at %v", age)
		})
	}
}

func TestTheDefaultLimitsAreTheOnesThatAreStated(t *testing.T) {
	// A response of 64 KiB is peeked at, a longer one is a success.
	for size, reason := range map[int]tcretry.StopReason{64 << 10: tcretry.StopTerminal, 64<<10 + 1: tcretry.StopSuccess} {
		var events probe.Events
		reply := failure("AuthFailure", strings.Repeat("m", size-len(failure("AuthFailure", "", ""))), "")
		api := probe.Always(tctest.RawBody("application/json", []byte(reply)))
		resp, err := tcretry.New(api, tcretry.WithHooks(events.Hooks())).RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		require.EqualValues(t, size, resp.ContentLength)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, reason, events.Done[0].Reason)
	}
	// A body of 10 MiB is kept for the next attempt, one byte more is not.
	for size, reason := range map[int]tcretry.StopReason{10 << 20: tcretry.StopMaxAttempts, 10<<20 + 1: tcretry.StopNotReplayable} {
		for _, known := range []bool{true, false} {
			var events probe.Events
			base := probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
				_, err := io.Copy(io.Discard, req.Body)
				require.NoError(t, err)
				require.NoError(t, req.Body.Close())
				return &http.Response{StatusCode: http.StatusOK, ContentLength: -1, Body: io.NopCloser(strings.NewReader(failure("InternalError", "", "")))}, nil
			})
			req := probe.SDKRequest(t, "DescribeInstances", io.NopCloser(bytes.NewReader(make([]byte, size))))
			if known {
				req.ContentLength = int64(size)
			}
			resp, err := tcretry.New(base, tcretry.WithHooks(events.Hooks()), tcretry.WithPolicy(hasty(2))).RoundTrip(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, reason, events.Done[0].Reason)
		}
	}
}
