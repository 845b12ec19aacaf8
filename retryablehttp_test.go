package tcretry_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
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
		answers  []tctest.Answer
		attempts int
		code     string
		fails    bool
	}{
		{"a success", "RunInstances", []tctest.Answer{tctest.OK(nil)}, 1, "", false},
		{"a failure that passes", "RunInstances", []tctest.Answer{tctest.Fail("InternalError", ""), tctest.Throttle(), tctest.OK(nil)}, 3, "", false},
		{"a terminal failure", "RunInstances", []tctest.Answer{tctest.Fail("InvalidParameter", "")}, 1, "InvalidParameter", false},
		{"a gateway's page for a read", "DescribeInstances", []tctest.Answer{tctest.Status(502, "<html>"), tctest.OK(nil)}, 2, "", false},
		{"a gateway's page for a write", "RunInstances", []tctest.Answer{tctest.Status(502, "<html>")}, 1, "", false},
		{"a lost connection", "RunInstances", []tctest.Answer{tctest.DropAfter()}, 1, "", true},
		{"retries that run out", "RunInstances", []tctest.Answer{tctest.Throttle(), tctest.Throttle(), tctest.Throttle(), tctest.Fail("ResourceInUse", "")}, 4, "ResourceInUse", false},
		{"a server that asks for an hour", "DescribeInstances", []tctest.Answer{retryAfter("3600")}, 1, "", false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			api := tctest.NewAPI()
			api.Script(row.action, row.answers...)
			policy := quick()
			policy.MaxDelay = time.Millisecond
			req := sdkRequest(t, row.action, strings.NewReader(`{}`))
			srv := api.Start(t)
			again, err := retryablehttp.NewRequest(http.MethodPost, srv.URL, []byte(`{}`))
			require.NoError(t, err)
			again.Header = req.Header
			resp, err := retryableClient(policy).Do(again)
			require.Len(t, api.Calls(), row.attempts)
			if row.fails {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			requireCode(t, row.code, tcretry.CheckResponse(resp))
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NotEmpty(t, body, "the caller reads the whole body")
			require.NoError(t, resp.Body.Close())
		})
	}
}

func TestRetryableBackoffFollowsThePolicyByCode(t *testing.T) {
	api := always(tctest.Fail("InternalError", ""))
	resp, err := api.RoundTrip(sdkRequest(t, "DescribeInstances", nil))
	require.NoError(t, err)
	again, err := tcretry.CheckRetry(nil)(context.Background(), resp, nil)
	require.NoError(t, err)
	require.True(t, again)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	delay := tcretry.RetryableBackoff(exact())
	for attempt, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		require.Equal(t, want, delay(0, 0, attempt, resp))
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
	resp, err := always(tctest.Throttle()).RoundTrip(sdkRequest(t, "DescribeInstances", nil))
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
			resp, err := always(tctest.Throttle()).RoundTrip(sdkRequest(t, "DescribeInstances", nil))
			require.NoError(t, err)
			again, err := tcretry.CheckRetry(c)(t.Context(), resp, nil)
			require.NoError(t, err)
			require.True(t, again, "the default judges")
			requireCode(t, "RequestLimitExceeded", tcretry.CheckResponse(resp))
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
