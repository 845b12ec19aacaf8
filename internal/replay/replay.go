package replay

import (
	"bytes"
	"io"
	"net/http"
	"time"

	"github.com/tcretry/tcretry/internal/bodies"
)

// Body provides the body of a request for each attempt of a call. It never modifies the
// request. Its methods may be called by one goroutine at a time; the bodies that it
// returns belong to the underlying RoundTripper, whose goroutines may read and close
// them even after its RoundTrip has returned.
//
// The first attempt receives the caller's own body if the request has a GetBody, or if
// the body is not to be replayed. Otherwise it receives a reader that records what the
// underlying RoundTripper reads.
//
// The caller's body is closed exactly once. If it is passed to the underlying
// RoundTripper itself, that closes it. Otherwise it is closed as soon as no attempt can
// need the rest, at the latest when the body of the last attempt is closed.
type Body struct {
	req       *http.Request
	limit     int64
	attempts  int
	recording *recording    // shared by the attempts; nil if nothing is kept
	ahead     io.ReadCloser // reads the recording between attempts; nil if none did
	failed    bool          // GetBody failed
}

// Init begins a call. Up to limit bytes of a body without GetBody are kept. If limit is
// 0, or the ContentLength of the request exceeds limit, nothing is kept and the body
// cannot be replayed.
func (r *Body) Init(req *http.Request, limit int64) {
	*r = Body{req: req, limit: limit}
}

// Next returns the body of the next attempt, and its GetBody if there can be one. It
// must be called right before the request is passed to the underlying RoundTripper,
// which must close the body. The body has the ContentLength of the caller's request.
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
		r.recording = newRecording(r.req.Body, r.limit)
	case r.recording == nil:
		return nil, nil, bodies.ErrNotReplayable
	}
	body, err = r.recording.newReader()
	return body, r.GetBody(), err
}

// Replayable reports whether another attempt can receive the whole body. A body that is
// still being read is replayable: the next attempt receives what was read and then the
// rest.
func (r *Body) Replayable() bool {
	switch {
	case r.Empty() || r.attempts == 0:
		return true
	case r.req.GetBody != nil:
		return !r.failed
	}
	return r.recording != nil && r.recording.replayable()
}

// GetBody returns a function that returns copies of the whole body, as
// http.Request.GetBody does, or nil if there can be none. For a request without GetBody
// there is one once the underlying RoundTripper has read all of the body: to its end,
// or as many bytes as ContentLength.
func (r *Body) GetBody() func() (io.ReadCloser, error) {
	if r.recording == nil {
		return r.req.GetBody
	}
	kept, whole := r.recording.all()
	// A response may arrive before the underlying RoundTripper has read the expected end.
	whole = whole || len(kept) > 0 && int64(len(kept)) == r.req.ContentLength
	if !whole {
		return nil
	}
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(kept)), nil }
}

// Close ends the call: there will be no further attempt. The caller's body is closed now
// if there was no attempt or the body of the last one is closed, and otherwise when the
// body of the last attempt is closed.
func (r *Body) Close() {
	switch {
	case r.req.Body == nil:
	case r.attempts == 0:
		r.attempts = 1
		r.req.Body.Close()
	case r.recording != nil:
		r.recording.end()
		if r.ahead != nil {
			_ = r.ahead.Close()
		}
	}
}

// Empty reports whether the request has no body.
func (r *Body) Empty() bool { return r.req.Body == nil || r.req.Body == http.NoBody }

// Records reports whether the bytes that the attempts read are kept.
func (r *Body) Records() bool { return r.recording != nil }

// keeps reports whether the body of the first attempt must be recorded.
func (r *Body) keeps() bool {
	return !r.Empty() && r.req.GetBody == nil && r.limit > 0 && r.req.ContentLength <= r.limit
}

// ReadAhead reads a body that is recorded, before the next attempt does: to its end, so
// that GetBody returns copies, or for limit+1 bytes. It returns after 50 ms at the
// latest, which is enough for memory or a file, and when done is closed; bytes that
// arrive later are kept too. It may be called between attempts only.
func (r *Body) ReadAhead(limit int64, done <-chan struct{}) {
	if r.recording == nil {
		return
	}
	body, err := r.recording.newReader()
	if err != nil {
		return
	}
	r.ahead = body
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer body.Close()
		_, _ = io.Copy(io.Discard, io.LimitReader(body, limit+1)) // the next attempt returns the error
	}()
	timer := time.NewTimer(readGrace)
	defer timer.Stop()
	select {
	case <-read:
	case <-timer.C:
	case <-done:
	}
}
