package tcretry_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

// retryableClient is an existing client with our judgement.
func retryableClient(policy tcretry.Policy) *retryablehttp.Client {
	client := retryablehttp.NewClient()
	client.Logger = nil
	client.RetryMax = 3
	client.CheckRetry = tcretry.CheckRetry(nil)
	client.Backoff = tcretry.RetryableBackoff(policy)
	client.ErrorHandler = retryablehttp.PassthroughErrorHandler
	return client
}

func TestARetryableClientGetsOurJudgement(t *testing.T) {
	rows := []struct {
		name     string
		action   string
		answers  []tctest.Reply
		attempts int
		code     string
		fails    bool
	}{
		{"a success", "RunInstances", []tctest.Reply{tctest.OK(nil)}, 1, "", false},
		{"a failure that passes", "RunInstances", []tctest.Reply{tctest.Fail("InternalError", ""), tctest.Throttle(), tctest.OK(nil)}, 3, "", false},
		{"a terminal failure", "RunInstances", []tctest.Reply{tctest.Fail("InvalidParameter", "")}, 1, "InvalidParameter", false},
		{"a gateway's page for a read", "DescribeInstances", []tctest.Reply{tctest.Status(502, "<html>"), tctest.OK(nil)}, 2, "", false},
		{"a gateway's page for a write", "RunInstances", []tctest.Reply{tctest.Status(502, "<html>")}, 1, "", false},
		{"an error of another service for a read", "DescribeClusters", []tctest.Reply{tctest.Fail("InternalError.CvmCommon", ""), tctest.OK(nil)}, 2, "", false},
		{"an error of another service for a write", "CreateCluster", []tctest.Reply{tctest.Fail("InternalError.CvmCommon", "")}, 1, "InternalError.CvmCommon", false},
		{"a lost connection", "RunInstances", []tctest.Reply{tctest.DropAfterExecution()}, 1, "", true},
		{"retries that run out", "RunInstances", []tctest.Reply{tctest.Throttle(), tctest.Throttle(), tctest.Throttle(), tctest.Fail("ResourceInUse", "")}, 4, "ResourceInUse", false},
		{"a server that asks for an hour", "DescribeInstances", []tctest.Reply{retryAfter("3600")}, 1, "", false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			api := tctest.NewAPI()
			api.Script(row.action, row.answers...)
			policy := probe.Quick()
			policy.MaxDelay = time.Millisecond
			req := probe.SDKRequest(t, row.action, strings.NewReader(`{}`))
			srv := api.Start(t)
			again, err := retryablehttp.NewRequest(http.MethodPost, srv.URL, []byte(`{}`))
			require.NoError(t, err)
			again.Header = req.Header
			resp, err := retryableClient(policy).Do(again)
			require.Len(t, api.Recorded(), row.attempts)
			if row.fails {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			probe.RequireCode(t, row.code, tcretry.CheckResponse(resp))
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NotEmpty(t, body, "the caller reads the whole body")
			require.NoError(t, resp.Body.Close())
		})
	}
}

func TestRetryableBackoffFollowsThePolicyByCode(t *testing.T) {
	api := probe.Always(tctest.Fail("InternalError", ""))
	resp, err := api.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
	require.NoError(t, err)
	again, err := tcretry.CheckRetry(nil)(context.Background(), resp, nil)
	require.NoError(t, err)
	require.True(t, again)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	delay := tcretry.RetryableBackoff(probe.Exact())
	for attempt, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		require.Equal(t, want, delay(0, 0, attempt, resp))
	}
}

func TestRetryableBackoffShortensNoDelayThatIsAskedFor(t *testing.T) {
	resp, again := probe.Judged(t, "DescribeInstances", retryAfter("7"))
	require.True(t, again)
	for _, policy := range []tcretry.Policy{probe.Quick(), {MaxDelay: time.Second}} {
		require.GreaterOrEqual(t, tcretry.RetryableBackoff(policy)(0, 0, 0, resp), 7*time.Second)
	}
	resp, again = probe.Judged(t, "ModifyRecord", tctest.Fail("InvalidParameter.OperationIsTooFrequent", ""))
	require.True(t, again)
	require.GreaterOrEqual(t, tcretry.RetryableBackoff(tcretry.Policy{})(0, 0, 0, resp), time.Minute, "it passes after a minute")
}

