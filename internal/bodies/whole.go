package bodies

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
)

// ErrNotReplayable is the error of an attempt whose request body has been read and
// cannot be read again.
var ErrNotReplayable = errors.New("tcretry: request body is not replayable: set Request.GetBody")

var (
	errGetBodyPanicked = errors.New("tcretry: request body is not replayable: Request.GetBody panicked")
	errGetBodyNil      = errors.New("tcretry: request body is not replayable: Request.GetBody returned nil")
)

// Fresh returns a new copy of the request's body, from its GetBody, which must not be
// nil. GetBody is code of the caller: that it panics, or returns nil without an error,
// is an error.
func Fresh(req *http.Request) (body io.ReadCloser, err error) {
	defer func() {
		if recover() != nil {
			body, err = nil, errGetBodyPanicked
		}
	}()
	if body, err = req.GetBody(); body == nil && err == nil {
		err = errGetBodyNil
	}
	return body, err
}

// Whole reads body to its end if it has at most limit bytes. text is nil if body is
// longer or ends with an error, and otherwise valid until read is closed. read returns
// what body would have returned. When ctx ends, Whole closes body, which ends a Read
// that waits.
func Whole(ctx context.Context, body io.ReadCloser, limit int64) (read *Peeked, text []byte) {
	shared := &closeOnce{ReadCloser: body}
	stop := context.AfterFunc(ctx, func() { _ = shared.Close() })
	defer stop()
	read = new(Peeked)
	if text = read.fill(shared, limit+1, -1); read.Ended() != io.EOF || int64(len(text)) > limit {
		return read, nil
	}
	return read, text
}

// closeOnce is a body whose Close may be called from two goroutines.
type closeOnce struct {
	io.ReadCloser
	once sync.Once
}

// Close closes the body at the first call, and returns its error. Later calls return
// nil.
func (b *closeOnce) Close() (err error) {
	b.once.Do(func() { err = b.ReadCloser.Close() })
	return err
}
