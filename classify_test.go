package tcretry_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tc3"
	"github.com/tcretry/tcretry/tctest"
)

// publishedCodes are the codes of the API's two tables, common and business, and
// how many attempts, of at most 3, a call makes if every response has the code.
// Source: cloud.tencent.com/document/product/213/30435 and the older list of
// cloud.tencent.com/document/api/628/45176.
var publishedCodes = map[string]int{
	"AuthFailure.InvalidSecretId":       1,
	"AuthFailure.MFAFailure":            1,
	"AuthFailure.SecretIdNotFound":      1,
	"AuthFailure.SignatureExpire":       1,
	"AuthFailure.SignatureFailure":      1,
	"AuthFailure.TokenFailure":          1,
	"AuthFailure.UnauthorizedOperation": 1,
	"DryRunOperation":                   1,
	"FailedOperation":                   1,
	"InternalError":                     3,
	"InternalError.Test":                1,
	"InvalidAction":                     1,
	"InvalidParameter":                  1,
	"InvalidParameterValue":             1,
	"LimitExceeded":                     1,
	"MissingParameter":                  1,
	"NoSuchVersion":                     1,
	"RequestLimitExceeded":              3,
	"ResourceInUse":                     3,
	"ResourceInsufficient":              1,
	"ResourceNotFound":                  1,
	"ResourceUnavailable":               1,
	"UnauthorizedOperation":             1,
	"UnknownParameter":                  1,
	"UnsupportedOperation":              1,
	"UnsupportedProtocol":               1,
	"UnsupportedRegion":                 1,
	// Sub-codes follow their family.
	"InternalError.NeverHeardOf":        3,
	"ResourceInUse.NeverHeardOf":        3,
	"RequestLimitExceeded.NeverHeardOf": 3,
	// A family is a whole word.
	"InternalErrors":      1,
	"ResourceInUseNot.It": 1,
}