func TestRetryableBackoffFollowsARuleForAService(t *testing.T) {
	resp, _ := probe.Judged(t, "DescribeInstances", tctest.Fail("InternalError", ""))
	own := tcretry.Policy{Codes: map[string]tcretry.Rule{"cvm:InternalError": probe.Exact().Codes["InternalError"]}}
	require.Equal(t, time.Second, tcretry.RetryableBackoff(own)(0, 0, 0, resp))
}

func TestRetryableBackoffTakesAPolicyThatIsNotValidForTheZeroOne(t *testing.T) {
	resp, _ := probe.Judged(t, "DescribeInstances", tctest.Fail("InternalError", ""))
	policy := probe.Exact()
	policy.MaxElapsed = -1
	require.Less(t, tcretry.RetryableBackoff(policy)(0, 0, 0, resp), 200*time.Millisecond+1)
}

func TestCheckRetryJudgesWhatTheClientTells(t *testing.T) {
	cut := tctest.Truncate(20, tctest.OK(nil))
	for _, row := range []struct {
		name, action string
		answer       tctest.Reply
		again        bool
	}{
		{"a read that was cut short", "DescribeInstances", cut, true},
		{"an order that was cut short", "RunInstances", cut, false},
		{"a task that failed", "DescribeInstances", tctest.FailTask("InternalError", "", map[string]any{"Status": 3}), false},
		{"the quota of API 2.0", "RunInstances", tctest.RawBody("application/json", []byte(`{"code":4400,"message":"quota"}`)), true},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, again := probe.Judged(t, row.action, row.answer)
			require.Equal(t, row.again, again)
		})
	}
	for name, row := range map[string]struct {
		err   error
		again bool
	}{
		"a refused connection":     {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, true},
		"a lost connection":        {io.EOF, false},
		"an untrusted certificate": {&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, false},
		"a bad scheme":             {errors.New(`unsupported protocol scheme "ftp"`), false},
	} {
		t.Run(name, func(t *testing.T) {
			again, err := tcretry.CheckRetry(nil)(t.Context(), nil, &url.Error{Op: "Post", URL: "https://x", Err: row.err})
			require.NoError(t, err)
			require.Equal(t, row.again, again)
		})
	}
}

func TestCheckRetryEndsForADelayAboveTheDefaultMaxDelay(t *testing.T) {
	for seconds, want := range map[string]bool{"29": true, "30": true, "31": false} {
		_, retried := probe.Judged(t, "DescribeInstances", retryAfter(seconds))
		require.Equal(t, want, retried, seconds)
	}
}

func TestCheckRetryEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	again, err := tcretry.CheckRetry(nil)(ctx, nil, io.EOF)
	require.False(t, again)
	require.ErrorIs(t, err, context.Canceled)
}

func TestCheckRetryAsksTheGivenClassifierFirst(t *testing.T) {
	never := tcretry.ClassifierFunc(func(tcretry.Outcome) tcretry.Class { return tcretry.Terminal })
	resp, err := probe.Always(tctest.Throttle()).RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
	require.NoError(t, err)
	again, err := tcretry.CheckRetry(never)(t.Context(), resp, nil)
	require.NoError(t, err)
	require.False(t, again)
}

func TestAClassifierOfCheckRetrySeesNoBodyAndMayPanic(t *testing.T) {
	for name, c := range map[string]tcretry.ClassifierFunc{
		"panics": func(tcretry.Outcome) tcretry.Class { panic("no") },
		"is nil": nil,
		"reads": func(o tcretry.Outcome) tcretry.Class {
			_, _ = io.Copy(io.Discard, o.Response.Body)
			_ = o.Response.Body.Close()
			return tcretry.Undecided
		},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := probe.Always(tctest.Throttle()).RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
			require.NoError(t, err)
			again, err := tcretry.CheckRetry(c)(t.Context(), resp, nil)
			require.NoError(t, err)
			require.True(t, again, "the default judges")
			probe.RequireCode(t, "RequestLimitExceeded", tcretry.CheckResponse(resp))
			require.NoError(t, resp.Body.Close())
		})
	}
}

// upgraded is the body of an answer to an upgrade.
type upgraded struct{ io.ReadWriter }

func (upgraded) Close() error { return nil }

func TestCheckRetryLeavesTheConnectionOfAnUpgradeWritable(t *testing.T) {
	resp := &http.Response{StatusCode: http.StatusSwitchingProtocols, Body: upgraded{new(bytes.Buffer)}}
	again, err := tcretry.CheckRetry(nil)(t.Context(), resp, nil)
	require.NoError(t, err)
	require.False(t, again)
	require.Implements(t, (*io.Writer)(nil), resp.Body)
}
