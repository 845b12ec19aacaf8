package proxy

import (
	"net"
	"sync"
	"sync/atomic"
)

// countedListener counts the connections that are open. net/http does not know those
// that its Accept has just returned, and Shutdown does not wait for them: a request
// that came over one would be lost.
type countedListener struct {
	net.Listener
	open *atomic.Int64
}

func (l countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.open.Add(1)
	return &counted{Conn: conn, open: l.open}, nil
}

// counted is one of these connections.
type counted struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

// leave ends the count of the connection.
func (c *counted) leave() { c.once.Do(func() { c.open.Add(-1) }) }

func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

func (c *counted) CloseWrite() error { return closeWrite(c.Conn) }
