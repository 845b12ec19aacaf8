package tctest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tctest"
)

func TestARefusedConnectionReadsNothing(t *testing.T) {
	for _, form := range []bool{false, true} {
		api := tctest.NewAPI()
		api.Script("RunInstances", tctest.RefuseConnection())
		req := newRequest(t, "RunInstances", "")
		if form {
			req = formRequest(t, "Action=RunInstances")
		}
		body := &closer{Reader: strings.NewReader("Action=RunInstances")}
		req.Body = body
		_, err := api.RoundTrip(req)

		var op *net.OpError
		require.ErrorAs(t, err, &op)
		require.Equal(t, "dial", op.Op)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.Equal(t, 1, body.closed())
		rest, _ := io.ReadAll(body)
		require.Equal(t, "Action=RunInstances", string(rest))
		require.Equal(t, 1, api.Attempts("RunInstances"))
		require.Zero(t, api.Executions("RunInstances"))
		require.Equal(t, "RefuseConnection", api.Recorded()[0].Reply)
		require.Equal(t, 1, api.Recorded()[0].Number)
		require.Equal(t, http.StatusOK, see(t, api, newRequest(t, "RunInstances", "{}")).Status, "the script goes on")
	}
}

func TestARefusedConnectionLaterInTheScript(t *testing.T) {
	api := tctest.NewAPI(tctest.OK(nil), tctest.RefuseConnection())
	require.Equal(t, http.StatusOK, see(t, api, newRequest(t, "A", "{}")).Status)
	require.Equal(t, syscall.ECONNREFUSED, see(t, api, newRequest(t, "A", "{}")).Err)
}

func TestTheCopyOfABodyThatIsReadForItsActionIsClosed(t *testing.T) {
	api := tctest.NewAPI()
	api.Script("RunInstances", tctest.RefuseConnection())
	req := formRequest(t, "Action=RunInstances")
	body := &closer{Reader: strings.NewReader("Action=RunInstances")}
	req.GetBody = func() (io.ReadCloser, error) { return body, nil }
	require.Equal(t, syscall.ECONNREFUSED, see(t, api, req).Err)
	require.Equal(t, 1, body.closed())
}

func TestAStreamThatIsCutAfterAnEventEndsWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		event := "data: 1\n\n"
		got := see(t, tctest.NewAPI(tctest.Truncate(len(event), tctest.Stream(time.Minute, "1", "2"))), newRequest(t, "A", "{}"))
		require.Equal(t, event, got.Body)
		require.Equal(t, io.ErrUnexpectedEOF, got.ReadErr)
		require.Zero(t, time.Since(start))
	})
}

func TestAReplyThatIsChangedStaysAsItWas(t *testing.T) {
	plain := tctest.Header("X-One", "1", tctest.OK(nil))
	tctest.Header("X-Two", "2", plain)
	tctest.Header("X-One", "2", plain)
	resp, err := tctest.NewAPI(plain).RoundTrip(newRequest(t, "A", "{}"))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "1", resp.Header.Get("X-One"))
	require.Empty(t, resp.Header.Get("X-Two"))
}

func TestADefaultCanRefuseConnections(t *testing.T) {
	api := tctest.NewAPI()
	api.Default(tctest.RefuseConnection())
	require.Equal(t, syscall.ECONNREFUSED, see(t, api, newRequest(t, "A", "{}")).Err)
}

func TestARequestThatIsCutShortIsNotRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		req := newRequest(t, "RunInstances", strings.Repeat(" ", 100_000)) // more than http.Transport buffers
		req.ContentLength++
		require.Error(t, see(t, api.PipeTransport(t), req).Err)
		synctest.Wait() // for the server
		require.Empty(t, api.Recorded())
	})
}

func TestAHandlerWhoseClientLeavesDuringTheDelayIsNotCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI(tctest.Delay(time.Minute, tctest.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			t.Error("called")
		})))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got := see(t, api.PipeTransport(t), newRequest(t, "RunInstances", "{}").WithContext(ctx))
		require.Equal(t, context.DeadlineExceeded, got.Err)
		time.Sleep(time.Hour)
	})
}

func TestAContextThatHasEndedClosesTheBody(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	body := &closer{Reader: strings.NewReader("{}")}
	req := newRequest(t, "RunInstances", "{}").WithContext(ctx)
	req.Body = body
	require.Equal(t, enough, see(t, tctest.NewAPI(), req).Err)
	require.Equal(t, 1, body.closed())
}

func TestTheErrorOfAnInvalidRequestNamesWhatIsWrong(t *testing.T) {
	for want, change := range map[string]func(*http.Request){
		"no Host":                           func(r *http.Request) { r.URL.Host = "" },
		"nil Request.URL":                   func(r *http.Request) { r.URL = nil },
		"nil Request.Header":                func(r *http.Request) { r.Header = nil },
		`unsupported protocol scheme "ftp"`: func(r *http.Request) { r.URL.Scheme = "ftp" },
	} {
		req := newRequest(t, "RunInstances", "{}")
		change(req)
		require.ErrorContains(t, see(t, tctest.NewAPI(), req).Err, want)
	}
}

// A client of its own reads both: http.Transport reports the one or the other.
func TestAResetOverASocketIsHalfOfTheHeadersAndAReset(t *testing.T) {
	server := tctest.NewAPI(tctest.ResetInHeaders()).Start(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: cvm.tencentcloudapi.com\r\nX-TC-Action: A\r\nContent-Length: 2\r\n\r\n{}")
	require.NoError(t, err)
	got, err := io.ReadAll(conn)
	require.Equal(t, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n", string(got))
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

// net/http ends the context of a request when its handler returns.
func TestTheContextOfAHandlerEndsWhenItReturns(t *testing.T) {
	for _, pipes := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var inside context.Context
			api := tctest.NewAPI(tctest.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { inside = req.Context() }))
			var base http.RoundTripper = api
			if pipes {
				base = api.PipeTransport(t)
			}
			resp, err := base.RoundTrip(newRequest(t, "RunInstances", "{}"))
			require.NoError(t, err)
			synctest.Wait()
			require.Equal(t, context.Canceled, inside.Err())
			require.NoError(t, resp.Body.Close())
		})
	}
}

func TestAHandlerGetsTheLengthOfTheBody(t *testing.T) {
	for _, pipes := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			api := tctest.NewAPI(tctest.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				_, _ = fmt.Fprint(w, req.ContentLength)
			}))
			var base http.RoundTripper = api
			if pipes {
				base = api.PipeTransport(t)
			}
			req := newRequest(t, "RunInstances", "{}")
			req.ContentLength = -1
			require.Equal(t, "2", see(t, base, req).Body)
		})
	}
}

func TestAServerOfATestEndsWithIt(t *testing.T) {
	api, ends := tctest.NewAPI(), []string{}
	t.Run("a test", func(t *testing.T) {
		ends = append(ends, api.Start(t).URL, api.StartTLS(t).URL)
	})
	for _, end := range ends {
		_, address, _ := strings.Cut(end, "://")
		_, err := net.Dial("tcp", address)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
	}
}

func TestClosingTheBodyEndsTheContextOfTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inside context.Context
		api := tctest.NewAPI(tctest.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			inside = req.Context()
			w.(http.Flusher).Flush()
			<-inside.Done()
		}))
		resp, err := api.RoundTrip(newRequest(t, "RunInstances", "{}"))
		require.NoError(t, err)
		require.NoError(t, inside.Err())
		require.NoError(t, resp.Body.Close())
		require.Equal(t, context.Canceled, inside.Err())
	})
}
