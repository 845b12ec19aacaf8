package bodies

import (
	"io"
	"net/http"
	"sync/atomic"
)

// Peeked is a response's body of which a prefix has been read. It gives its
// reader what the original would have given: every byte, and the original's
// read error, if any, at the same place. Its zero value waits for fill.
//
// Close may be called while a Read is under way, as for a body of net/http; the
// original is closed exactly once, as soon as it has ended or Close is called.
type Peeked struct {
	rest     io.ReadCloser // the original
	end      error         // how the original ended within the prefix; nil if it did not
	closeErr error         // what closing the original said, if it ended; given to Close

	// prefix belongs to whoever takes it: a Read that copies, or the Close that
	// gives its buffer to another answer. It is nil meanwhile and afterwards.
	prefix atomic.Pointer[buffer]
	next   int // how much of the prefix was read; belongs to the prefix
	closed atomic.Bool
}

// fill reads up to limit bytes of original, whose length is length or, if
// negative, unknown. It returns them, valid until the first Read or Close.
func (b *Peeked) fill(original io.ReadCloser, limit, length int64) []byte {
	p := NewPrefix(original, limit, length)
	for p.More() {
	}
	return b.Hold(original, p)
}

// Hold makes b the rest of original, of which p has been read. It returns what p
// has, valid until the first Read or Close.
func (b *Peeked) Hold(original io.ReadCloser, p prefix) []byte {
	b.rest, b.end = original, p.end
	if b.end != nil {
		b.closeErr = original.Close()
	}
	data := p.Bytes()
	if len(data) == 0 {
		p.buffer.Free()
		return nil
	}
	b.prefix.Store(p.buffer)
	return data
}

// Ended returns how the original ended within the prefix, nil if it did not.
func (b *Peeked) Ended() error { return b.end }

// EndWith makes err what a Read returns after the prefix, in the place of what ended
// the original there.
func (b *Peeked) EndWith(err error) { b.end = err }

// Read reads the prefix, then the rest of the original.
func (b *Peeked) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	if prefix := b.take(); prefix != nil {
		return b.readPrefix(prefix, p), nil
	}
	if b.end != nil {
		return 0, b.end
	}
	// A Close must be able to end a Read that waits.
	return b.rest.Read(p)
}

// readPrefix reads the prefix, which it was given, and puts back what is left.
func (b *Peeked) readPrefix(prefix *buffer, p []byte) int {
	n := copy(p, prefix.Bytes()[b.next:])
	b.next += n
	if b.next == prefix.size {
		prefix.Free()
		return n
	}
	b.prefix.Store(prefix)
	if b.closed.Load() {
		// Close came meanwhile, and found nothing to give back.
		b.release()
	}
	return n
}

// Close closes the original, unless it has been. It may be called more than once.
func (b *Peeked) Close() error {
	first := !b.closed.Swap(true)
	b.release()
	switch {
	case !first:
		return nil
	case b.end != nil:
		return b.closeErr
	default:
		return b.rest.Close()
	}
}

// take returns the prefix, nil if there is none, and leaves none.
func (b *Peeked) take() *buffer {
	if b.prefix.Load() == nil {
		return nil
	}
	return b.prefix.Swap(nil)
}

// release gives the buffer back.
func (b *Peeked) release() {
	if prefix := b.take(); prefix != nil {
		prefix.Free()
	}
}
