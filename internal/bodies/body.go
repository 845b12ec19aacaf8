package bodies

import (
	"io"
	"net/http"
	"sync/atomic"
)

// Peeked is a body of which a prefix has been read. Its reader receives what the
// original would have returned: every byte, and the original's read error, if any,
// at the same place. The zero Peeked must be given its original first, by Wrap.
//
// One goroutine may call Read and another one Close meanwhile, as for a body of
// net/http. The original is closed exactly once: as soon as it has ended, or when
// Close is called.
type Peeked struct {
	rest io.ReadCloser // the original, or one that returns what its Close did, if it ended
	end  error         // how the original ended within the prefix; nil if it did not

	// prefix belongs to whoever takes it: a Read that copies, or the Close that
	// gives its buffer to another body. It is nil meanwhile and afterwards.
	prefix atomic.Pointer[buffer]
	closed atomic.Bool
}

// fill reads up to limit bytes of original and makes b the body of all. A negative
// length means that the length of original is unknown. The bytes that it returns are
// valid until the first Read or Close.
func (b *Peeked) fill(original io.ReadCloser, limit, length int64) []byte {
	p := NewPrefix(original, limit, length)
	for p.More() {
	}
	return b.Wrap(original, p)
}

// Wrap makes b the body that consists of p, which was read of original, and of the
// rest of original. The bytes of p that it returns are valid until the first Read or
// Close.
func (b *Peeked) Wrap(original io.ReadCloser, p prefix) []byte {
	b.rest, b.end = original, p.end
	if b.end != nil {
		b.rest = http.NoBody
		if err := original.Close(); err != nil {
			b.rest = closed{http.NoBody, err}
		}
	}
	data := p.Bytes()
	if len(data) == 0 {
		p.buffer.Free()
		return nil
	}
	b.prefix.Store(p.buffer)
	return data
}

// closed is a body that has ended and was closed, with an error.
type closed struct {
	io.ReadCloser
	err error
}

func (c closed) Close() error { return c.err }

// Ended returns the error with which the original ended within the prefix, io.EOF
// among them, or nil if it did not end there.
func (b *Peeked) Ended() error { return b.end }

// EndWith replaces the error that Ended returns: a Read returns err after the prefix.
func (b *Peeked) EndWith(err error) { b.end = err }

// Read reads the prefix, then the rest of the original.
func (b *Peeked) Read(p []byte) (int, error) {
	if prefix := b.take(); prefix != nil {
		return b.readPrefix(prefix, p), nil
	}
	if b.closed.Load() { // after the prefix, which a Close may have released meanwhile
		return 0, http.ErrBodyReadAfterClose
	}
	if b.end != nil {
		return 0, b.end
	}
	// Without a lock: a Close must be able to end a Read that waits.
	return b.rest.Read(p)
}

// readPrefix copies from prefix, which the caller has taken, and puts back what is
// left.
func (b *Peeked) readPrefix(prefix *buffer, p []byte) int {
	n := copy(p, prefix.Bytes()[prefix.read:])
	prefix.read += n
	if prefix.read == prefix.size {
		prefix.Free()
		return n
	}
	b.prefix.Store(prefix)
	if b.closed.Load() {
		// Close was called meanwhile, and found nothing to release.
		b.release()
	}
	return n
}

// Close closes the original, unless it is closed already, and returns its error. Later
// calls return nil.
func (b *Peeked) Close() error {
	first := !b.closed.Swap(true)
	b.release()
	if !first {
		return nil
	}
	return b.rest.Close()
}

// take removes the prefix and returns it, nil if there is none.
func (b *Peeked) take() *buffer {
	if b.prefix.Load() == nil {
		return nil
	}
	return b.prefix.Swap(nil)
}

// release frees the buffer of the prefix, unless a Read has taken it.
func (b *Peeked) release() {
	if prefix := b.take(); prefix != nil {
		prefix.Free()
	}
}
