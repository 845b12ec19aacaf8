package e2e_test

import (
	"context"
	"errors"
	"io"
	"net/http"
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

// formRequest is a signed v1 request in a form whose body can be read only once.
func formRequest(t *testing.T, body io.Reader) *http.Request {
	req := bareRequest(t, http.MethodPost, nil)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	req.Body = io.NopCloser(body)
	req.ContentLength = -1
	return req
}

// signedForm are the parameters of a read, signed so long ago.
func signedForm(age time.Duration) string {
	return url.Values{
		"Action": {"DescribeInstances"}, "Version": {"2017-03-12"}, "SecretId": {"AKIDEXAMPLE"}, "Signature": {"x"},
		"Timestamp": {probe.Timestamp(time.Now().Add(-age))},
	}.Encode()
}

// patient retries every minute, for twelve.
func patient() tcretry.Option {
	minute := tcretry.Backoff{Initial: time.Minute, Max: time.Minute, Jitter: tcretry.NoJitter}
	return tcretry.WithPolicy(tcretry.Policy{
		MaxAttempts: 100, MaxElapsed: 12 * time.Minute, MaxDelay: time.Hour,
		Codes: map[string]tcretry.Rule{"InternalError": {Backoff: minute}},
	})
}

// aging fails every attempt, of whose body it reads n bytes, and requires that none
// comes five minutes after the signature was made.
func aging(t *testing.T, signed time.Time, n int64, attempts *int) http.RoundTripper {
	return probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		*attempts++
		require.Less(t, time.Since(signed), 5*time.Minute)
		_, err := io.Copy(io.Discard, io.LimitReader(req.Body, n))
		require.NoError(t, err)
		require.NoError(t, req.Body.Close())
		if n == 0 {
			time.Sleep(50 * time.Second) // the backoff after errors is short
			return nil, probe.RefusedConn
		}
		return tctest.NewAPI(tctest.Fail("InternalError", "")).RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
	})
}

func TestASignatureInAFormThatCannotBeReadAgainIsNotSentOnceItIsTooOld(t *testing.T) {
	for name, row := range map[string]struct {
		read     int64 // by each attempt
		age      time.Duration
		attempts int
	}{
		"read whole":                     {1 << 20, 0, 5},
		"read to its middle":             {40, 0, 5},
		"not read":                       {0, 0, 6},
		"not read, signed 100 s earlier": {0, 100 * time.Second, 4},
		"not read, 280 s earlier":        {0, 280 * time.Second, 1},
		"read whole, 280 s earlier":      {1 << 20, 280 * time.Second, 1},
		"already too old":                {1 << 20, time.Hour, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				signed, attempts := time.Now().Add(-row.age), 0
				if row.age == time.Hour {
					signed = time.Now() // the first attempt goes out whatever its signature says
				}
				var events probe.Events
				rt := tcretry.New(aging(t, signed, row.read, &attempts), patient(), tcretry.WithoutBudget(), tcretry.WithHooks(events.Hooks()))
				_, _ = rt.RoundTrip(formRequest(t, strings.NewReader(signedForm(row.age))))
				require.Equal(t, tcretry.StopSignatureExpired, events.Done[0].Reason)
				require.Equal(t, row.attempts, attempts)
				require.Equal(t, "DescribeInstances", events.Done[0].Action, "the action is known, too")
			})
		})
	}
}

// What a call reads of a form is sent with the next attempt, whole.
func TestAFormThatWasReadAheadIsSentWhole(t *testing.T) {
	for _, read := range []int64{0, 40, 1 << 20} {
		synctest.Test(t, func(t *testing.T) {
			want, attempts := signedForm(0)+"&X="+strings.Repeat("x", 100_000), 0
			body := &probe.CloseCounter{Reader: strings.NewReader(want)}
			req := formRequest(t, nil)
			req.Body = body
			base := probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
				defer func() { _ = req.Body.Close() }()
				if attempts++; attempts == 1 {
					_, _ = io.CopyN(io.Discard, req.Body, read)
					return nil, probe.RefusedConn
				}
				got, err := io.ReadAll(req.Body)
				require.NoError(t, err)
				require.Equal(t, want, string(got))
				return tctest.NewAPI().RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
			})
			_, err := tcretry.New(base).RoundTrip(req)
			require.NoError(t, err)
			require.Equal(t, 2, attempts)
			require.Equal(t, 1, body.Closed)
		})
	}
}

