package replay

import (
	"bytes"
	"io"
	"net/http"
	"time"

	"github.com/tcretry/tcretry/internal/bodies"
)

// Body gives the body of a call's request to each of its attempts. It never
// modifies the request. A replay belongs to one call and its goroutine; the
// bodies that it gives out belong to the base and may be read and closed in
// goroutines of the base, even after its RoundTrip has returned.
//
// The first attempt gets the caller's own body whenever that is enough to
// repeat it: with GetBody, or if it is not to be repeated. Otherwise it gets a
// reader that keeps what the base reads.
//
// The caller's body is closed exactly once: by the base if it was handed over,
// else as soon as no attempt can need the rest of it, at the latest when the
// base closes the body of the last attempt.
type Body struct {
	req      *http.Request
	limit    int64
	attempts int
	tape     *tape         // what the attempts share; nil if nothing is kept
	ahead    io.ReadCloser // reads the tape between attempts; nil if nobody did
	failed   bool          // GetBody failed
}

// Init begins a call. Up to limit bytes of a body without GetBody are kept;
// with 0 the body is handed over and the call has one attempt. A body that is
// known to be longer than the limit is handed over too.
func (r *Body) Init(req *http.Request, limit int64) {
	*r = Body{req: req, limit: limit}
}

// Next returns the body of the next attempt, and its GetBody if there can be
// one. It is called right before the base gets the request: from then on the
// base closes that body. The length is that of the caller's request, always.
func (r *Body) Next() (body io.ReadCloser, getBody func() (io.ReadCloser, error), err error) {
	r.attempts++
	switch {
	case r.Empty() || r.attempts == 1 && !r.keeps():
		return r.req.Body, r.req.GetBody, nil
	case r.req.GetBody != nil:
		body, err = bodies.Fresh(r.req)
		r.failed = err != nil
		return body, r.req.GetBody, err
	case r.attempts == 1:
		r.tape = newTape(r.req.Body, r.limit)
	case r.tape == nil:
		return nil, nil, bodies.ErrNotReplayable
	}
	body, err = r.tape.play()
	return body, r.GetBody(), err
}

// Replayable reports whether another attempt can be given the whole body. A
// body that is still being read is: the next attempt gets what was read and
// then the rest.
func (r *Body) Replayable() bool {
	switch {
	case r.Empty() || r.attempts == 0:
		return true
	case r.req.GetBody != nil:
		return !r.failed
	}
	return r.tape != nil && r.tape.playable()
}

// GetBody returns what gives copies of the whole body to those who may not
// touch the attempt's, such as Idempotent and net/http; nil if there is none.
// For a body without GetBody there is one once the base has read all of it: to
// its end, or as many bytes as the request says it has.
func (r *Body) GetBody() func() (io.ReadCloser, error) {
	if r.tape == nil {
		return r.req.GetBody
	}
	kept, whole := r.tape.all()
	// An answer may come before the base has read on to the end that it expects.
	whole = whole || len(kept) > 0 && int64(len(kept)) == r.req.ContentLength
	if !whole {
		return nil
	}
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(kept)), nil }
}

// Close ends the call: there will be no further attempt. The caller's body is
// closed now if the base never got one or is done with the last one, else when
// the base closes that.
func (r *Body) Close() {
	switch {
	case r.req.Body == nil:
	case r.attempts == 0:
		r.attempts = 1
		r.req.Body.Close()
	case r.tape != nil:
		r.tape.end()
		if r.ahead != nil {
			_ = r.ahead.Close()
		}
	}
}

func (r *Body) Empty() bool { return r.req.Body == nil || r.req.Body == http.NoBody }

// Records reports whether what the attempts read is kept.
func (r *Body) Records() bool { return r.tape != nil }

// keeps reports whether the first attempt's body has to be recorded.
func (r *Body) keeps() bool {
	return !r.Empty() && r.req.GetBody == nil && r.limit > 0 && r.req.ContentLength <= r.limit
}

// ReadAhead reads the body on, before the next attempt does, to its end or beyond
// limit bytes: then getBody gives copies. It waits no longer than readGrace, for memory
// or a file, and not after done; what comes later is kept, too. It is called
// between attempts.
func (r *Body) ReadAhead(limit int64, done <-chan struct{}) {
	if r.tape == nil {
		return
	}
	body, err := r.tape.play()
	if err != nil {
		return
	}
	r.ahead = body
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer body.Close()
		_, _ = io.Copy(io.Discard, io.LimitReader(body, limit+1)) // the next attempt gets the error
	}()
	timer := time.NewTimer(readGrace)
	defer timer.Stop()
	select {
	case <-read:
	case <-timer.C:
	case <-done:
	}
}
