package e2e_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

// overPipes runs a test in a bubble, once for each version of HTTP, with an underlying RoundTripper
// that reaches handler over pipes.
func overPipes(t *testing.T, handler http.HandlerFunc, test func(t *testing.T, base *http.Transport)) {
	t.Helper()
	versions := map[string]func(*http.Protocols){
		"HTTP/1.1": func(p *http.Protocols) { p.SetHTTP1(true) },
		"HTTP/2":   func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) },
	}
	for name, speak := range versions {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				protocols := new(http.Protocols)
				speak(protocols)
				pipes := make(pipes)
				server := &http.Server{Handler: handler, Protocols: protocols}
				go func() { _ = server.Serve(pipes) }()
				base := &http.Transport{Protocols: protocols, DialContext: pipes.dial}
				defer func() {
					base.CloseIdleConnections()
					_ = server.Close()
				}()
				test(t, base)
			})
		})
	}
}

// pipes is a listener whose connections are pipes.
type pipes chan net.Conn

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p <- server
	return client, nil
}

func (p pipes) Accept() (net.Conn, error) {
	if conn := <-p; conn != nil {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error { close(p); return nil }

func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }

// contexts keeps the contexts of the attempts that pass to base.
type contexts struct {
	base http.RoundTripper
	list []context.Context
}

func (c *contexts) RoundTrip(req *http.Request) (*http.Response, error) {
	c.list = append(c.list, req.Context())
	return c.base.RoundTrip(req)
}

// plainRequest is a read over HTTP without TLS.
func plainRequest(t *testing.T) *http.Request {
	req := probe.SDKRequest(t, "DescribeInstances", nil)
	req.URL.Scheme = "http"
	return req
}

func TestAnAttemptThatHangsIsEndedAtTheServerAndTheNextOneSucceeds(t *testing.T) {
	start, ended, requests := time.Time{}, time.Duration(0), 0
	handler := func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests == 1 {
			<-r.Context().Done()
			ended = time.Since(start)
			return
		}
		time.Sleep(9 * time.Second)
		_, _ = io.WriteString(w, `{"Response":{"RequestId":"r"}}`)
	}
	overPipes(t, handler, func(t *testing.T, base *http.Transport) {
		requests, start = 0, time.Now()
		var events probe.Events
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		rt := tcretry.New(base, tcretry.WithAttemptTimeout(10*time.Second), tcretry.WithHooks(events.Hooks()))
		resp, err := rt.RoundTrip(plainRequest(t).WithContext(ctx))
		require.NoError(t, err)
		require.NoError(t, tcretry.CheckResponse(resp))
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 10*time.Second, ended)
		require.Len(t, events.Attempts, 2)
		require.EqualError(t, events.Attempts[0].Err, "tcretry: attempt timed out after 10s (WithAttemptTimeout)")
		require.NoError(t, events.Attempts[1].Err)
		require.NoError(t, ctx.Err(), "the call goes on")
	})
}

// slowly sends a response that is not peeked at, part by part, a minute apart.
func slowly(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for range 5 {
		_, _ = io.WriteString(w, "data: x\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-time.After(time.Minute):
		case <-r.Context().Done():
			return
		}
	}
}

// TestAnAttemptsTimeEndsWithItsResponse: what a caller does with the body is its
// own affair, and frees what the attempt held.
func TestAnAttemptsTimeEndsWithItsResponse(t *testing.T) {
	for _, row := range []struct {
		name  string
		use   func(*testing.T, *http.Response)
		ended error // the context of the attempt
	}{
		{"read to the end", func(t *testing.T, resp *http.Response) {
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Len(t, body, 45)
		}, context.Canceled},
		{"read to the end and closed twice", func(t *testing.T, resp *http.Response) {
			_, err := io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.NoError(t, resp.Body.Close())
		}, context.Canceled},
		{"closed early", func(t *testing.T, resp *http.Response) { require.NoError(t, resp.Body.Close()) }, context.Canceled},
		{"closed amid a Read", func(t *testing.T, resp *http.Response) {
			time.AfterFunc(90*time.Second, func() { _ = resp.Body.Close() })
			_, err := io.Copy(io.Discard, resp.Body)
			require.Error(t, err)
		}, context.Canceled},
		{"left unread", func(*testing.T, *http.Response) {}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			overPipes(t, slowly, func(t *testing.T, base *http.Transport) {
				seen := &contexts{base: base}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				rt := tcretry.New(seen, tcretry.WithAttemptTimeout(10*time.Second))
				resp, err := rt.RoundTrip(plainRequest(t).WithContext(ctx))
				require.NoError(t, err)
				row.use(t, resp)
				time.Sleep(time.Hour)
				require.Len(t, seen.list, 1)
				// No timer runs any more, or it would have ended that, too.
				require.Equal(t, row.ended, context.Cause(seen.list[0]))
			})
		})
	}
}