// lateBody has its first byte after a while.
type lateBody struct {
	io.Reader
	after time.Duration
}

func (b *lateBody) Read(p []byte) (int, error) {
	time.Sleep(b.after)
	b.after = 0
	return b.Reader.Read(p)
}

// A form that comes too late to be read ahead is the body of the next attempt.
func TestAFormThatComesLateIsSentWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want, attempts := signedForm(0), 0
		base := probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			defer func() { _ = req.Body.Close() }()
			if attempts++; attempts == 1 {
				return nil, probe.RefusedConn
			}
			got, err := io.ReadAll(req.Body)
			require.NoError(t, err)
			require.Equal(t, want, string(got))
			return tctest.NewAPI().RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
		})
		_, err := tcretry.New(base).RoundTrip(formRequest(t, &lateBody{strings.NewReader(want), time.Minute}))
		require.NoError(t, err)
		require.Equal(t, 2, attempts)
	})
}

// stuckBody never comes to its end, until it is closed.
type stuckBody struct{ closed chan struct{} }

func (b *stuckBody) Read([]byte) (int, error) {
	<-b.closed
	return 0, errors.New("closed")
}

func (b *stuckBody) Close() error {
	close(b.closed)
	return nil
}

// A form that comes late, or never, delays no retry for it.
func TestAFormThatDoesNotComeIsNotWaitedFor(t *testing.T) {
	for name, row := range map[string]struct {
		ctx      func(context.Context) context.Context
		options  []tcretry.Option
		reason   tcretry.StopReason
		attempts int
	}{
		"retried":          {nil, nil, tcretry.StopMaxAttempts, 4},
		"canceled":         {probe.CanceledAfter(30 * time.Millisecond), nil, tcretry.StopCanceled, 1},
		"no retry in time": {probe.Within(30 * time.Millisecond), nil, tcretry.StopDeadlineExceeded, 1},
		"no retry is made": {nil, []tcretry.Option{tcretry.WithBudget(probe.NoBudget{})}, tcretry.StopBudgetExhausted, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				req := formRequest(t, nil)
				body := &stuckBody{make(chan struct{})}
				req.Body = body
				if row.ctx != nil {
					req = req.WithContext(row.ctx(req.Context()))
				}
				base := probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
					_ = req.Body.Close()
					return nil, probe.RefusedConn
				})
				var events probe.Events
				start := time.Now()
				_, err := tcretry.New(base, append(row.options, tcretry.WithHooks(events.Hooks()))...).RoundTrip(req)
				require.ErrorIs(t, err, probe.RefusedConn)
				require.Equal(t, row.reason, events.Done[0].Reason)
				require.Equal(t, row.attempts, events.Done[0].Attempts)
				require.Less(t, time.Since(start), 10*time.Second)
				time.Sleep(time.Second)
				<-body.closed // closing it twice would panic
			})
		})
	}
}

// A form that waits for its first attempt must not get too old either, whose
// Timestamp has not been read yet.
func TestAFormDoesNotWaitForItsFirstAttemptUntilItIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var latest time.Duration
		start := time.Now()
		limiter := slotFunc(func(turn ratelimit.WaitOptions) error {
			latest = turn.NotAfter.Sub(start)
			return nil
		})
		rt := tcretry.New(tctest.NewAPI(), patient(), tcretry.WithRateLimiter(limiter))
		probe.RoundTrip(t, rt, formRequest(t, strings.NewReader(signedForm(0))))
		require.Equal(t, 290*time.Second, latest)
	})
}

// slotFunc is a rate limiter for one key whose Wait is the function, called with the slot.
type slotFunc func(ratelimit.WaitOptions) error

func (f slotFunc) ForKey(ratelimit.Key) ratelimit.KeyLimiter { return f }

func (f slotFunc) Wait(_ context.Context, turn ratelimit.WaitOptions) error { return f(turn) }

func (f slotFunc) Done(ratelimit.Result) {}

func (f slotFunc) Accepted() uint64 { return 0 }
