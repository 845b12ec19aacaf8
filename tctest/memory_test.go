package tctest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tctest"
)

// closer counts how often a body is closed.
type closer struct {
	io.Reader
	mu     sync.Mutex
	closes int
}

func (c *closer) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closes++
	return nil
}

func (c *closer) closed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closes
}

// traced returns the request with a list that its events are added to.
func traced(req *http.Request) (*http.Request, *[]string) {
	var events []string
	note := func(name string) { events = append(events, name) }
	return req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GetConn:              func(hostPort string) { note("GetConn " + hostPort) },
		GotConn:              func(info httptrace.GotConnInfo) { note("GotConn " + info.Conn.RemoteAddr().Network()) },
		WroteHeaders:         func() { note("WroteHeaders") },
		WroteRequest:         func(info httptrace.WroteRequestInfo) { note("WroteRequest") },
		GotFirstResponseByte: func() { note("GotFirstResponseByte") },
	})), &events
}

func TestTraceEventsOfEachStageOfAnAttempt(t *testing.T) {
	conn := []string{"GetConn cvm.tencentcloudapi.com:80", "GotConn pipe"}
	sent := append(conn, "WroteHeaders", "WroteRequest")
	responded := append(sent[:4:4], "GotFirstResponseByte")
	for _, tt := range []struct {
		name  string
		reply tctest.Reply
		want  []string
	}{
		{"refused", tctest.RefuseConnection(), conn[:1]},
		{"dropped", tctest.DropBeforeExecution(), sent},
		{"dropped after", tctest.DropAfterExecution(), sent},
		{"reset", tctest.ResetInHeaders(), responded},
		{"responded", tctest.OK(nil), responded},
		{"responded by a handler", tctest.HandlerFunc(echo), responded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, events := traced(newRequest(t, "RunInstances", "{}"))
			see(t, tctest.NewAPI(tt.reply), req)
			require.Equal(t, tt.want, *events)
		})
	}
}

func TestTheConnectionOfATraceIsClosed(t *testing.T) {
	req := newRequest(t, "RunInstances", "{}")
	var conn net.Conn
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { conn = info.Conn },
	}))
	see(t, tctest.NewAPI(), req)
	_, err := conn.Read(make([]byte, 1)) // nobody is at its other end
	require.ErrorIs(t, err, io.ErrClosedPipe)
	_, err = conn.Write([]byte("x"))
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

func TestTheDialledAddressIsTheURLs(t *testing.T) {
	for url, want := range map[string]string{
		"http://cvm.tencentcloudapi.com/":  "cvm.tencentcloudapi.com:80",
		"https://cvm.tencentcloudapi.com/": "cvm.tencentcloudapi.com:443",
		"https://[::1]:8443/":              "[::1]:8443",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
		require.NoError(t, err)
		req, events := traced(req)
		see(t, tctest.NewAPI(tctest.RefuseConnection()), req)
		require.Equal(t, []string{"GetConn " + want}, *events)
	}
}

func TestAHandlersHeaderComesBeforeItsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI(tctest.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			w.Header().Set("X-Late", "1")
			time.Sleep(time.Minute)
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "late")
		}))
		start := time.Now()
		resp, err := api.RoundTrip(newRequest(t, "A", "{}"))
		require.NoError(t, err)
		require.Zero(t, time.Since(start))
		require.Equal(t, http.StatusAccepted, resp.StatusCode)
		require.Empty(t, resp.Header.Get("X-Late"))
		got, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "late", string(got))
		require.NoError(t, resp.Body.Close())
		api.CloseIdleConnections()
	})
}

func TestTheRequestBodyIsClosedOnceHoweverItEnds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		reply  tctest.Reply
	}{
		{"responded", func(*http.Request) {}, tctest.OK(nil)},
		{"dropped", func(*http.Request) {}, tctest.DropBeforeExecution()},
		{"refused", func(*http.Request) {}, tctest.RefuseConnection()},
		{"cut short", func(r *http.Request) { r.ContentLength = 7 }, tctest.OK(nil)},
		{"no host", func(r *http.Request) { r.URL.Host = "" }, tctest.OK(nil)},
		{"no URL", func(r *http.Request) { r.URL = nil }, tctest.OK(nil)},
		{"no header", func(r *http.Request) { r.Header = nil }, tctest.OK(nil)},
		{"odd scheme", func(r *http.Request) { r.URL.Scheme = "ftp" }, tctest.OK(nil)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := &closer{Reader: strings.NewReader("{}")}
			req := newRequest(t, "RunInstances", "{}")
			req.Body = body
			tt.change(req)
			resp, err := tctest.NewAPI(tt.reply).RoundTrip(req)
			require.NotEqual(t, resp == nil, err == nil)
			if resp != nil {
				require.NoError(t, resp.Body.Close())
			}
			require.Equal(t, 1, body.closed())
		})
	}
}

func TestALengthThatIsNotTheBodysIsAnError(t *testing.T) {
	for _, length := range []int64{1, 3} {
		req := newRequest(t, "RunInstances", "{}")
		req.ContentLength = length
		api := tctest.NewAPI()
		require.EqualError(t, see(t, api, req).Err, fmt.Sprintf("http: ContentLength=%d with Body length 2", length))
		require.Empty(t, api.Recorded())
	}
	for _, unknown := range []int64{-1, 0} {
		req := newRequest(t, "RunInstances", "{}")
		req.ContentLength = unknown
		require.NoError(t, see(t, tctest.NewAPI(), req).Err)
	}
}

