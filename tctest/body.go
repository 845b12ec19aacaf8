package tctest

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// body is a response's body in memory. Its parts come at their times, whoever
// reads; a read ends with the context and with Close, as a connection's does.
type body struct {
	ctx     context.Context
	start   time.Time
	end     error  // what follows the last byte
	trailer func() // called before io.EOF, once

	mu    sync.Mutex // held while reading
	parts []part     // guarded by mu
	due   time.Duration

	once   sync.Once
	closed chan struct{}
}

// Read returns no more than one part at a time.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.closed:
		return 0, http.ErrBodyReadAfterClose
	case <-b.ctx.Done():
		return 0, context.Cause(b.ctx)
	default:
	}
	for len(b.parts) > 0 {
		head := &b.parts[0]
		b.due += head.wait
		head.wait = 0
		if err := sleep(b.ctx, b.due-time.Since(b.start), b.closed); err != nil {
			return 0, err
		}
		if len(head.data) == 0 {
			b.parts = b.parts[1:]
			continue
		}
		n := copy(p, head.data)
		head.data = head.data[n:]
		return n, nil
	}
	if b.trailer != nil && b.end == io.EOF {
		b.trailer()
		b.trailer = nil
	}
	return 0, b.end
}

// Close ends a Read that waits. Closing again does nothing.
func (b *body) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

// gunzipped is a body that is decoded on the way, as http.Transport does it.
type gunzipped struct {
	*body
	mu  sync.Mutex
	zr  *gzip.Reader // guarded by mu; nil before the first read
	err error        // guarded by mu; what the reader could not begin with
}

func (g *gunzipped) Read(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.closed:
		return 0, http.ErrBodyReadAfterClose
	default:
	}
	if g.zr == nil && g.err == nil {
		g.zr, g.err = gzip.NewReader(g.body)
	}
	if g.err != nil {
		return 0, g.err
	}
	return g.zr.Read(p)
}
