package watch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/internal/envelope"
)

// Timer ends one attempt that takes too long.
type Timer struct {
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

// attemptTimeout is the cause of an attempt that took too long.
type timeout struct{ error }

func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

// Unwrap makes it a context.DeadlineExceeded, which callers look for.
func (timeout) Unwrap() error { return context.DeadlineExceeded }

var ErrTimeout error = timeout{errors.New("tcretry: the attempt's time is over (WithAttemptTimeout)")}

// StartTimer returns the context of an attempt that may take d, and its timer; a
// d of 0 is for ever, and needs none.
func StartTimer(ctx context.Context, d time.Duration) (context.Context, *Timer) {
	if d <= 0 {
		return ctx, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &Timer{time.AfterFunc(d, func() { cancel(ErrTimeout) }), cancel}
}

// End stops the timer when the attempt has led to resp and err, and a look at
// resp. An answer that has more to read is given up if the timer was faster, but
// for one that holds an envelope: with that the API has said what it had to say.
// Otherwise its body stays readable for as long as the caller likes, and frees
// the context at its end: until then net/http needs it.
func (t *Timer) End(resp *http.Response, err error, look *envelope.Seen) (*http.Response, error) {
	expired := !t.timer.Stop()
	said := look.Err != nil && look.Failure != nil
	if resp == nil || resp.Body == nil || resp.Body == http.NoBody || look.Whole || said {
		t.cancel(nil)
		if expired && err != nil {
			err = ErrTimeout
			if said {
				// HTTP/2 tells of the context, but the caller's goes on.
				resp.Body.(*bodies.Peeked).EndWith(err)
			}
		}
		return resp, err
	}
	if expired {
		t.cancel(nil)
		_ = resp.Body.Close()
		return nil, ErrTimeout
	}
	b := &freeingBody{ReadCloser: resp.Body, free: sync.OnceFunc(func() { t.cancel(nil) })}
	resp.Body = b
	if w, ok := b.ReadCloser.(io.Writer); ok {
		// The answer to an upgrade: what it switched to is written here.
		resp.Body = struct {
			*freeingBody
			io.Writer
		}{b, w}
	}
	return resp, err
}

// freeingBody calls free at its end or its Close, whatever comes first.
type freeingBody struct {
	io.ReadCloser
	free func()
}

func (b *freeingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.free()
	}
	return n, err
}

func (b *freeingBody) Close() error {
	defer b.free()
	return b.ReadCloser.Close()
}
