package e2e_test

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tctest"
)

// The parts of HTTP/2 frames that faults are made of: RFC 9113, sections 6 and 7.
const (
	frameHeaders, frameRST, frameGoAway = 1, 3, 7
	flagEndStream                       = 1

	codeNone, codeProtocol, codeInternal, codeRefused, codeCancel, codeCalm = 0, 1, 2, 7, 8, 11
)

// frame is an HTTP/2 frame with its head of nine bytes.
type frame []byte

func newFrame(kind byte, stream uint32, words ...uint32) frame {
	f := frame{0, 0, byte(4 * len(words)), kind, 0}
	for _, word := range append([]uint32{stream}, words...) {
		f = binary.BigEndian.AppendUint32(f, word)
	}
	return f
}

func (f frame) kind() byte     { return f[3] }
func (f frame) stream() uint32 { return binary.BigEndian.Uint32(f[5:]) }

func readFrame(r io.Reader) (frame, error) {
	f := make(frame, 9)
	if _, err := io.ReadFull(r, f); err != nil {
		return nil, err
	}
	f = append(f, make([]byte, int(f[0])<<16|int(f[1])<<8|int(f[2]))...)
	_, err := io.ReadFull(r, f[9:])
	return f, err
}

// http2Fault is what becomes of one stream.
type http2Fault struct {
	// unprocessed: the server never gets the request whole. Else it executes the
	// request, and the fault takes the place of its own frame that ends the
	// stream in an error: see tctest.DropAfterExecution.
	unprocessed bool
	frame       func(stream uint32) frame
	hangUp      bool // the connection ends after the frame
}

// http2Relay stands between a client and a Go server, hands the frames of HTTP/2
// on as they come, and breaks one stream.
type http2Relay struct {
	backend string
	config  *tls.Config // of the server
	fault   http2Fault
	armed   atomic.Bool // the next stream is the one to be broken
}

// startRelay serves the API behind a relay, and returns a transport that
// reaches it.
func startRelay(t *testing.T, api *tctest.API, fault http2Fault) (*http2Relay, *http.Transport) {
	srv := httptest.NewUnstartedServer(api.Handler())
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = silent
	srv.StartTLS()
	t.Cleanup(srv.Close)
	r := &http2Relay{
		backend: srv.Listener.Addr().String(), fault: fault,
		config: &tls.Config{Certificates: srv.TLS.Certificates, NextProtos: []string{"h2"}},
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", r.config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go r.serve(listener)
	base := srv.Client().Transport.(*http.Transport).Clone()
	base.TLSClientConfig.ServerName = "example.com"
	base.DialContext = dialOnly(listener.Addr().String())
	t.Cleanup(base.CloseIdleConnections)
	return r, base
}

func (r *http2Relay) serve(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		go r.relay(client)
	}
}

func (r *http2Relay) relay(client net.Conn) {
	server, err := tls.Dial("tcp", r.backend, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		_ = client.Close()
		return
	}
	c := &relayed{fault: r.fault, armed: &r.armed, client: client.(*tls.Conn), server: server}
	defer c.close()
	if c.begin() != nil {
		return
	}
	go func() {
		defer c.close()
		each(client, c.fromClient)
	}()
	each(server, c.fromServer)
}

// each does something with each frame, until that or the connection fails.
func each(r io.Reader, do func(frame) error) {
	for {
		f, err := readFrame(r)
		if err != nil || do(f) != nil {
			return
		}
	}
}

// relayed is one connection through the relay.
type relayed struct {
	fault          http2Fault
	armed          *atomic.Bool
	client, server *tls.Conn
	broken         atomic.Uint32 // the stream to be broken, 0 without one

	mu    sync.Mutex // of writes to the client
	ended bool       // guarded by mu
}

// begin forwards what begins a connection: the preface of the client, and the
// settings of the server, before which no frame may come.
func (c *relayed) begin() error {
	if _, err := io.CopyN(c.server, c.client, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
		return err
	}
	settings, err := readFrame(c.server)
	if err != nil {
		return err
	}
	return c.toClient(settings)
}

// fromClient cuts a request that is not to be processed off before its end: the
// headers still pass, because later ones are compressed by what these had.
func (c *relayed) fromClient(f frame) error {
	if f.kind() == frameHeaders && c.armed.CompareAndSwap(true, false) {
		c.broken.Store(f.stream())
		if c.fault.unprocessed {
			f[4] &^= flagEndStream
			_, err := c.server.Write(append(f, newFrame(frameRST, f.stream(), codeCancel)...))
			if err != nil {
				return err
			}
			return c.breakStream(f.stream())
		}
	}
	if c.fault.unprocessed && c.broken.Load() == f.stream() && f.stream() != 0 {
		return nil
	}
	_, err := c.server.Write(f)
	return err
}

func (c *relayed) fromServer(f frame) error {
	if f.kind() == frameRST && f.stream() == c.broken.Load() {
		if c.fault.unprocessed {
			return nil
		}
		return c.breakStream(f.stream())
	}
	return c.toClient(f)
}

func (c *relayed) breakStream(stream uint32) error {
	if err := c.toClient(c.fault.frame(stream)); err != nil || !c.fault.hangUp {
		return err
	}
	// Not the whole connection: what the client still sends would be answered by
	// a reset, which can overtake the frame.
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	return c.client.CloseWrite()
}

func (c *relayed) toClient(f frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return nil
	}
	_, err := c.client.Write(f)
	return err
}

func (c *relayed) close() {
	_ = c.client.Close()
	_ = c.server.Close()
}
