package replay

import (
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/tcretry/tcretry/internal/bodies"
)

// tape keeps what was read of a caller's body that can be read only once, so
// that later attempts can have it again. All attempts read from one tape:
// first what is kept, then on from the caller's body.
//
// The base may still be reading the body of an attempt whose RoundTrip has
// returned. Such a Read goes on, and what it gets is kept; the next attempt's
// Read waits for it if it needs more than that. So no byte is lost, no two Reads
// of the caller's body overlap, and beginning an attempt never waits.
type tape struct {
	body  io.ReadCloser // the caller's
	limit int64         // of kept

	mu      sync.Mutex
	turn    sync.Cond   // on mu; told when a Read of body or a reader's turn ends
	current *tapeReader // of the latest attempt; the others read no more
	reading *tapeReader // who is in body.Read; nil if nobody is
	kept    []byte      // all that was read, unless lost; not modified once err is set
	read    int64       // bytes read of body; len(kept) unless lost
	err     error       // io.EOF or the error that body ended with
	lost    bool        // no further attempt can have the whole body
	ended   bool        // no further attempt will be made
	closed  bool        // body is closed, or being closed
}

func newTape(body io.ReadCloser, limit int64) *tape {
	t := &tape{body: body, limit: limit}
	t.turn.L = &t.mu
	return t
}

// play begins an attempt: the reader gives the body from its first byte, and
// those of earlier attempts give nothing more.
func (t *tape) play() (io.ReadCloser, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lost {
		return nil, bodies.ErrNotReplayable
	}
	t.current = &tapeReader{tape: t}
	t.turn.Broadcast()
	return t.current, nil
}

// playable reports whether play can give the whole body once more.
func (t *tape) playable() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.lost
}

// all returns the body if it was read whole. Not to be modified.
func (t *tape) all() (kept []byte, whole bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kept, t.err == io.EOF && !t.lost
}

// end says that no attempt will follow. A base that still reads the last one's
// body goes on: that is how a request is sent while its answer comes in.
func (t *tape) end() {
	t.mu.Lock()
	t.ended = true
	done := t.release()
	t.mu.Unlock()
	if done {
		t.body.Close()
	}
}

// release reports whether the caller has to close body now: exactly once, when
// the base is done with the latest attempt's body and nobody needs the rest.
// It requires that mu is held; body is closed without it.
func (t *tape) release() bool {
	if t.closed || !t.current.closed || !t.ended && !t.lost && t.err == nil {
		return false
	}
	t.closed = true
	return true
}

// lose gives up repeating the body. It requires that mu is held.
func (t *tape) lose() {
	t.lost = true
	t.kept = nil
}

// record keeps what a Read of body gave. It requires that mu is held.
func (t *tape) record(p []byte, err error) {
	t.read += int64(len(p))
	t.err = err
	switch {
	case t.lost:
	case t.read > t.limit, err != nil && err != io.EOF:
		t.lose()
	default:
		t.kept = append(t.kept, p...)
	}
}

// tapeReader is the body of one attempt.
type tapeReader struct {
	tape   *tape
	off    int64 // bytes given
	closed bool
}

// Read gives what the tape has kept, then reads on from the caller's body,
// whose errors it passes on unchanged.
func (r *tapeReader) Read(p []byte) (int, error) {
	t := r.tape
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		switch {
		case r.closed || t.current != r:
			return 0, http.ErrBodyReadAfterClose
		case r.off < int64(len(t.kept)):
			n := copy(p, t.kept[r.off:])
			r.off += int64(n)
			return n, nil
		case r.off < t.read:
			// The Read of an earlier attempt went beyond the limit meanwhile.
			return 0, bodies.ErrNotReplayable
		case t.err != nil:
			return 0, t.err
		case t.reading == nil:
			return r.readOn(p)
		}
		t.turn.Wait()
	}
}

// readOn reads from the caller's body. It requires that mu is held, and gives
// it up for the time of the Read, which may be long.
func (r *tapeReader) readOn(p []byte) (int, error) {
	t := r.tape
	t.reading = r
	n, err := t.readUnlocked(p)
	t.reading = nil
	t.record(p[:n], err)
	r.off = t.read
	t.turn.Broadcast()
	return n, err
}

func (t *tape) readUnlocked(p []byte) (int, error) {
	t.mu.Unlock()
	defer t.mu.Lock() // after a panic too: Read unlocks
	return t.body.Read(p)
}

// Close ends the attempt's reading. The caller's body stays open while another
// attempt may need its rest. A Close during a Read of this attempt means that
// the base wants that Read to end (HTTP/2 waits for it). Most do by themselves;
// for one that does not, see interrupt.
func (r *tapeReader) Close() error {
	t := r.tape
	t.mu.Lock()
	r.closed = true
	done := t.release()
	if t.current == r && t.reading == r && !t.closed {
		time.AfterFunc(readGrace, func() { t.interrupt(r) })
	}
	t.turn.Broadcast()
	t.mu.Unlock()
	if done {
		return t.body.Close()
	}
	return nil
}

// readGrace is how long a Read of the caller's body may outlast a Close of the
// attempt's: long for a file or memory, short for a base that waits.
const readGrace = 50 * time.Millisecond

// interrupt ends a Read of the reader that is still going on. Nothing but
// closing the caller's body does that, so no attempt can follow. Once another
// attempt has begun, no base waits for the Read any more and it may go on.
func (t *tape) interrupt(r *tapeReader) {
	t.mu.Lock()
	done := false
	if t.reading == r && t.current == r {
		t.lose()
		done = t.release()
	}
	t.mu.Unlock()
	if done {
		t.body.Close()
	}
}
