package e2e_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tctest"
)

// listen runs serve with each connection to an address that it returns.
func listen(t *testing.T, serve func(net.Conn)) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serve(conn)
		}
	}()
	return listener.Addr().String()
}

// unconnected are the ways in which a connection does not come about: what is
// dialled in its place.
var unconnected = map[string]func(*testing.T) dialFunc{
	"the connection is refused": func(t *testing.T) dialFunc {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, listener.Close())
		return dialOnly(listener.Addr().String())
	},
	"the name is not found": func(*testing.T) dialFunc {
		resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("no name server")
		}}
		return (&net.Dialer{Resolver: resolver}).DialContext
	},
	"the TLS handshake fails": func(t *testing.T) dialFunc {
		return dialOnly(listen(t, func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_ = conn.Close()
		}))
	},
	"the connection ends in the TLS handshake": func(t *testing.T) dialFunc {
		return dialOnly(listen(t, func(conn net.Conn) { _ = conn.Close() }))
	},
}

func TestARequestWithoutAConnectionIsRetriedForEveryAction(t *testing.T) {
	t.Parallel()
	for name, fault := range unconnected {
		eachRequest(slices.Sorted(maps.Keys(wires)), func(request, wire, shape, kind string) {
			if wire == "HTTP/1.1" && slices.Contains([]string{"the TLS handshake fails", "the connection ends in the TLS handshake"}, name) {
				return
			}
			t.Run(name+"/"+request, func(t *testing.T) {
				api, ask := tctest.NewAPI(), kinds[kind]
				scheme, base := wires[wire](t, api)
				failing, dial := fault(t), base.DialContext
				var dials atomic.Int32
				base.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
					if dials.Add(1) == 1 {
						return failing(ctx, network, address)
					}
					return dial(ctx, network, address)
				}
				o := twiceCall(scheme, base, shapes[shape](t, ask.action, ask.params))
				require.Equal(t, "success", o.gets)
				require.Len(t, o.Attempts, 2)
				require.Equal(t, tcretry.Transient, o.Attempts[0].Class)
				require.Equal(t, 1, api.Executions(ask.action))
			})
		})
	}
}

// A server may close a connection that is kept for later. The client sees that
// and makes another: nothing is retried.
func TestAConnectionThatWasClosedWhileIdleCostsNothing(t *testing.T) {
	for _, protocol := range []string{"HTTP/1.1", "HTTP/1.1 over TLS", "HTTP/2"} {
		eachRequest([]string{protocol}, func(request, _, shape, kind string) {
			t.Run(request, func(t *testing.T) {
				api, ask := tctest.NewAPI(), kinds[kind]
				srv := httptest.NewUnstartedServer(api.Handler())
				srv.EnableHTTP2 = protocol == "HTTP/2"
				scheme, start := "https", srv.StartTLS
				if protocol == "HTTP/1.1" {
					scheme, start = "http", srv.Start
				}
				start()
				defer srv.Close()
				base := srv.Client().Transport.(*http.Transport).Clone()
				if scheme == "https" {
					base.TLSClientConfig.ServerName = "example.com"
				}
				closed := make(chan struct{}, 2)
				base.DialContext = dialObserved(srv.Listener.Addr().String(), closed)
				useConnection(t, scheme, base)
				srv.CloseClientConnections()
				<-closed
				o := twiceCall(scheme, base, shapes[shape](t, ask.action, ask.params))
				require.Equal(t, "success", o.gets)
				require.Len(t, o.Attempts, 1)
				require.Equal(t, 1, api.Executions(ask.action))
				base.CloseIdleConnections()
			})
		})
	}
}

// dialObserved dials one address, and reports when the client closes a connection: it
// has seen by then that the server did.
func dialObserved(address string, closed chan<- struct{}) dialFunc {
	return func(ctx context.Context, network, host string) (net.Conn, error) {
		conn, err := dialOnly(address)(ctx, network, host)
		return &observedConn{Conn: conn, onClose: sync.OnceFunc(func() { closed <- struct{}{} })}, err
	}
}

type observedConn struct {
	net.Conn
	onClose func()
}

func (c *observedConn) Close() error {
	defer c.onClose()
	return c.Conn.Close()
}

// TestANonIdempotentRequestWhoseConnectionEndedIsNotRetried is the price: a request that
// meets the end of its connection half-way looks like one that was executed.
// Only read-only requests and non-idempotent requests with a token are sent again.
func TestANonIdempotentRequestWhoseConnectionEndedIsNotRetried(t *testing.T) {
	for _, wire := range []string{"HTTP/1.1", "HTTP/1.1 over TLS"} {
		eachRequest([]string{wire}, func(request, wire, shape, kind string) {
			t.Run(request, func(t *testing.T) {
				api, ask := tctest.NewAPI(), kinds[kind]
				api.Script(ask.action, tctest.DropBeforeExecution(), tctest.OK(nil))
				scheme, base := wires[wire](t, api)
				useConnection(t, scheme, base)
				o := twiceCall(scheme, base, shapes[shape](t, ask.action, ask.params))
				if ask.write {
					require.Equal(t, "an error", o.gets)
					require.Zero(t, api.Executions(ask.action))
					return
				}
				require.Equal(t, "success", o.gets)
				require.Equal(t, 1, api.Executions(ask.action))
			})
		})
	}
}
