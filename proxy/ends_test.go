package proxy_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/proxy"
	"github.com/tcretry/tcretry/tctest"
)

func TestAnErrorOfTheTransportIsABadGatewayThatSaysWhetherTheCallMayHaveBeenExecuted(t *testing.T) {
	api := newAPI(tctest.DropAfterExecution())
	r := serve(t, overTLS(t, api), proxy.Config{})
	got := r.call("RunInstances")
	require.Equal(t, 502, got.status)
	require.Equal(t, "ProxyError.OutcomeUnknown", got.code)
	require.Contains(t, got.message, "the request may have been executed")
	require.Contains(t, got.text, got.message)
	require.Equal(t, 1, api.Attempts("RunInstances"), "it is not retried")
	require.Equal(t, 1, api.Executions("RunInstances"))

	refused := errors.New("connection refused")
	r = serve(t, roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: refused}
	}), proxy.Config{Options: []tcretry.Option{tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 2})}})
	got = r.call("RunInstances")
	require.Equal(t, 502, got.status)
	require.Equal(t, "ProxyError.NoResponse", got.code)
	require.Contains(t, got.message, "connection refused")
	require.EqualValues(t, 1, r.State().Calls.Failed)
	r.nothingLeft()
}

// What the proxy says of its own is final for a Transport in front of it, but for an
// overload, when nothing was sent.
func TestATransportInFrontDoesNotMultiplyRetries(t *testing.T) {
	api := newAPI(tctest.DropAfterExecution())
	r := serve(t, overTLS(t, api), proxy.Config{})
	client := r.client()
	client.Transport = tcretry.New(client.Transport)
	resp, err := client.Do(request(t, "RunInstances"))
	require.Equal(t, 502, read(t, resp, err).status)
	require.Equal(t, 1, api.Attempts(""))
	require.Equal(t, tcretry.Throttled, tcretry.Explain("RequestLimitExceeded.ProxyOverloaded").Class)
}

// What came of a response is the client's, and that it is not whole as well.
func TestAResponseThatIsCutShortIsCutShortForTheClient(t *testing.T) {
	for name, length := range map[string]string{"with a length": "1000", "chunked": ""} {
		t.Run(name, func(t *testing.T) {
			r := serve(t, origin(t, func(w http.ResponseWriter, _ *http.Request) {
				if length != "" {
					w.Header().Set("Content-Length", length)
				}
				_, _ = io.WriteString(w, "some text")
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}), proxy.Config{})
			conn := r.dial()
			_, err := io.WriteString(conn, head+"Content-Length: 0\r\n\r\n")
			require.NoError(t, err)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.Equal(t, "some text", string(body))
			require.EqualValues(t, 1, r.State().Calls.Failed)
			r.nothingLeft()
		})
	}
}

func TestTheRequestOfAClientThatHasGoneIsCanceled(t *testing.T) {
	for name, send := range map[string]func(*running) net.Conn{
		"absolute form": func(r *running) net.Conn { return r.dial() },
		"tunnel":        func(r *running) net.Conn { return r.tunnel() },
	} {
		t.Run(name, func(t *testing.T) {
			arrived, canceled := make(chan struct{}), make(chan struct{})
			r := serve(t, origin(t, func(_ http.ResponseWriter, req *http.Request) {
				_, _ = io.Copy(io.Discard, req.Body) // from here on net/http sees the end of the connection
				close(arrived)
				<-req.Context().Done()
				close(canceled)
			}), proxy.Config{})
			conn := send(r)
			_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: "+apiHost+"\r\nX-TC-Action: RunInstances\r\nContent-Length: 2\r\n\r\n{}")
			require.NoError(t, err)
			<-arrived
			conn.Close()
			select {
			case <-canceled:
			case <-time.After(patience):
				t.Fatal("the API still works for nobody")
			}
			r.nothingLeft()
			require.EqualValues(t, 1, r.State().Calls.Abandoned)
		})
	}
}

// A call that waits for its next attempt ends as well, and makes none.
func TestTheWaitOfAClientThatHasGoneEnds(t *testing.T) {
	api := tctest.NewAPI()
	api.Default(tctest.Fail("ResourceInUse", "busy"))
	r := serve(t, overTLS(t, api), proxy.Config{})
	conn := r.dial()
	_, err := io.WriteString(conn, head+"Content-Length: 2\r\n\r\n{}")
	require.NoError(t, err)
	eventually(t, func() bool { return api.Attempts("") == 1 }, "the first attempt")
	conn.Close()
	r.nothingLeft()
	require.Equal(t, 1, api.Attempts(""))
}

// The server sends the next event only when the client has received the one before.
func TestAStreamArrivesEventByEvent(t *testing.T) {
	received := make(chan struct{})
	events := tctest.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 3 {
			_, _ = io.WriteString(w, "data: {}\n\n")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-received:
			case <-req.Context().Done():
				return
			}
		}
	})
	r := serve(t, overTLS(t, tctest.NewAPI(tctest.Throttle(), events, events)), proxy.Config{})
	for _, conn := range []net.Conn{r.dial(), r.tunnel()} {
		_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: "+apiHost+"\r\nX-TC-Action: ChatCompletions\r\nContent-Length: 2\r\n\r\n{}")
		require.NoError(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		lines := bufio.NewReader(resp.Body)
		for range 3 {
			line, err := lines.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "data: {}\n", line)
			_, err = lines.ReadString('\n')
			require.NoError(t, err)
			received <- struct{}{}
		}
		_, err = lines.ReadByte()
		require.ErrorIs(t, err, io.EOF)
	}
}

// A killed API: calls fail with what happened, and those after it succeed.
func TestAnAPIThatIsKilledAndComesBackLosesNoCallThatWasNotSent(t *testing.T) {
	api := newAPI()
	down := make(chan bool, 1)
	down <- false
	way := overTLS(t, api)
	dial := way.DialContext
	way.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		isDown := <-down
		down <- isDown
		if isDown {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		}
		return dial(ctx, network, addr)
	}
	r := serve(t, way, proxy.Config{})
	require.Equal(t, 200, r.call("RunInstances").status)
	<-down
	down <- true
	way.CloseIdleConnections()
	replies := make(chan reply, 1)
	go func() { replies <- r.call("RunInstances") }()
	eventually(t, func() bool { return len(r.State().Budgets) > 0 }, "an attempt has failed")
	<-down
	down <- false
	require.Equal(t, 200, (<-replies).status)
	require.Equal(t, 2, api.Executions("RunInstances"))
	r.nothingLeft()
}
