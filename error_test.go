package tcretry_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

func TestALostConnectionOfANonIdempotentRequestIsAnUnknownOutcome(t *testing.T) {
	api := tctest.NewAPI(tctest.DropAfterExecution())
	var told probe.Events
	_, err := tcretry.New(api, tcretry.WithHooks(told.Hooks())).RoundTrip(probe.SDKRequest(t, "RunInstances", nil))
	require.Equal(t, &tcretry.Error{
		Reason: tcretry.StopNotIdempotent, Attempts: 1, Action: "RunInstances", OutcomeUnknown: true, Err: io.EOF,
	}, err)
	require.EqualError(t, err, "tcretry: RunInstances: giving up after 1 attempt (not_idempotent): EOF; "+
		"outcome unknown: the request may have been executed")
	require.ErrorIs(t, err, tcretry.ErrOutcomeUnknown)
	require.ErrorIs(t, err, io.EOF)
	require.True(t, told.Done[0].OutcomeUnknown)
	require.Equal(t, 1, api.Executions("RunInstances"))
}

func TestARequestThatWasNeverSentIsNoUnknownOutcome(t *testing.T) {
	for _, attempts := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			rt := tcretry.New(probe.Failing(probe.RefusedConn), tcretry.WithPolicy(tcretry.Policy{MaxAttempts: attempts}))
			_, err := rt.RoundTrip(probe.SDKRequest(t, "RunInstances", nil))
			require.Equal(t, &tcretry.Error{
				Reason: tcretry.StopMaxAttempts, Attempts: attempts, Action: "RunInstances", Err: probe.RefusedConn,
			}, err)
			require.NotErrorIs(t, err, tcretry.ErrOutcomeUnknown)
			require.NotContains(t, err.Error(), "outcome unknown")
		})
	}
}

// An attempt that was lost may have been executed, whatever became of the later ones.
func TestTheOutcomeStaysUnknownWhenLaterAttemptsAreNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told probe.Events
		api := tctest.NewAPI(tctest.DropAfterExecution(), tctest.RefuseConnection(), tctest.RefuseConnection(), tctest.RefuseConnection())
		body := strings.NewReader(`{"ClientToken":"t"}`)
		_, err := tcretry.New(api, tcretry.WithHooks(told.Hooks())).RoundTrip(probe.SDKRequest(t, "RunInstances", body))
		require.ErrorIs(t, err, tcretry.ErrOutcomeUnknown)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)

		api = tctest.NewAPI(tctest.DropAfterExecution(), tctest.Fail("InvalidParameter", ""))
		_, err = tcretry.New(api, tcretry.WithHooks(told.Hooks())).RoundTrip(probe.SDKRequest(t, "RunInstances", strings.NewReader(`{"ClientToken":"t"}`)))
		require.NoError(t, err)
		require.True(t, told.Done[1].OutcomeUnknown, "the second attempt failed, the first one may not have")

		api = tctest.NewAPI(tctest.DropAfterExecution(), tctest.OK(nil))
		_, err = tcretry.New(api, tcretry.WithHooks(told.Hooks())).RoundTrip(probe.SDKRequest(t, "RunInstances", strings.NewReader(`{"ClientToken":"t"}`)))
		require.NoError(t, err)
		require.False(t, told.Done[2].OutcomeUnknown, "a success is known")
	})
}

// A caller's classifier decides about retries. It cannot make a request unsent.
func TestAClassThatAClassifierGaveDecidesWhetherTheOutcomeIsUnknown(t *testing.T) {
	for class, unknown := range map[tcretry.Class]bool{
		tcretry.Terminal: true, tcretry.Ambiguous: true, tcretry.Transient: false, tcretry.Busy: false, tcretry.Success: false,
	} {
		for name, answer := range map[string]tctest.Reply{"lost": tctest.DropAfterExecution(), "page": tctest.GatewayError(http.StatusBadGateway)} {
			t.Run(class.String()+", "+name, func(t *testing.T) {
				var told probe.Events
				decides := tcretry.ClassifierFunc(func(tcretry.Outcome) tcretry.Class { return class })
				rt := tcretry.New(tctest.NewAPI(answer), tcretry.WithClassifier(decides), tcretry.WithHooks(told.Hooks()),
					tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 1}))
				_, err := rt.RoundTrip(probe.SDKRequest(t, "RunInstances", nil))
				require.Equal(t, unknown, told.Done[0].OutcomeUnknown)
				require.Equal(t, unknown && name == "lost", errors.Is(err, tcretry.ErrOutcomeUnknown))
			})
		}
	}
}

func TestAnAPIErrorOfAPolicyThatDistrustsItIsAnUnknownOutcome(t *testing.T) {
	for _, row := range []struct {
		policy  tcretry.Policy
		code    string
		unknown bool
	}{
		{tcretry.ConservativePolicy(), "InternalError", true},
		{tcretry.ConservativePolicy(), "InvalidParameter", false},
		{tcretry.Policy{MaxAttempts: 1}, "InternalError", false},
	} {
		var told probe.Events
		rt := tcretry.New(tctest.NewAPI(tctest.Fail(row.code, "")), tcretry.WithPolicy(row.policy), tcretry.WithHooks(told.Hooks()))
		_, err := rt.RoundTrip(probe.SDKRequest(t, "RunInstances", nil))
		require.NoError(t, err)
		require.Equal(t, row.unknown, told.Done[0].OutcomeUnknown)
	}
}

