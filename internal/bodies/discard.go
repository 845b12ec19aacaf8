package bodies

import (
	"net/http"
	"time"
)

// discardLimit is how many bytes of a response that nobody needs are read so that its
// connection can be used again, and discardTime is how long. A new connection costs
// two or three round trips, half a second to the far side of the world. About
// discardLimit bytes arrive in that time; if more remain, or they arrive more slowly,
// a new connection is cheaper.
const (
	discardLimit = 64 << 10
	discardTime  = 500 * time.Millisecond
)

// Discard closes the body of resp. It reads the rest of the body first, for at most
// 500 ms and 64 KiB, so that the connection can be used again. resp may be nil, and
// must not be used afterwards.
func Discard(resp *http.Response) {
	if resp != nil && Keep(resp) && resp.Body != nil {
		_ = resp.Body.Close()
	}
}

// Keep frees the connection of resp for other requests, and reports whether resp can
// still be used: the rest of its body is then in memory. If the rest has more than
// 64 KiB or takes longer than 500 ms, Keep closes the body, and resp must not be used
// afterwards.
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
	// A body has no deadline, but Close ends a Read that waits.
	timer := time.AfterFunc(discardTime, func() { _ = original.Close() })
	body := new(Peeked)
	body.fill(original, discardLimit, resp.ContentLength)
	if timer.Stop() && body.Ended() != nil {
		resp.Body = body
		return true
	}
	_ = body.Close()
	return false
}
