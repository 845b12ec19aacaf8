package bodies_test

import (
	"io"

	"github.com/tcretry/tcretry/internal/bodies"
)

// source returns data in chunks, then err, which comes with the last chunk if together
// is set. It counts what is done to it.
type source struct {
	data     string
	chunk    int // bytes per Read; 0 is all
	err      error
	together bool
	closeErr error

	reads, closes int
}

// whole is a source that returns data in one Read.
func whole(data string) *source { return &source{data: data, err: io.EOF} }

func (s *source) Read(p []byte) (int, error) {
	s.reads++
	if s.data == "" {
		return 0, s.err
	}
	if s.chunk > 0 {
		p = p[:min(len(p), s.chunk)]
	}
	n := copy(p, s.data)
	s.data = s.data[n:]
	if s.data == "" && s.together {
		return n, s.err
	}
	return n, nil
}

func (s *source) Close() error {
	s.closes++
	return s.closeErr
}

// silent is a source whose Reads wait until Close is called.
type silent struct {
	*io.PipeReader
	closes int
}

func newSilent() *silent {
	r, _ := io.Pipe()
	return &silent{PipeReader: r}
}

func (s *silent) Close() error {
	s.closes++
	return s.PipeReader.Close()
}

// peek returns original as a body of which up to limit bytes have been read.
func peek(original io.ReadCloser, limit int64) *bodies.Peeked {
	prefix := bodies.NewPrefix(original, limit, -1)
	for prefix.More() {
	}
	body := new(bodies.Peeked)
	body.Wrap(original, prefix)
	return body
}
