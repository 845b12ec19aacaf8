package replay

import (
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/tcretry/tcretry/internal/bodies"
)

// recording keeps what was read of a caller's body that can be read only once, so that
// later attempts can read it again. All attempts read from one recording: first the
// bytes that are kept, then the rest of the caller's body. It is safe for use from many
// goroutines.
//
// The underlying RoundTripper may still read the body of an attempt after its RoundTrip
// has returned. Such a Read continues, and its bytes are kept; the next attempt waits
// for it when it needs more than what is kept. So no byte is lost, no two Reads of the
// caller's body overlap, and beginning an attempt never waits.
type recording struct {
	body  io.ReadCloser // the caller's
	limit int64         // of kept

	mu        sync.Mutex
	changed   sync.Cond        // on mu; signals that a Read of body has ended or that current or closed has changed
	current   *recordingReader // of the latest attempt; the others return nothing more
	reading   *recordingReader // the reader that is in body.Read; nil if none is
	kept      []byte           // all that was read, unless discarded; not modified once err is set
	read      int64            // bytes read of body; len(kept) unless discarded
	err       error            // with which body ended, io.EOF among them
	discarded bool             // no further attempt can read the whole body
	ended     bool             // no further attempt will be made
	closed    bool             // body is closed, or being closed
}

func newRecording(body io.ReadCloser, limit int64) *recording {
	rec := &recording{body: body, limit: limit}
	rec.changed.L = &rec.mu
	return rec
}

// newReader begins an attempt. The reader returns the body from its first byte, and the
// readers of earlier attempts return nothing more.
func (rec *recording) newReader() (io.ReadCloser, error) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.discarded {
		return nil, bodies.ErrNotReplayable
	}
	rec.current = &recordingReader{recording: rec}
	rec.changed.Broadcast()
	return rec.current, nil
}

// replayable reports whether another reader can return the whole body.
func (rec *recording) replayable() bool {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return !rec.discarded
}

// all returns what is kept, which must not be modified, and whether it is the whole
// body.
func (rec *recording) all() (kept []byte, whole bool) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.kept, rec.err == io.EOF && !rec.discarded
}

// end is called when no attempt will follow. An underlying RoundTripper that still reads
// the body of the last attempt continues: so is a request sent while its response
// arrives.
func (rec *recording) end() {
	rec.mu.Lock()
	rec.ended = true
	done := rec.release()
	rec.mu.Unlock()
	if done {
		rec.body.Close()
	}
}

// release reports whether the caller must close body now. It returns true exactly once:
// when the body of the latest attempt is closed and no further attempt can need the
// rest. It requires that mu is held; body is closed without mu.
func (rec *recording) release() bool {
	if rec.closed || !rec.current.closed || !rec.ended && !rec.discarded && rec.err == nil {
		return false
	}
	rec.closed = true
	return true
}

// discard makes the body not replayable. It requires that mu is held.
func (rec *recording) discard() {
	rec.discarded = true
	rec.kept = nil
}

// record keeps the result of a Read of body. It requires that mu is held.
func (rec *recording) record(p []byte, err error) {
	rec.read += int64(len(p))
	rec.err = err
	switch {
	case rec.discarded:
	case rec.read > rec.limit, err != nil && err != io.EOF:
		rec.discard()
	default:
		rec.kept = append(rec.kept, p...)
	}
}

// tapeReader is the body of one attempt.
type recordingReader struct {
	recording *recording
	off       int64 // bytes returned
	closed    bool
}

// Read returns the bytes that are kept, then the rest of the caller's body, whose errors
// it returns unchanged.
func (r *recordingReader) Read(p []byte) (int, error) {
	rec := r.recording
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for {
		switch {
		case r.closed || rec.current != r:
			return 0, http.ErrBodyReadAfterClose
		case r.off < int64(len(rec.kept)):
			n := copy(p, rec.kept[r.off:])
			r.off += int64(n)
			return n, nil
		case r.off < rec.read:
			// The Read of an earlier attempt exceeded the limit meanwhile.
			return 0, bodies.ErrNotReplayable
		case rec.err != nil:
			return 0, rec.err
		case rec.reading == nil:
			return r.readOn(p)
		}
		rec.changed.Wait()
	}
}

// readOn reads from the caller's body. It requires that mu is held, and unlocks it
// during the Read, which may take long.
func (r *recordingReader) readOn(p []byte) (int, error) {
	rec := r.recording
	rec.reading = r
	n, err := rec.readUnlocked(p)
	rec.reading = nil
	rec.record(p[:n], err)
	r.off = rec.read
	rec.changed.Broadcast()
	return n, err
}

func (rec *recording) readUnlocked(p []byte) (int, error) {
	rec.mu.Unlock()
	defer rec.mu.Lock() // after a panic too: Read unlocks
	return rec.body.Read(p)
}

// Close ends the reading of the attempt. The caller's body stays open while another
// attempt may need the rest. When Close is called during a Read of this attempt, the
// underlying RoundTripper needs that Read to end (HTTP/2 waits for it). Most Reads end
// soon; for one that does not, see interrupt.
func (r *recordingReader) Close() error {
	rec := r.recording
	rec.mu.Lock()
	r.closed = true
	done := rec.release()
	if rec.current == r && rec.reading == r && !rec.closed {
		time.AfterFunc(readGrace, func() { rec.interrupt(r) })
	}
	rec.changed.Broadcast()
	rec.mu.Unlock()
	if done {
		return rec.body.Close()
	}
	return nil
}

// readGrace is how long a Read of the caller's body may continue after the attempt's
// Close: a long time for a file or memory, a short one for an underlying RoundTripper
// that waits.
const readGrace = 50 * time.Millisecond

// interrupt ends the Read of reader r, if it has not ended. Only closing the caller's
// body does that, so no attempt can follow. If another attempt has begun already,
// nothing waits for the Read any more, and it may continue.
func (rec *recording) interrupt(r *recordingReader) {
	rec.mu.Lock()
	done := false
	if rec.reading == r && rec.current == r {
		rec.discard()
		done = rec.release()
	}
	rec.mu.Unlock()
	if done {
		rec.body.Close()
	}
}
