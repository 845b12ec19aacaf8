package e2e_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

// What follows is about other services that a program calls over the same client.

func TestARetryableClientJudgesOtherServicesAsItDoesWithoutUs(t *testing.T) {
	const quota = `{"code":4400,"message":"order limit"}`
	for name, row := range map[string]struct {
		status int
		body   string
	}{
		"an envelope that means nothing":     {200, quota},
		"an API error that means nothing":    {200, `{"Response":{"Error":{"Code":"InternalError"},"RequestId":"1"}}`},
		"a gateway's page for a write":       {502, "<html>"},
		"a status that is not worth a retry": {501, ""},
		"a rate limit":                       {429, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				requests.Add(1)
				w.WriteHeader(row.status)
				_, _ = io.WriteString(w, row.body)
			}))
			defer srv.Close()
			plain := retryablehttp.NewClient()
			plain.Logger, plain.RetryMax = nil, 2
			plain.RetryWaitMin, plain.RetryWaitMax = 1, 1
			plain.ErrorHandler = retryablehttp.PassthroughErrorHandler
			count := func(client *retryablehttp.Client) int32 {
				requests.Store(0)
				resp, err := client.Post(srv.URL, "application/json", []byte(`{}`))
				require.NoError(t, err)
				body, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				if row.status == 200 {
					require.Equal(t, row.body, string(body))
				}
				return requests.Load()
			}
			want := count(plain)
			plain.CheckRetry, plain.Backoff = tcretry.CheckRetry(nil), tcretry.RetryableBackoff(tcretry.Policy{})
			require.Equal(t, want, count(plain))
		})
	}
}

func TestRetryableBackoffLeavesOtherServicesTheirDelays(t *testing.T) {
	other := &http.Response{StatusCode: 503, Header: http.Header{}, Request: otherRequest(t, "GET", "https://example.com/", nil)}
	ours := tcretry.RetryableBackoff(tcretry.Policy{})
	for attempt := range 5 {
		require.Equal(t, retryablehttp.DefaultBackoff(time.Second, 10*time.Second, attempt, other), ours(time.Second, 10*time.Second, attempt, other))
	}
	other.Header.Set("Retry-After", "7")
	require.Equal(t, 7*time.Second, ours(time.Second, 10*time.Second, 0, other))
}

// Without a response, nothing shows whose it is: neither side's delay is shortened.
func TestRetryableBackoffWithoutAResponseTakesTheLongerDelay(t *testing.T) {
	delay := tcretry.RetryableBackoff(tcretry.Policy{})
	require.Equal(t, 4*time.Second, delay(time.Second, time.Minute, 2, nil))
	require.LessOrEqual(t, delay(0, 0, 0, nil), 200*time.Millisecond)
}

// Without a response there is no request, but http.Client's error has its method
// and its URL.
func TestCheckRetryWithoutAResponseGoesByTheMethodAndTheURL(t *testing.T) {
	for _, row := range []struct {
		op, address string
		again       bool
	}{
		{"Get", "https://example.com/", true}, // as without us
		{"Put", "https://example.com/", true},
		{"Delete", "https://example.com/", true},
		{"Post", "https://example.com/", false}, // may be a non-idempotent request at an endpoint of one's own
		{"Post", "https://cvm.tencentcloudapi.com/", false},
		{"Get", "https://cvm.tencentcloudapi.com/", false}, // the API accepts non-idempotent requests by GET
		{"Get", "https://gateway.example/?Action=RunInstances&SecretId=AKIDEXAMPLE&Signature=0", false},
		{"Get", "https://example.com/?Action=Buy", true},
		{"Get", "https://exa mple.com/", false},
	} {
		again, err := tcretry.CheckRetry(nil)(t.Context(), nil, &url.Error{Op: row.op, URL: row.address, Err: io.EOF})
		require.NoError(t, err)
		require.Equal(t, row.again, again, "%s %s", row.op, row.address)
	}
	again, err := tcretry.CheckRetry(nil)(t.Context(), nil, errors.New("of who knows what"))
	require.NoError(t, err)
	require.False(t, again)
	again, err = tcretry.CheckRetry(nil)(t.Context(), &http.Response{StatusCode: 502, Body: io.NopCloser(strings.NewReader(""))}, nil)
	require.NoError(t, err)
	require.False(t, again, "a response that does not know its request")
}