func TestEveryPublishedCodeIsRetriedOrNot(t *testing.T) {
	rows := publishedCodes
	var common []struct{ Code string }
	probe.ReadJSON(t, "testdata/vectors/common_codes.json", &common)
	require.Len(t, common, 38)
	for _, c := range common {
		if _, known := rows[c.Code]; !known {
			rows[c.Code] = 1
			if strings.HasPrefix(c.Code, "RequestLimitExceeded.") {
				rows[c.Code] = 3
			}
		}
	}
	attempts := 0
	code := ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		attempts++
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"Response":{"Error":{"Code":%q,"Message":"m"},"RequestId":"r"}}`, code)
	}))
	defer srv.Close()
	policy := probe.Quick()
	policy.MaxAttempts = 3
	client := &http.Client{Transport: tcretry.New(nil, tcretry.WithPolicy(policy), tcretry.WithoutBudget(), tcretry.WithoutRateLimiter())}
	for row, want := range rows {
		t.Run(row, func(t *testing.T) {
			attempts, code = 0, row
			req := probe.SDKRequest(t, "RunInstances", strings.NewReader(`{}`))
			req.URL, _ = url.Parse(srv.URL)
			resp, err := client.Do(req)
			require.NoError(t, err)
			probe.RequireCode(t, row, tcretry.CheckResponse(resp))
			require.NoError(t, resp.Body.Close())
			require.Equal(t, want, attempts)
		})
	}
}

func TestTransportErrorsAreClassified(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	rows := []struct {
		name      string
		err       error
		maybeSent bool
		class     tcretry.Class
	}{
		{"refused", refused, false, tcretry.Transient},
		{"refused, by a base without traces", refused, true, tcretry.Transient},
		{"DNS", &net.DNSError{Err: "no such host", Name: "x"}, true, tcretry.Transient},
		{"a handshake that failed", errors.New("tls: handshake failure"), false, tcretry.Transient},
		{"lost after it was written", io.EOF, true, tcretry.Ambiguous},
		{"reset after it was written", syscall.ECONNRESET, true, tcretry.Ambiguous},
		{"an untrusted certificate", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, false, tcretry.Terminal},
		{"a bad scheme", errors.New(`unsupported protocol scheme "ftp"`), false, tcretry.Terminal},
		{"a bad header", errors.New(`net/http: invalid header field value for "X"`), false, tcretry.Terminal},
		{"terminal by its method", &tc3.RequestError{Reason: "no action"}, false, tcretry.Terminal},
		{"a stream that HTTP/2 refused", errors.New("stream error: stream ID 5; REFUSED_STREAM; received from peer"), true, tcretry.Transient},
		{"one whose body has no GetBody", errors.New("http2: Transport: cannot retry err [stream error: stream ID 5; REFUSED_STREAM; received from peer] after Request.Body was written; define Request.GetBody to avoid this error"), true, tcretry.Transient},
		{"GOAWAY before the stream", errors.New("http2: Transport received Server's graceful shutdown GOAWAY"), true, tcretry.Transient},
		{"GOAWAY before the first stream", errors.New("http2: Transport received GOAWAY from server ErrCode:ENHANCE_YOUR_CALM"), true, tcretry.Transient},
		{"a stream that was reset", errors.New("stream error: stream ID 5; INTERNAL_ERROR; received from peer"), true, tcretry.Ambiguous},
		{"a protocol error", errors.New("http2: Transport: cannot retry err [stream error: stream ID 5; PROTOCOL_ERROR; received from peer] after Request.Body was written"), true, tcretry.Ambiguous},
		{"GOAWAY, whatever its text", errors.New(`http2: server sent GOAWAY and closed the connection; LastStreamID=5, ErrCode=NO_ERROR, debug="stream error: stream ID 5; REFUSED_STREAM"`), true, tcretry.Ambiguous},
		{"redirects", errors.New("stopped after 10 redirects"), true, tcretry.Terminal},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			o := tcretry.Outcome{Err: row.err, MaybeSent: row.maybeSent}
			require.Equal(t, row.class, tcretry.DefaultClassifier().Classify(o))
			o.Err = fmt.Errorf("wrapped: %w", row.err)
			require.Equal(t, row.class, tcretry.DefaultClassifier().Classify(o))
		})
	}
}

func TestChainReturnsTheFirstClassThatIsDecided(t *testing.T) {
	always := func(c tcretry.Class) tcretry.Classifier {
		return tcretry.ClassifierFunc(func(tcretry.Outcome) tcretry.Class { return c })
	}
	require.Equal(t, tcretry.Busy,
		tcretry.Chain(nil, always(tcretry.Undecided), always(tcretry.Busy), always(tcretry.Terminal)).Classify(tcretry.Outcome{}))
	require.Equal(t, tcretry.Undecided, tcretry.Chain().Classify(tcretry.Outcome{}))
}

func TestAClassifierIsCalledBeforeTheRulesWithAnEmptyBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Script("DescribeInstances", tctest.Fail("FailedOperation", "please wait"), tctest.OK(nil))
		var seen []tcretry.Outcome
		rt := tcretry.New(api, tcretry.WithClassifier(tcretry.ClassifierFunc(func(o tcretry.Outcome) tcretry.Class {
			seen = append(seen, o)
			_, err := io.ReadAll(o.Response.Body)
			require.NoError(t, err)
			if o.APIError != nil && o.APIError.Message == "please wait" {
				return tcretry.Busy
			}
			return tcretry.Undecided
		})))
		resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Contains(t, string(body), "RequestId")
		require.Len(t, seen, 2)
		require.Equal(t, "FailedOperation", seen[0].APIError.Code)
		require.Equal(t, tcretry.Operation{
			Service: "cvm", Action: "DescribeInstances", Region: "ap-guangzhou", Host: "cvm.tencentcloudapi.com", Method: "POST",
		}, seen[0].Operation)
	})
}

func TestTheRuleOfACodeAppliesToTheClassOfAClassifier(t *testing.T) {
	busy := tcretry.WithClassifier(tcretry.ClassifierFunc(func(o tcretry.Outcome) tcretry.Class {
		if o.APIError != nil {
			return tcretry.Busy
		}
		return tcretry.Undecided
	}))
	for name, row := range map[string]struct {
		rule     tcretry.Rule
		attempts int
		took     time.Duration
		reason   tcretry.StopReason
	}{
		"attempts":             {tcretry.Rule{MaxAttempts: 2, Backoff: probe.Every(time.Second)}, 2, time.Second, tcretry.StopMaxAttempts},
		"idempotent only":      {tcretry.Rule{IdempotentOnly: true}, 1, 0, tcretry.StopNotIdempotent},
		"delays":               {tcretry.Rule{Backoff: probe.Every(7 * time.Second)}, 4, 21 * time.Second, tcretry.StopMaxAttempts},
		"but for the class":    {tcretry.Rule{Class: tcretry.Terminal, Backoff: probe.Every(time.Second)}, 4, 3 * time.Second, tcretry.StopMaxAttempts},
		"of another, attempts": {tcretry.Rule{Class: tcretry.Transient, MaxAttempts: 1}, 1, 0, tcretry.StopMaxAttempts},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var events probe.Events
				policy := tcretry.Policy{Codes: map[string]tcretry.Rule{"FailedOperation": row.rule}}
				rt := tcretry.New(probe.Always(tctest.Fail("FailedOperation.Mine", "")), busy, tcretry.WithPolicy(policy),
					tcretry.WithHooks(events.Hooks()), tcretry.WithoutBudget())
				start := time.Now()
				probe.RoundTrip(t, rt, probe.SDKRequest(t, "RunInstances", nil))
				require.Equal(t, row.attempts, events.Done[0].Attempts)
				require.Equal(t, row.took, time.Since(start))
				require.Equal(t, row.reason, events.Done[0].Reason)
				require.Equal(t, tcretry.Busy, events.Done[0].Class)
			})
		})
	}
}

func TestClassifiersAreCalledInTheirOrderUntilOneDecides(t *testing.T) {
	var called []tcretry.Class
	always := func(c tcretry.Class) tcretry.Option {
		return tcretry.WithClassifier(tcretry.ClassifierFunc(func(tcretry.Outcome) tcretry.Class {
			called = append(called, c)
			return c
		}))
	}
	var events probe.Events
	rt := tcretry.New(tctest.NewAPI(), always(tcretry.Undecided), always(tcretry.Terminal), always(tcretry.Busy), tcretry.WithHooks(events.Hooks()))
	probe.RoundTrip(t, rt, probe.SDKRequest(t, "DescribeInstances", nil))
	require.Equal(t, []tcretry.Class{tcretry.Undecided, tcretry.Terminal}, called)
	require.Equal(t, tcretry.Terminal, events.Done[0].Class)
}

func TestAClassifierThatPanicsCountsAsUndecided(t *testing.T) {
	api := probe.Always(tctest.Fail("InvalidParameter", ""))
	rt := tcretry.New(api, tcretry.WithClassifier(tcretry.ClassifierFunc(func(tcretry.Outcome) tcretry.Class { panic("no") })))
	resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
	require.NoError(t, err)
	probe.RequireCode(t, "InvalidParameter", tcretry.CheckResponse(resp))
}

func TestASlowClassifierDelaysItsCallOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		rt := tcretry.New(api, tcretry.WithClassifier(tcretry.ClassifierFunc(func(o tcretry.Outcome) tcretry.Class {
			if o.Operation.Action == "Slow" {
				time.Sleep(time.Minute)
			}
			return tcretry.Undecided
		})))
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = rt.RoundTrip(probe.SDKRequest(t, "Slow", nil))
		}()
		start := time.Now()
		_, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		require.Zero(t, time.Since(start))
		<-done
		require.Equal(t, time.Minute, time.Since(start))
	})
}

func TestIdempotentRuleIsReplaceable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Script("RunInstances", tctest.DropAfterExecution(), tctest.OK(nil))
		rt := tcretry.New(api, tcretry.WithIdempotency(func(req *http.Request) bool {
			return req.Header["X-Tc-Action"][0] == "RunInstances"
		}))
		_, err := rt.RoundTrip(probe.SDKRequest(t, "RunInstances", nil))
		require.NoError(t, err)
		require.Equal(t, 2, api.Executions("RunInstances"))

		api.Script("DescribeInstances", tctest.DropAfterExecution())
		panics := tcretry.New(api, tcretry.WithIdempotency(func(*http.Request) bool { panic("no") }))
		_, err = panics.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
		require.Error(t, err, "a rule that panics returns false")
	})
}

// terminal is an error that prevents retries.
type terminal struct{ error }

func (terminal) Terminal() bool { return true }

func TestTheUnderlyingRoundTripperCanMakeAnErrorTerminal(t *testing.T) {
	err := fmt.Errorf("signing: %w", terminal{errors.New("no key")})
	require.Equal(t, tcretry.Terminal, tcretry.DefaultClassifier().Classify(tcretry.Outcome{Err: err}))
	require.Equal(t, tcretry.Transient, tcretry.DefaultClassifier().Classify(tcretry.Outcome{Err: errors.New("no key")}))
}
