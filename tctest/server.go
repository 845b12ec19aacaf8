package tctest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// A Server serves an [API] on a socket of the loopback interface.
type Server struct {
	// URL is the address, such as "http://127.0.0.1:41234", without a slash.
	URL string

	server *httptest.Server
	once   sync.Once
}

// Start serves the API over HTTP/1.1 until the test ends.
func (api *API) Start(t testing.TB) *Server {
	t.Helper()
	return api.start(t, false)
}

// StartTLS serves the API over TLS, with HTTP/2, until the test ends.
// [Server.Transport] trusts its certificate.
func (api *API) StartTLS(t testing.TB) *Server {
	t.Helper()
	return api.start(t, true)
}

// Serve serves the API over HTTP/1.1 until [Server.Close], for programs other than
// tests. It returns an error if no socket can be opened.
func (api *API) Serve() (*Server, error) { return api.listen(false) }

func (api *API) start(t testing.TB, secure bool) *Server {
	t.Helper()
	s, err := api.listen(secure)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (api *API) listen(secure bool) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("tctest: %w", err)
	}
	s := &Server{}
	s.server = &httptest.Server{
		Listener:    listener,
		EnableHTTP2: secure,
		Config: &http.Server{
			Handler: handler{api},
			// Connections that end early are part of the tests.
			ErrorLog: log.New(io.Discard, "", 0),
		},
	}
	if secure {
		s.server.StartTLS()
	} else {
		s.server.Start()
	}
	s.URL = s.server.URL
	return s, nil
}

// Close ends the responses that wait, closes the connections and returns when the last
// handler has returned. Closing again does nothing.
func (s *Server) Close() {
	s.once.Do(func() {
		s.server.CloseClientConnections()
		s.server.Close()
	})
}

// Transport returns a new http.Transport that connects to this server whatever the
// host of the request, such as https://cvm.tencentcloudapi.com, and that trusts its
// certificate.
func (s *Server) Transport() *http.Transport {
	addr := s.server.Listener.Addr().String()
	t := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
		ForceAttemptHTTP2: true,
	}
	if cert := s.server.Certificate(); cert != nil {
		roots := x509.NewCertPool()
		roots.AddCert(cert)
		// The certificate is for this name, not for the API's hosts.
		t.TLSClientConfig = &tls.Config{RootCAs: roots, ServerName: "example.com"}
	}
	return t
}

// PipeTransport returns a new http.Transport that connects over pipes in memory to a
// net/http server of the API, whatever the host of the request (http only). Unlike
// sockets, pipes may be used inside a testing/synctest bubble. The server and the
// connections end with the test or, in a bubble, with the bubble.
func (api *API) PipeTransport(t testing.TB) *http.Transport {
	t.Helper()
	pipes := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler{api}, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(pipes) // until it is closed: nothing else ends it
	}()
	transport := &http.Transport{DialContext: pipes.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-done
	})
	return transport
}

// pipeListener accepts the server ends of the pipes that dial opens.
type pipeListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return address("pipe") }
