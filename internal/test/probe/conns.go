package probe

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
)

// ClosedConns returns the number of connections that base has closed, from now on.
func ClosedConns(base *http.Transport) *atomic.Int32 {
	dial, closed := base.DialContext, new(atomic.Int32)
	base.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return countedConn{conn, closed}, err
	}
	return closed
}

// countedConn is a connection that counts when it is closed.
type countedConn struct {
	net.Conn
	closed *atomic.Int32
}

func (c countedConn) Close() error {
	c.closed.Add(1)
	return c.Conn.Close()
}
