package bodies

import (
	"io"
	"sync"
)

// The sizes of buffers that are kept for other bodies, in bytes: most responses fit
// the first. The second is also how much is read of a response by default.
const (
	Small = 8 << 10
	Large = 64 << 10
)

// buffer is memory that answers use in turn. A buffer has one owner, who gives
// it back once, with free.
type buffer struct {
	memory []byte
	size   int // bytes in use; 0 <= size <= len(memory)
}

var (
	smallBuffers = sync.Pool{New: func() any { return &buffer{memory: make([]byte, Small)} }}
	largeBuffers = sync.Pool{New: func() any { return &buffer{memory: make([]byte, Large)} }}
)

// OnBuffer is told of each buffer that gets an owner (1) or loses it (-1). Tests
// set it, before the first call; without them every core would wait for the others
// to count.
var OnBuffer func(int64)

// MaxEmptyReads is how often a source may return nothing, without an error,
// before it is left to its reader to wait for it; as in bufio.
const MaxEmptyReads = 100

// prefix is the beginning of a source, read step by step. It belongs to one
// goroutine, and its buffer to whoever takes it from there.
type prefix struct {
	source io.Reader
	limit  int64
	buffer *buffer // never nil
	end    error   // what ended the source, nil if nothing has
}

// NewPrefix begins to read source, up to limit bytes, which must be positive. length
// is that of the source, or negative if it is unknown.
func NewPrefix(source io.Reader, limit, length int64) prefix {
	want := int64(Small)
	if length >= 0 {
		want = length + 1 // room for a last Read, which sees the end
	}
	// A declared length is not trusted beyond the buffers that there are: memory that
	// was only promised to be filled could be all there is.
	return prefix{source: source, limit: limit, buffer: newBuffer(min(want, limit, Large))}
}

// more reads on and reports whether bytes have come and others may follow.
func (p *prefix) More() bool {
	b := p.buffer
	for empty := 0; int64(b.size) < p.limit && empty < MaxEmptyReads; empty++ {
		if b.size == len(b.memory) {
			b = b.grow(p.limit)
			p.buffer = b
		}
		room := b.memory[:min(int64(len(b.memory)), p.limit)]
		n, err := p.source.Read(room[b.size:])
		b.size += max(n, 0)
		if err != nil {
			p.end = err
			return false
		}
		if n > 0 {
			return true
		}
	}
	return false
}

// bytes returns what has been read so far, valid until the buffer is freed.
func (p *prefix) Bytes() []byte { return p.buffer.Bytes() }

// ReadPrefix reads source up to limit bytes, which must be positive, or to its
// end, and returns what ended it: nil if nothing did. length is that of the
// source, or negative if it is unknown. The buffer is never nil.
func ReadPrefix(source io.Reader, limit, length int64) (b *buffer, end error) {
	p := NewPrefix(source, limit, length)
	for p.More() {
	}
	return p.buffer, p.end
}

// newBuffer returns an empty buffer with a memory of at least size bytes.
func newBuffer(size int64) *buffer {
	if OnBuffer != nil {
		OnBuffer(1)
	}
	switch {
	case size <= Small:
		return smallBuffers.Get().(*buffer)
	case size <= Large:
		return largeBuffers.Get().(*buffer)
	default:
		return &buffer{memory: make([]byte, size)}
	}
}

// bytes returns the bytes in use, valid until b is freed.
func (b *buffer) Bytes() []byte { return b.memory[:b.size] }

// grow returns a buffer with the same bytes and more memory: the next size that
// is kept, or above those twice as much, up to limit. It frees b.
func (b *buffer) grow(limit int64) *buffer {
	twice := min(2*int64(len(b.memory)), limit)
	larger := newBuffer(max(Large, twice))
	larger.size = copy(larger.memory, b.Bytes())
	b.Free()
	return larger
}

// free gives b back. Its owner must forget it.
func (b *buffer) Free() {
	if OnBuffer != nil {
		OnBuffer(-1)
	}
	b.size = 0
	switch len(b.memory) {
	case Small:
		smallBuffers.Put(b)
	case Large:
		largeBuffers.Put(b)
	}
}
