package proxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// tunnel is a connection that a client opened by CONNECT: HTTP/1.1 is spoken inside,
// to one host.
type tunnel struct {
	net.Conn
	reader *bufio.Reader // holds what the client has sent already
	host   string        // that of the URL of the requests
	name   string        // what the client calls the host
	port   string
	open   *atomic.Int64 // counts the tunnels
	once   sync.Once
}

func (t *tunnel) Read(b []byte) (int, error) { return t.reader.Read(b) }

// Close ends the connection, and is what ends the count of it.
func (t *tunnel) Close() error {
	defer t.once.Do(func() { t.open.Add(-1) })
	return t.Conn.Close()
}

// CloseWrite is what net/http calls before it ends a connection with an error.
func (t *tunnel) CloseWrite() error { return closeWrite(t.Conn) }

func closeWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// destination is the host of a request inside of the tunnel: that of the tunnel, which
// the request must mean as well.
func (t *tunnel) destination(r *http.Request) (string, *refusal) {
	if r.Host == "" { // HTTP/1.0
		return t.host, nil
	}
	name, port, ok := splitHost(r.Host, "80")
	if !ok || name != t.name || port != t.port {
		return "", badRequest("the host of the request is not that of the CONNECT before it")
	}
	return t.host, nil
}

// tunnelKey is the key of a connection's tunnel in the contexts of its requests.
type tunnelKey struct{}

func tunnelOf(r *http.Request) *tunnel {
	t, _ := r.Context().Value(tunnelKey{}).(*tunnel)
	return t
}

// inTunnel is the ConnContext of the server of the tunnels.
func inTunnel(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, tunnelKey{}, conn)
}

// connect handles a CONNECT: it opens a tunnel to port 80 of a host that is allowed.
func (p *Proxy) connect(w http.ResponseWriter, r *http.Request) {
	t, no := p.open(r)
	if no != nil {
		p.refuse(w, no)
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		p.refuse(w, badRequest("CONNECT needs HTTP/1.1"))
		return
	}
	_ = conn.SetDeadline(time.Now().Add(p.config.ClientTimeout))
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		conn.Close()
		return
	}
	_ = conn.SetDeadline(time.Time{})
	t.Conn, t.reader, t.open = conn, rw.Reader, &p.counts.tunnels
	t.open.Add(1)
	p.tunnels.deliver(t)
	// Not before: while it drains, the proxy takes tunnels as long as there are other
	// connections.
	if counted, ok := conn.(*counted); ok {
		counted.leave()
	}
}

// open returns the tunnel that a CONNECT asks for, without its connection.
func (p *Proxy) open(r *http.Request) (*tunnel, *refusal) {
	if tunnelOf(r) != nil {
		return nil, badRequest("CONNECT inside of a tunnel")
	}
	name, port, ok := splitHost(r.RequestURI, "")
	if !ok || port == "" {
		return nil, badRequest("CONNECT needs a host and a port")
	}
	// Any port may be that of a client that speaks HTTP, if the host was allowed with it.
	host, no := p.upstream(name, port, "80")
	if no != nil && port == "443" {
		return nil, protocolNotHTTP(name)
	}
	return &tunnel{host: host, name: name, port: port}, no
}

// protocolNotHTTP is the refusal of a tunnel for TLS, which the proxy cannot see into.
func protocolNotHTTP(name string) *refusal {
	no := &refusal{
		status: http.StatusForbidden, code: "ProxyError.ProtocolNotHTTP",
		message: "CONNECT to port 443: set the protocol of the client to HTTP, because the proxy cannot see into HTTPS" +
			" and speaks TLS to the API itself (SDKs: HttpProfile, protocol or Scheme; terraform: protocol = HTTP)",
	}
	if !isAPIHost(name) {
		no.message = "CONNECT to port 443 of " + name + ", which is not a host of the API: send its requests directly (NO_PROXY)"
	}
	return no
}

// tunnelListener is a net.Listener of the tunnels that clients open.
type tunnelListener struct {
	tunnels chan *tunnel
	closed  chan struct{}
	once    *sync.Once
}

func newTunnelListener() tunnelListener {
	return tunnelListener{make(chan *tunnel), make(chan struct{}), new(sync.Once)}
}

func (l tunnelListener) deliver(t *tunnel) {
	select {
	case l.tunnels <- t:
	case <-l.closed:
		t.Close()
	}
}

func (l tunnelListener) Accept() (net.Conn, error) {
	select {
	case t := <-l.tunnels:
		return t, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l tunnelListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l tunnelListener) Addr() net.Addr { return tunnelAddr{} }

type tunnelAddr struct{}

func (tunnelAddr) Network() string { return "tunnel" }
func (tunnelAddr) String() string  { return "tunnel" }
