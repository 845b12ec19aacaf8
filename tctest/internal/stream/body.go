// Package stream is the body of a response in memory whose parts arrive at their times.
package stream

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// A Part is a piece of a body, and the time between it and the part before.
type Part struct {
	Wait time.Duration
	Data []byte
}

// A Body is a response's body. Its parts arrive at their times, whether or not
// somebody reads; a Read ends with the context and with Close, as one from a
// connection does. It may be read and closed from several goroutines.
type Body struct {
	ctx     context.Context
	start   time.Time
	end     error  // what follows the last byte
	trailer func() // called before io.EOF, once; may be nil

	mu    sync.Mutex    // held while reading
	parts []Part        // guarded by mu
	due   time.Duration // guarded by mu; when the first of parts arrives, after start

	once   sync.Once
	closed chan struct{}
}

// New returns a body of parts, which arrive from now on. After the last byte Read
// returns end; if end is io.EOF, trailer is called before, unless it is nil.
func New(ctx context.Context, parts []Part, end error, trailer func()) *Body {
	return &Body{ctx: ctx, start: time.Now(), parts: parts, end: end, trailer: trailer, closed: make(chan struct{})}
}

// Read returns no more than one part at a time.
func (b *Body) Read(p []byte) (int, error) {
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
		b.due += head.Wait
		head.Wait = 0
		if err := Sleep(b.ctx, b.due-time.Since(b.start), b.closed); err != nil {
			return 0, err
		}
		if len(head.Data) == 0 {
			b.parts = b.parts[1:]
			continue
		}
		n := copy(p, head.Data)
		head.Data = head.Data[n:]
		return n, nil
	}
	if b.trailer != nil && b.end == io.EOF {
		b.trailer()
		b.trailer = nil
	}
	return 0, b.end
}

// Close ends a Read that waits. Closing again does nothing.
func (b *Body) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

// Gunzipped returns the body, decompressed as http.Transport does it: while it is
// read.
func (b *Body) Gunzipped() io.ReadCloser { return &gunzipped{Body: b} }

type gunzipped struct {
	*Body
	mu  sync.Mutex
	zr  *gzip.Reader // guarded by mu; nil before the first read
	err error        // guarded by mu; why the body has no gzip header
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
		g.zr, g.err = gzip.NewReader(g.Body)
	}
	if g.err != nil {
		return 0, g.err
	}
	return g.zr.Read(p)
}

// Sleep waits for d. It returns earlier when the context ends, with its cause, or
// when closed is closed, with [http.ErrBodyReadAfterClose]; nil is never closed.
func Sleep(ctx context.Context, d time.Duration, closed <-chan struct{}) error {
	if d <= 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-closed:
		return http.ErrBodyReadAfterClose
	}
}
