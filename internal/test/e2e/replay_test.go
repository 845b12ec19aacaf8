package e2e_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tctest"
)

func TestABodyWithoutGetBodyIsReplayedUpToTheReplayLimit(t *testing.T) {
	for _, row := range []struct {
		name     string
		size     int
		known    bool
		attempts int
		reason   tcretry.StopReason
	}{
		{"within", 1000, true, 2, tcretry.StopSuccess},
		{"within, of unknown length", 1000, false, 2, tcretry.StopSuccess},
		{"beyond", 1001, true, 1, tcretry.StopNotReplayable},
		{"beyond, of unknown length", 1001, false, 1, tcretry.StopNotReplayable},
	} {
		t.Run(row.name, func(t *testing.T) {
			var lengths []int64
			var bodies []string
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				bodies, lengths = append(bodies, string(b)), append(lengths, r.ContentLength)
				w.Header().Set("Content-Type", "application/json")
				if len(bodies) == 1 {
					_, _ = io.WriteString(w, `{"Response":{"Error":{"Code":"InternalError","Message":"m"},"RequestId":"r"}}`)
				}
			}))
			defer srv.Close()
			var events probe.Events
			rt := tcretry.New(nil, tcretry.WithPolicy(probe.Quick()), tcretry.WithMaxReplayBytes(1000), tcretry.WithHooks(events.Hooks()))
			text := strings.Repeat("x", row.size)
			body := &probe.CloseCounter{Reader: strings.NewReader(text)}
			req := probe.SDKRequest(t, "RunInstances", body)
			req.URL, _ = url.Parse(srv.URL)
			length := int64(-1)
			if row.known {
				length = int64(row.size)
				req.ContentLength = length
			}
			resp, err := rt.RoundTrip(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, row.reason, events.Done[0].Reason)
			require.Len(t, bodies, row.attempts)
			for i := range bodies {
				require.Equal(t, text, bodies[i])
				require.Equal(t, length, lengths[i])
			}
			require.Equal(t, 1, body.Closed)
		})
	}
}

func TestGetBodyIsUsedAndNothingIsCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []io.Reader
		base := probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			got = append(got, req.Body)
			_ = req.Body.Close()
			return nil, io.EOF
		})
		own := &probe.CloseCounter{Reader: strings.NewReader("{}")}
		req := probe.SDKRequest(t, "DescribeInstances", own)
		var copies []*probe.CloseCounter
		req.GetBody = func() (io.ReadCloser, error) {
			copies = append(copies, &probe.CloseCounter{Reader: strings.NewReader("{}")})
			return copies[len(copies)-1], nil
		}
		_, err := tcretry.New(base).RoundTrip(req)
		require.ErrorIs(t, err, io.EOF)
		require.Equal(t, []io.Reader{own, copies[0], copies[1], copies[2]}, got)
		for _, c := range append(copies, own) {
			require.Equal(t, 1, c.Closed)
		}
	})
}

func TestAGetBodyThatFailsEndsTheCallWithItsResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events probe.Events
		rt := tcretry.New(probe.Always(tctest.Fail("InternalError", "")), tcretry.WithHooks(events.Hooks()))
		req := probe.SDKRequest(t, "DescribeInstances", strings.NewReader("{}"))
		req.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("gone") }
		resp, err := rt.RoundTrip(req)
		require.NoError(t, err)
		probe.RequireCode(t, "InternalError", tcretry.CheckResponse(resp))
		require.Equal(t, tcretry.StopNotReplayable, events.Done[0].Reason)
	})
}

// A GetBody is the caller's code: one that does what it must not is no reason to
// lose a response, or to send a request without its body.
func TestAGetBodyThatReturnsNilEndsTheCallWithItsResponse(t *testing.T) {
	for name, getBody := range map[string]func() (io.ReadCloser, error){
		"nothing": func() (io.ReadCloser, error) { return nil, nil },
		"a panic": func() (io.ReadCloser, error) { panic("a bug of the caller") },
	} {
		for asks, change := range map[string]func(*http.Request){
			"the next attempt":     func(*http.Request) {},
			"who looks for a form": func(r *http.Request) { r.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}} },
			"who looks for a token": func(r *http.Request) {
				r.Header.Set("X-Tc-Action", "RunInstances")
			},
			"who looks for a token among parts": func(r *http.Request) {
				r.Header.Set("X-Tc-Action", "RunInstances")
				r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
			},
		} {
			t.Run(name+", "+asks, func(t *testing.T) {
				var events probe.Events
				policy := probe.Quick()
				policy.Codes["InternalError"] = tcretry.Rule{IdempotentOnly: true}
				rt := tcretry.New(probe.Always(tctest.Fail("InternalError", "")), tcretry.WithHooks(events.Hooks()),
					tcretry.WithPolicy(policy), tcretry.WithClientTokens())
				req := probe.SDKRequest(t, "DescribeInstances", strings.NewReader("{}"))
				req.GetBody = getBody
				change(req)
				resp, err := rt.RoundTrip(req)
				require.NoError(t, err)
				probe.RequireCode(t, "InternalError", tcretry.CheckResponse(resp))
				require.NoError(t, resp.Body.Close())
				require.Len(t, events.Attempts, 1)
			})
		}
	}
}

func TestABodyIsClosedWhenTheCallEndsBeforeAnAttempt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	body := &probe.CloseCounter{Reader: strings.NewReader("{}")}
	var events probe.Events
	limiter := limiterFunc(func(ctx context.Context) error { return context.Cause(ctx) })
	rt := tcretry.New(tctest.NewAPI(), tcretry.WithRateLimiter(limiter), tcretry.WithHooks(events.Hooks()))
	_, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", body).WithContext(ctx))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, body.Closed)
	require.Equal(t, 0, events.Done[0].Attempts)
	require.Equal(t, tcretry.StopCanceled, events.Done[0].Reason)
}

// The copy for the next attempt is there before the wait, because without one there
// would be nothing to wait for.
func TestTheCopyForARetryThatIsNotMadeIsClosed(t *testing.T) {
	for _, ends := range []string{"canceled", "too late", "no budget"} {
		t.Run(ends, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				turns := 0
				opts := []tcretry.Option{tcretry.WithRateLimiter(limiterFunc(func(context.Context) error {
					if turns++; turns == 2 && ends == "too late" {
						return ratelimit.ErrTooLate
					}
					return nil
				})), tcretry.WithPolicy(probe.Exact())}
				switch ends {
				case "canceled":
					time.AfterFunc(300*time.Millisecond, cancel)
				case "no budget":
					opts = append(opts, tcretry.WithBudget(probe.NoBudget{}))
				}
				req := probe.SDKRequest(t, "DescribeInstances", strings.NewReader("{}")).WithContext(ctx)
				var copies []*probe.CloseCounter
				req.GetBody = func() (io.ReadCloser, error) {
					copies = append(copies, &probe.CloseCounter{Reader: strings.NewReader("{}")})
					return copies[len(copies)-1], nil
				}
				_, _ = tcretry.New(probe.Always(tctest.Fail("InternalError", "")), opts...).RoundTrip(req)
				require.Len(t, copies, 1)
				require.Equal(t, 1, copies[0].Closed)
			})
		})
	}
}