func TestTheBodysErrorIsTheCallsError(t *testing.T) {
	broken := errors.New("broken")
	pr, pw := io.Pipe()
	pw.CloseWithError(broken)
	req := newRequest(t, "RunInstances", "")
	req.Body, req.ContentLength = pr, -1
	api := tctest.NewAPI()
	require.ErrorIs(t, see(t, api, req).Err, broken)
	require.Empty(t, api.Recorded())
}

func TestEveryWaitEndsWithTheContext(t *testing.T) {
	cause := errors.New("enough")
	hang := func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }
	for _, tt := range []struct {
		name  string
		block bool
		reply tctest.Reply
	}{
		{"a body that never comes", true, tctest.OK(nil)},
		{"a late reply", false, tctest.Delay(time.Hour, tctest.OK(nil))},
		{"a late drop", false, tctest.Delay(time.Hour, tctest.DropAfterExecution())},
		{"a handler that hangs", false, tctest.HandlerFunc(hang)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				req := newRequest(t, "RunInstances", "").WithContext(ctx)
				if tt.block {
					// A pipe of the bubble: one from outside would stop its clock.
					req.Body, _ = io.Pipe()
					req.ContentLength = -1
				}
				time.AfterFunc(time.Second, func() { cancel(cause) })
				start := time.Now()
				require.Equal(t, cause, see(t, tctest.NewAPI(tt.reply), req).Err)
				require.Equal(t, time.Second, time.Since(start))
			})
		})
	}
}

// A handler that writes when its caller has left gets an error, and its goroutine ends.
func TestAHandlerWhoseCallerHasLeftEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		written := make(chan error, 1)
		api := tctest.NewAPI(tctest.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			<-req.Context().Done()
			time.Sleep(time.Second)
			_, err := io.WriteString(w, "late")
			written <- err
		}))
		require.Equal(t, cause, see(t, api, newRequest(t, "RunInstances", "").WithContext(ctx)).Err)
		require.Equal(t, cause, <-written)
	})
}

// The body ends with the context even if the handler takes no notice of it.
func TestReadingFromAHandlerThatHangsEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		release := make(chan struct{})
		defer close(release)
		api := tctest.NewAPI(tctest.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			<-release
		}))
		start := time.Now()
		resp, err := api.RoundTrip(newRequest(t, "RunInstances", "").WithContext(ctx))
		require.NoError(t, err)
		_, err = io.ReadAll(resp.Body)
		require.Equal(t, cause, err)
		require.Equal(t, time.Second, time.Since(start))
		require.NoError(t, resp.Body.Close())
	})
}

func TestAContextThatHasEndedSendsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	api := tctest.NewAPI()
	req, events := traced(newRequest(t, "RunInstances", "{}").WithContext(ctx))
	require.Equal(t, context.Canceled, see(t, api, req).Err)
	require.Empty(t, *events)
	require.Empty(t, api.Recorded())
}

func TestAStreamComesEventByEvent(t *testing.T) {
	for _, pipes := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			api := tctest.NewAPI(tctest.Stream(time.Minute, "1", "2"))
			var base http.RoundTripper = api
			if pipes {
				base = api.PipeTransport(t)
			}
			start := time.Now()
			resp, err := base.RoundTrip(newRequest(t, "ChatCompletions", "{}"))
			require.NoError(t, err)
			require.Equal(t, api.Recorded()[0].RequestID, resp.Header.Get("X-TC-RequestId"))
			for i, want := range []string{"data: 1\n\n", "data: 2\n\n"} {
				got := make([]byte, len(want))
				_, err = io.ReadFull(resp.Body, got)
				require.NoError(t, err)
				require.Equal(t, want, string(got))
				require.Equal(t, time.Duration(i)*time.Minute, time.Since(start))
			}
			require.NoError(t, resp.Body.Close())
		})
	}
}

func TestReadingEndsWithTheContextAndWithClose(t *testing.T) {
	for _, reply := range []tctest.Reply{
		tctest.Stream(time.Hour, "1", "2"),
		tctest.Gzip(tctest.Stream(time.Hour, "1", "2")),
		tctest.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			_, _ = io.WriteString(w, "data: 1\n\n")
			<-req.Context().Done()
		}),
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			open := func() *http.Response {
				resp, err := tctest.NewAPI(reply).RoundTrip(newRequest(t, "ChatCompletions", "{}").WithContext(ctx))
				require.NoError(t, err)
				_, err = io.ReadFull(resp.Body, make([]byte, 9))
				require.NoError(t, err)
				return resp
			}
			closed, canceled := open(), open()
			time.AfterFunc(time.Second, func() { _ = closed.Body.Close() })
			_, err := closed.Body.Read(make([]byte, 1))
			require.Equal(t, http.ErrBodyReadAfterClose, err)
			require.NoError(t, closed.Body.Close())

			time.AfterFunc(time.Second, cancel)
			_, err = canceled.Body.Read(make([]byte, 1))
			require.Equal(t, context.Canceled, err)
			require.NoError(t, canceled.Body.Close())
		})
	}
}

func TestAResponseToHeadHasALengthAndNoBody(t *testing.T) {
	for name, base := range bases(t, tctest.RawBody("a/b", []byte("abc"))) {
		req := newRequest(t, "X", "")
		req.Method = http.MethodHead
		require.Equal(t, seen{Status: 200, Type: "a/b", Length: 3}, see(t, base, req), name)
	}
}
