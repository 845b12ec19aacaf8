package bodies

import (
	"io"
	"sync"
)

// The sizes, in bytes, of the buffers that are kept for other bodies. Most responses
// fit Small. Large is also how much is read of a response by default.
const (
	Small = 8 << 10
	Large = 64 << 10
)

// buffer is memory that bodies use one after the other. A buffer has one owner, who
// gives it back exactly once, with Free.
type buffer struct {
	memory []byte
	size   int // bytes in use; 0 <= size <= len(memory)
	read   int // how many of them the reader of a Peeked has got
}

var (
	smallBuffers = sync.Pool{New: func() any { return &buffer{memory: make([]byte, Small)} }}
	largeBuffers = sync.Pool{New: func() any { return &buffer{memory: make([]byte, Large)} }}
)

// OnBuffer is called, unless it is nil, with 1 for each buffer that gets an owner and
// with -1 for each that loses it, from any goroutine. Only tests set it, before the
// first call: a counter in production would make every core wait for the others.
var OnBuffer func(int64)

// MaxEmptyReads is how many Reads in a row may return no byte and no error before the
// prefix ends and waiting is left to the reader of the body; as in bufio.
const MaxEmptyReads = 100

// prefix is the beginning of a source, read step by step. It may be used by one
// goroutine at a time. Its buffer belongs to the Peeked that wraps it.
type prefix struct {
	source io.Reader
	limit  int64
	buffer *buffer // never nil
	end    error   // with which the source ended, nil if it has not
}

// NewPrefix returns an empty prefix of source, of at most limit bytes; limit must be
// positive. A negative length means that the length of source is unknown.
func NewPrefix(source io.Reader, limit, length int64) prefix {
	want := int64(Small)
	if length >= 0 {
		want = length + 1 // room for a last Read, which sees the end
	}
	// A declared length larger than the buffers that are kept is not trusted: a server
	// that declares it and sends nothing must not cost that much memory.
	return prefix{source: source, limit: limit, buffer: newBuffer(min(want, limit, Large))}
}

// More reads once from the source, and again while it returns nothing. It reports
// whether it read any bytes and more may follow.
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

// Bytes returns what has been read so far, valid until the next More and until the
// buffer is freed.
func (p *prefix) Bytes() []byte { return p.buffer.Bytes() }

// ReadPrefix reads source to its end or up to limit bytes, which must be positive. end
// is the error with which source ended, io.EOF among them, or nil if it did not. A
// negative length means that the length of source is unknown. The caller owns the
// buffer, which is never nil, and must free it.
func ReadPrefix(source io.Reader, limit, length int64) (b *buffer, end error) {
	p := NewPrefix(source, limit, length)
	for p.More() {
	}
	return p.buffer, p.end
}

// newBuffer returns an empty buffer of at least size bytes, owned by the caller.
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

// Bytes returns the bytes in use, valid until b is freed.
func (b *buffer) Bytes() []byte { return b.memory[:b.size] }

// grow frees b and returns a larger buffer with the same bytes: of the next size that
// is kept, or twice as large if there is none, up to limit.
func (b *buffer) grow(limit int64) *buffer {
	twice := min(2*int64(len(b.memory)), limit)
	larger := newBuffer(max(Large, twice))
	larger.size = copy(larger.memory, b.Bytes())
	b.Free()
	return larger
}

// Free gives b back. The caller must not use b afterwards.
func (b *buffer) Free() {
	if OnBuffer != nil {
		OnBuffer(-1)
	}
	b.size, b.read = 0, 0
	switch len(b.memory) {
	case Small:
		smallBuffers.Put(b)
	case Large:
		largeBuffers.Put(b)
	}
}
