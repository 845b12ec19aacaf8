package bodies

import (
	"net/http"
	"time"
)

// discardLimit is how much of an answer is read for its connection's sake, and
// discardTime how long. A new connection costs two or three round trips, half a
// second to the far side of the world, in which about this much comes anyway; a
// longer or a slower rest is cheaper to throw away with its connection.
const (
	discardLimit = 64 << 10
	discardTime  = 500 * time.Millisecond
)

// Discard reads a bounded rest of resp's body and closes it, so that the
// connection can be used again. resp must not be used afterwards; nil is fine.
func Discard(resp *http.Response) {
	if resp != nil && Keep(resp) && resp.Body != nil {
		_ = resp.Body.Close()
	}
}

// Keep frees the connection of resp and says whether resp is still there: the
// rest of its body is then in memory. If that is too long or too slow, the body is
// closed and resp must not be used afterwards.
func Keep(resp *http.Response) bool {
	if resp.Body == nil || resp.Body == http.NoBody {
		return true
	}
	if body, ok := resp.Body.(*Peeked); ok && body.Ended() != nil {
		return true
	}
	original := &closeOnce{ReadCloser: resp.Body}
	if resp.ContentLength > discardLimit {
		_ = original.Close()
		return false
	}
	// A body knows no deadline, but its Close ends a Read that waits.
	late := time.AfterFunc(discardTime, func() { _ = original.Close() })
	body := new(Peeked)
	body.fill(original, discardLimit, resp.ContentLength)
	if late.Stop() && body.Ended() != nil {
		resp.Body = body
		return true
	}
	_ = body.Close()
	return false
}
