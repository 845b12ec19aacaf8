package e2e_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math"
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

// errorList is an error that cannot be compared with ==.
type errorList []string

func (e errorList) Error() string { return strings.Join(e, ", ") }

// nilError is an error whose method panics if it is nil.
type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

// emptyReader gives nothing and never ends.
type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, nil }

// TestOddRoundTrippers: what an underlying RoundTripper must not do has a clear outcome too.
func TestOddRoundTrippers(t *testing.T) {
	for _, row := range []struct {
		name   string
		resp   *http.Response
		err    error
		class  tcretry.Class
		reason tcretry.StopReason
	}{
		{"a nil body", &http.Response{StatusCode: 200, Header: http.Header{}}, nil, tcretry.Success, tcretry.StopSuccess},
		{"a nil body of a failure", &http.Response{StatusCode: 502}, nil, tcretry.Ambiguous, tcretry.StopMaxAttempts},
		{"no status and no header", &http.Response{Body: http.NoBody}, nil, tcretry.Success, tcretry.StopSuccess},
		{"an empty body of some length", &http.Response{StatusCode: 200, Body: http.NoBody, ContentLength: 7}, nil, tcretry.Success, tcretry.StopSuccess},
		{"a body that gives nothing", &http.Response{StatusCode: 200, Body: io.NopCloser(emptyReader{})}, nil, tcretry.Success, tcretry.StopSuccess},
		{"a body that gives nothing, of a page", &http.Response{
			StatusCode: 502, Header: http.Header{"Content-Type": {"text/html"}}, Body: io.NopCloser(emptyReader{}),
		}, nil, tcretry.Ambiguous, tcretry.StopMaxAttempts},
		{"neither", nil, nil, tcretry.Ambiguous, tcretry.StopMaxAttempts},
		{"an answer and an error", &http.Response{StatusCode: 200, Body: http.NoBody}, io.EOF, tcretry.Ambiguous, tcretry.StopMaxAttempts},
		{"an error that cannot be compared", nil, errorList{"a", "b"}, tcretry.Ambiguous, tcretry.StopMaxAttempts},
	} {
		t.Run(row.name, func(t *testing.T) {
			var events probe.Events
			base := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
				if row.resp == nil {
					return nil, row.err
				}
				resp := *row.resp
				return &resp, row.err
			})
			rt := tcretry.New(base, tcretry.WithPolicy(hasty(2)), tcretry.WithHooks(events.Hooks()))
			resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
			require.Equal(t, row.class, events.Done[0].Class)
			require.Equal(t, row.reason, events.Done[0].Reason)
			require.Equal(t, resp == nil, err != nil)
		})
	}
}

func TestTheResponseBesideAnErrorIsClosed(t *testing.T) {
	body := &probe.CloseCounter{Reader: strings.NewReader("{}")}
	base := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: body}, io.ErrUnexpectedEOF
	})
	resp, err := tcretry.New(base).RoundTrip(probe.SDKRequest(t, "RunInstances", nil))
	require.Nil(t, resp)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, 1, body.Closed)
}

func TestAnErrorThatCannotBeComparedEndsACanceledCall(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	base := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
		cancel()
		return nil, errorList{"a", "b"}
	})
	var events probe.Events
	rt := tcretry.New(base, tcretry.WithHooks(events.Hooks()))
	_, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil).WithContext(ctx))
	var e *tcretry.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, context.Canceled, e.Err)
	require.Equal(t, errorList{"a", "b"}, e.LastErr)
	require.Equal(t, tcretry.StopCanceled, events.Done[0].Reason)
}

// A nil pointer in an error is a common bug. It is the caller's to see, where he
// sees it without us.
func TestAnErrorThatCannotBePrintedIsPassedOn(t *testing.T) {
	base := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, (*nilError)(nil) })
	var events probe.Events
	var log bytes.Buffer
	ctx, trace := tcretry.Trace(t.Context())
	rt := tcretry.New(base, tcretry.WithHooks(events.Hooks()), tcretry.WithHooks(tcretry.LogHooks(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))))
	_, err := rt.RoundTrip(probe.SDKRequest(t, "RunInstances", nil).WithContext(ctx))
	require.Equal(t, (*nilError)(nil), err)
	require.Equal(t, tcretry.StopTerminal, events.Done[0].Reason)
	require.Contains(t, trace.String(), "terminal")
	require.Contains(t, log.String(), "terminal")
}

// The whole limit of a caller who wants every response classified must not be allocated
// because a server says that it will fill it.
func TestALengthThatIsALieCostsNoMemory(t *testing.T) {
	base := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, ContentLength: 1 << 50, Body: io.NopCloser(strings.NewReader(`{"Response":{}}`))}, nil
	})
	rt := tcretry.New(base, tcretry.WithMaxPeekBytes(math.MaxInt64))
	before := allocated()
	resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
	require.NoError(t, err)
	require.LessOrEqual(t, allocated()-before, uint64(1<<20))
	require.NoError(t, resp.Body.Close())
}

// TestAbsurdRetryAfter: a Retry-After is never shortened, one beyond
// Policy.MaxDelay ends the call, and what cannot be parsed is none.
func TestAbsurdRetryAfter(t *testing.T) {
	far := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	for _, row := range []struct {
		name   string
		values func() []string
		want   time.Duration
	}{
		{"seconds", func() []string { return []string{"7"} }, 7 * time.Second},
		{"seconds with zeros", func() []string { return []string{"0000000000007"} }, 7 * time.Second},
		{"seconds with a sign and zeros", func() []string { return []string{"+0000000007"} }, 7 * time.Second},
		{"seconds beyond any type", func() []string { return []string{strings.Repeat("9", 4000)} }, none},
		{"seconds that overflow", func() []string { return []string{"9223372037"} }, none},
		{"seconds that overflow to few", func() []string { return []string{"+18446744074"} }, none},
		{"negative seconds", func() []string { return []string{"-99999999999"} }, 0},
		{"a date far off", func() []string { return []string{"Fri, 31 Dec 9999 23:59:59 GMT"} }, none},
		{"a date in the past", func() []string { return []string{"Sat, 01 Jan 0000 00:00:00 GMT"} }, 0},
		{"a date soon", func() []string { return []string{far(9 * time.Second)} }, 9 * time.Second},
		{"a fraction", func() []string { return []string{"1.5"} }, 0},
		{"garbage", func() []string { return []string{"soon\x00\x1b"} }, 0},
		{"garbage that begins with digits", func() []string { return []string{"9999999999 years"} }, 0},
		{"nothing", func() []string { return []string{""} }, 0},
		{"two values: the first counts", func() []string { return []string{"8", "99999"} }, 8 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { withRetryAfter(t, row.values(), row.want) })
		})
	}
}

// none is the wait of a call that ends with the response that it has.
const none = -1 * time.Second

// withRetryAfter makes a call whose first response has the given Retry-After.
func withRetryAfter(t *testing.T, values []string, want time.Duration) {
	start := time.Now()
	api := tctest.NewAPI(tctest.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Retry-After"] = values
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	var events probe.Events
	rt := tcretry.New(api, tcretry.WithHooks(events.Hooks()), tcretry.WithoutRateLimiter())
	resp, err := rt.RoundTrip(probe.SDKRequest(t, "RunInstances", nil))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	if want == none {
		require.Equal(t, tcretry.StopRetryAfterTooLong, events.Done[0].Reason)
		require.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
		return
	}
	require.Equal(t, tcretry.StopSuccess, events.Done[0].Reason)
	require.GreaterOrEqual(t, time.Since(start), want)
	require.Less(t, time.Since(start), want+2*time.Second)
}
