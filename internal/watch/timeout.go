package watch

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/internal/envelope"
)

// TimeoutError is the error of an attempt that took too long, and the cause of the end
// of its context. It is a net.Error, and a context.DeadlineExceeded by errors.Is.
type TimeoutError struct {
	// After is the limit, of WithAttemptTimeout.
	After time.Duration
}

func (e TimeoutError) Error() string {
	return fmt.Sprintf("tcretry: attempt timed out after %v (WithAttemptTimeout)", e.After)
}

// Timeout returns true.
func (TimeoutError) Timeout() bool { return true }

// Temporary returns true.
func (TimeoutError) Temporary() bool { return true }

// Unwrap returns context.DeadlineExceeded.
func (TimeoutError) Unwrap() error { return context.DeadlineExceeded }

// Timer ends one attempt that takes too long. It may be used by one goroutine.
type Timer struct {
	after  time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

// StartTimer returns the context of an attempt, which ends after d, and the attempt's
// timer. If d is 0 or less, there is no limit: it returns ctx and a nil Timer.
func StartTimer(ctx context.Context, d time.Duration) (context.Context, *Timer) {
	if d <= 0 {
		return ctx, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &Timer{d, time.AfterFunc(d, func() { cancel(TimeoutError{d}) }), cancel}
}

// End stops the timer. It must be called once, with the result of the attempt and what
// was seen of resp, and returns the result to go on with.
//
// If the time has expired, an error becomes a [TimeoutError], and so does a response
// whose body is not read whole: End closes it. A response that holds an API error is
// returned all the same, because its outcome is certain; a body that was cut short then
// ends with the TimeoutError. If the time has not expired, the body of resp stays
// readable without limit of time. The context of the attempt ends with the body, because
// net/http needs it until then.
func (t *Timer) End(resp *http.Response, err error, seen *envelope.Seen) (*http.Response, error) {
	expired := !t.timer.Stop()
	failedInPart := seen.Err != nil && seen.Failure != nil
	if resp == nil || resp.Body == nil || resp.Body == http.NoBody || seen.Whole || failedInPart {
		t.cancel(nil)
		if expired && err != nil {
			err = TimeoutError{t.after}
			if failedInPart {
				// HTTP/2 reports the end of the context, but the caller's has not ended.
				resp.Body.(*bodies.Peeked).EndWith(err)
			}
		}
		return resp, err
	}
	if expired { // the timer ends the context, with the error as its cause
		_ = resp.Body.Close()
		return nil, TimeoutError{t.after}
	}
	b := &freeingBody{ReadCloser: resp.Body, free: sync.OnceFunc(func() { t.cancel(nil) })}
	resp.Body = b
	if w, ok := b.ReadCloser.(io.Writer); ok {
		// The response to an upgrade: the new protocol is written to its body.
		resp.Body = struct {
			*freeingBody
			io.Writer
		}{b, w}
	}
	return resp, err
}

// freeingBody is a body that calls free at its end or its Close, whichever is first.
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