// A call whose context has ended already sends nothing: net/http looks first.
func TestACallThatWasCanceledBeforeItBeganIsNoUnknownOutcome(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := tcretry.New(nil, tcretry.WithoutRateLimiter()).RoundTrip(probe.SDKRequest(t, "RunInstances", nil).WithContext(ctx))
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, tcretry.ErrOutcomeUnknown)
}

// What net/http rejects before it looks for a connection was not sent.
func TestARequestThatNetHTTPRejectsIsTerminalAndReturnedUnchanged(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"no host":  func(r *http.Request) { r.URL.Host = "" },
		"no URL":   func(r *http.Request) { r.URL = nil },
		"a method": func(r *http.Request) { r.Method = "bad method" },
		"a scheme": func(r *http.Request) { r.URL.Scheme = "ftp" },
		"a header": func(r *http.Request) { r.Header["X"] = []string{"\n"} },
	} {
		t.Run(name, func(t *testing.T) {
			req := probe.SDKRequest(t, "RunInstances", nil)
			change(req)
			_, want := http.DefaultTransport.RoundTrip(req)
			var told probe.Events
			_, err := tcretry.New(nil, tcretry.WithHooks(told.Hooks())).RoundTrip(req)
			require.Equal(t, want, err)
			require.Equal(t, tcretry.StopTerminal, told.Done[0].Reason)
			require.False(t, told.Done[0].OutcomeUnknown)
		})
	}
}

// go-retryablehttp tests the type of the direct cause; http.Client and programs
// before errors.As do so, too.
func TestTheErrorThatNoRetryCanHelpIsReturnedUnchanged(t *testing.T) {
	untrusted := &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	tries := 0
	base := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) { tries++; return nil, untrusted })
	_, err := tcretry.New(base).RoundTrip(probe.SDKRequest(t, "RunInstances", nil))
	require.Same(t, untrusted, err)

	outside := retryablehttp.NewClient()
	outside.Logger, outside.RetryWaitMin, outside.RetryWaitMax = nil, 1, 1
	outside.HTTPClient.Transport = tcretry.New(base)
	tries = 0
	_, err = outside.Get("https://cvm.tencentcloudapi.com")
	require.Error(t, err)
	require.Equal(t, 1, tries, "it knows that a retry is in vain")
}

// temporary is an error as package net has them.
type temporary struct{ error }

func (temporary) Timeout() bool   { return false }
func (temporary) Temporary() bool { return true }

// http.Client asks the direct cause of its *url.Error, and the official SDK asks
// that one.
func TestErrorIsANetErrorThatReportsWhatItsCauseDoes(t *testing.T) {
	for name, row := range map[string]struct {
		err                error
		timeout, temporary bool
	}{
		"EOF":            {io.EOF, false, false},
		"temporary":      {temporary{io.EOF}, false, true},
		"a time-out":     {os.ErrDeadlineExceeded, true, true},
		"a context's":    {context.DeadlineExceeded, true, true},
		"reset":          {syscall.ECONNRESET, false, false},
		"timed out (OS)": {syscall.ETIMEDOUT, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			var got [2]net.Error
			for i, rt := range []http.RoundTripper{probe.Failing(row.err), tcretry.New(probe.Failing(row.err))} {
				_, err := (&http.Client{Transport: rt}).Do(probe.SDKRequest(t, "RunInstances", nil))
				got[i], _ = err.(net.Error)
				require.Equal(t, row.timeout, got[i].Timeout(), i)
				//lint:ignore SA1019 the official SDK asks for it
				require.Equal(t, row.temporary, got[i].Temporary(), i)
			}
			require.ErrorIs(t, got[1], tcretry.ErrOutcomeUnknown)
			require.ErrorIs(t, got[1], row.err)
		})
	}
}

func TestTheTextOfAnErrorHoldsNoAddress(t *testing.T) {
	const address = "https://cvm.tencentcloudapi.com/?SecretId=AKIDSECRET&Signature=SECRETSIG"
	located := &url.Error{Op: "Get", URL: address, Err: io.ErrUnexpectedEOF}
	for name, row := range map[string]struct {
		err  error
		want string
	}{
		"alone":   {located, "unexpected EOF"},
		"wrapped": {errors.Join(errors.New("a"), &url.Error{Op: "Post", URL: address, Err: located}), "a\n"},
		"other":   {reworded{located}, "no way to …"},
		"endless": {selfWrapped{}, "endless"},
	} {
		t.Run(name, func(t *testing.T) {
			err := error(&tcretry.Error{Reason: tcretry.StopMaxAttempts, Attempts: 2, Action: "DescribeInstances", Err: row.err, LastErr: row.err})
			require.Contains(t, err.Error(), "(max_attempts): "+row.want)
			require.Contains(t, err.Error(), "; last error: "+row.want)
			require.NotContains(t, err.Error(), "SECRET")
		})
	}
}

// reworded is a wrapper that puts the address in words of its own.
type reworded struct{ located *url.Error }

func (r reworded) Error() string { return "no way to " + r.located.URL }
func (r reworded) Unwrap() error { return r.located }

// selfWrapped is an error that wraps itself.
type selfWrapped struct{}

func (selfWrapped) Error() string   { return "endless" }
func (e selfWrapped) Unwrap() error { return e }
