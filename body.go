package tcretry

import (
	"io"
	"net/http"
	"sync"
)

// peekedBody is a response's body of which a prefix has been read. It gives its
// reader what the original would have given: every byte, and the original's
// read error, if any, at the same place. Its zero value waits for fill.
//
// Close may be called while a Read is under way, as for a body of net/http; the
// original is closed exactly once, as soon as it has ended or Close is called.
type peekedBody struct {
	rest     io.ReadCloser // the original
	end      error         // how the original ended within the prefix; nil if it did not
	closeErr error         // what closing the original said, if it ended; given to Close

	mu     sync.Mutex
	prefix *buffer // nil once read or closed; guarded by mu
	next   int     // how much of the prefix was read; guarded by mu
	closed bool    // guarded by mu
}

// fill reads up to limit bytes of original, whose length is length or, if
// negative, not known. It returns them, valid until the first Read or Close.
func (b *peekedBody) fill(original io.ReadCloser, limit, length int64) []byte {
	b.rest = original
	b.prefix, b.end = readPrefix(original, limit, length)
	if b.end != nil {
		b.closeErr = original.Close()
	}
	data := b.prefix.bytes()
	if len(data) == 0 {
		b.release()
	}
	return data
}

// Read reads the prefix, then the rest of the original.
func (b *peekedBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return 0, http.ErrBodyReadAfterClose
	}
	if b.prefix != nil {
		// The lock is held while copying: Close must not give the buffer to
		// another answer meanwhile.
		n := copy(p, b.prefix.bytes()[b.next:])
		b.next += n
		if b.next == b.prefix.size {
			b.release()
		}
		b.mu.Unlock()
		return n, nil
	}
	b.mu.Unlock()
	if b.end != nil {
		return 0, b.end
	}
	// Without the lock: a Close must be able to end a Read that waits.
	return b.rest.Read(p)
}

// Close closes the original, unless it has been. It may be called more than once.
func (b *peekedBody) Close() error {
	b.mu.Lock()
	first := !b.closed
	b.closed = true
	b.release()
	b.mu.Unlock()
	switch {
	case !first:
		return nil
	case b.end != nil:
		return b.closeErr
	default:
		return b.rest.Close()
	}
}

// release gives the buffer back. It requires that b.mu is held.
func (b *peekedBody) release() {
	if b.prefix != nil {
		b.prefix.free()
		b.prefix = nil
	}
}
