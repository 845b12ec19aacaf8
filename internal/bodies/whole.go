package bodies

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
)

var ErrNotReplayable = errors.New("tcretry: body of the request cannot be sent again")

// Fresh returns what the request's GetBody does. That is the caller's code: if
// it panics or returns nothing, the body cannot be sent again.
func Fresh(req *http.Request) (body io.ReadCloser, err error) {
	defer func() {
		if recover() != nil {
			body, err = nil, ErrNotReplayable
		}
	}()
	if body, err = req.GetBody(); body == nil && err == nil {
		err = ErrNotReplayable
	}
	return body, err
}

// Whole reads a body that has at most limit bytes to its end. The text is
// nil if it has more or cannot be read, else valid until read is closed; read
// gives all that the body would have given. The end of the context ends it.
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

// closeOnce is a body that two may close.
type closeOnce struct {
	io.ReadCloser
	once sync.Once
}

// Close closes the body the first time.
func (b *closeOnce) Close() (err error) {
	b.once.Do(func() { err = b.ReadCloser.Close() })
	return err
}