func TestAnAttemptThatEndsInTimeLeavesNoTimer(t *testing.T) {
	for name, end := range map[string]func() (*http.Response, error){
		"an answer without a body": func() (*http.Response, error) { return &http.Response{Body: http.NoBody}, nil },
		"an answer with a nil one": func() (*http.Response, error) { return &http.Response{}, nil },
		"an error":                 func() (*http.Response, error) { return nil, errors.New("x509: certificate is not trusted") },
		"an answer that is looked at whole": func() (*http.Response, error) {
			return &http.Response{Body: io.NopCloser(&probe.Pattern{Left: 100}), ContentLength: 100}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			seen := &contexts{base: probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) { return end() })}
			_, _ = tcretry.New(seen, tcretry.WithAttemptTimeout(time.Hour)).RoundTrip(plainRequest(t))
			require.Len(t, seen.list, 1)
			require.Equal(t, context.Canceled, context.Cause(seen.list[0]))
		})
	}
}

// The API error has arrived, though the end of the response never does.
func TestAnAPIErrorThatArrivedInTimeIsTheResponse(t *testing.T) {
	text := failure("AuthFailure", "m", "r")
	handler := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, text)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	overPipes(t, handler, func(t *testing.T, base *http.Transport) {
		var events probe.Events
		rt := tcretry.New(base, tcretry.WithAttemptTimeout(10*time.Second), tcretry.WithHooks(events.Hooks()))
		resp, err := rt.RoundTrip(plainRequest(t))
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.Equal(t, text, string(body))
		require.EqualError(t, err, "tcretry: attempt timed out after 10s (WithAttemptTimeout)")
		require.NoError(t, resp.Body.Close())
		require.Equal(t, tcretry.StopTerminal, events.Done[0].Reason)
		require.Equal(t, "AuthFailure", events.Done[0].Code)
	})
}

func TestACallersCancellationIsNotAnAttemptsTimeout(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	overPipes(t, hang, func(t *testing.T, base *http.Transport) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		var events probe.Events
		start := time.Now()
		rt := tcretry.New(base, tcretry.WithAttemptTimeout(10*time.Second), tcretry.WithHooks(events.Hooks()))
		_, err := rt.RoundTrip(plainRequest(t).WithContext(ctx))
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 3*time.Second, time.Since(start))
		require.Equal(t, tcretry.StopCanceled, events.Done[0].Reason)
	})
}

func TestAttemptTimeoutEndsOneAttemptOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Script("DescribeInstances", tctest.Delay(time.Hour, tctest.OK(nil)), tctest.OK(nil))
		var events probe.Events
		rt := tcretry.New(api, tcretry.WithAttemptTimeout(3*time.Second), tcretry.WithHooks(events.Hooks()))
		resp, err := rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		require.ErrorIs(t, events.Attempts[0].Err, context.DeadlineExceeded)
		require.Equal(t, tcretry.Ambiguous, events.Attempts[0].Class)
		require.Equal(t, 3*time.Second, events.Attempts[0].Duration)
		time.Sleep(time.Hour)
		require.NoError(t, tcretry.CheckResponse(resp), "the body is still readable")
	})
}

func TestAnAttemptThatTimesOutIsNotRetriedForAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Script("RunInstances", tctest.Delay(time.Hour, tctest.OK(nil)))
		rt := tcretry.New(api, tcretry.WithAttemptTimeout(3*time.Second))
		_, err := rt.RoundTrip(probe.SDKRequest(t, "RunInstances", nil))
		require.EqualError(t, err, "tcretry: RunInstances: giving up after 1 attempt (not_idempotent): "+
			"attempt timed out after 3s (WithAttemptTimeout); outcome unknown: the request may have been executed")
		require.ErrorIs(t, err, tcretry.ErrOutcomeUnknown)
		require.True(t, err.(net.Error).Timeout())
	})
}
