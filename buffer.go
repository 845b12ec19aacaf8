package tcretry

import (
	"io"
	"sync"
)

// The sizes of buffers that are kept for other answers: most answers fit the
// first, and all that are looked at, unless the limit was raised, the second.
const (
	smallBuffer = 8 << 10
	largeBuffer = defaultPeekLimit
)

// buffer is memory that answers use in turn. A buffer has one owner, who gives
// it back once, with free.
type buffer struct {
	memory []byte
	size   int // bytes in use; 0 <= size <= len(memory)
}

var (
	smallBuffers = sync.Pool{New: func() any { return &buffer{memory: make([]byte, smallBuffer)} }}
	largeBuffers = sync.Pool{New: func() any { return &buffer{memory: make([]byte, largeBuffer)} }}
)

// onBuffer is told of each buffer that gets an owner (1) or loses it (-1). Tests
// set it, before the first call; without them every core would wait for the others
// to count.
var onBuffer func(int64)

// maxEmptyReads is how often a source may return nothing, without an error,
// before it is left to its reader to wait for it; as in bufio.
const maxEmptyReads = 100

// readPrefix reads source up to limit bytes, which must be positive, or to its
// end, and returns what ended it: nil if nothing did. length is that of the
// source, or negative if it is not known. It reads no further once opening, which may
// be nil, says so. The buffer is never nil.
func readPrefix(source io.Reader, limit, length int64, opening *opening) (b *buffer, end error) {
	want := int64(smallBuffer)
	if length >= 0 {
		want = length + 1 // room for a last Read, which sees the end
	}
	// What the source says of its length is not believed beyond the buffers that
	// there are: memory that was only promised to be filled could be all there is.
	b = newBuffer(min(want, limit, largeBuffer))
	for empty := 0; int64(b.size) < limit && empty < maxEmptyReads; empty++ {
		if b.size == len(b.memory) {
			b = b.grow(limit)
		}
		room := b.memory[:min(int64(len(b.memory)), limit)]
		n, err := source.Read(room[b.size:])
		if n > 0 {
			b.size += n
			empty = 0
		}
		if err != nil || n > 0 && opening != nil && opening.settled(b.bytes()) {
			return b, err
		}
	}
	return b, nil
}

// newBuffer returns an empty buffer with a memory of at least size bytes.
func newBuffer(size int64) *buffer {
	if onBuffer != nil {
		onBuffer(1)
	}
	switch {
	case size <= smallBuffer:
		return smallBuffers.Get().(*buffer)
	case size <= largeBuffer:
		return largeBuffers.Get().(*buffer)
	default:
		return &buffer{memory: make([]byte, size)}
	}
}

// bytes returns the bytes in use, valid until b is freed.
func (b *buffer) bytes() []byte { return b.memory[:b.size] }

// grow returns a buffer with the same bytes and more memory: the next size that
// is kept, or above those twice as much, up to limit. It frees b.
func (b *buffer) grow(limit int64) *buffer {
	twice := min(2*int64(len(b.memory)), limit)
	larger := newBuffer(max(largeBuffer, twice))
	larger.size = copy(larger.memory, b.bytes())
	b.free()
	return larger
}

// free gives b back. Its owner must forget it.
func (b *buffer) free() {
	if onBuffer != nil {
		onBuffer(-1)
	}
	b.size = 0
	switch len(b.memory) {
	case smallBuffer:
		smallBuffers.Put(b)
	case largeBuffer:
		largeBuffers.Put(b)
	}
}
