package tcretry

import (
	"io"
	"net/http"
	"time"
)

// A v1 request in a form tells its action and when it was signed in its body. One
// without GetBody tells them only as it is read, by the underlying RoundTripper or,
// before a retry, ahead of it.

// signedAt is when the request's signature was made at the latest; zero if there
// is none that is sent.
func (c *call) signedAt() time.Time {
	if c.hidesForm() && c.attempts > c.formRead {
		c.formRead = c.attempts
		c.body.readAhead(maxFormLen, readGrace, c.ctx.Done())
		c.known = false
	}
	at := c.identify().signedAt
	if at.IsZero() && c.hidesForm() {
		// Nobody has seen the whole of it: it was signed before the call began.
		at = c.start
	}
	if at.IsZero() || c.signsAnew() {
		return time.Time{}
	}
	return at
}

// hidesForm reports whether the parameters of the request are in a form that has
// not been read whole.
func (c *call) hidesForm() bool {
	return c.req.Method == http.MethodPost && c.req.GetBody == nil && c.identify().Action == "" &&
		!c.body.empty() && mediaType(c.req) == "application/x-www-form-urlencoded" && c.asked().GetBody == nil
}

// readAhead reads the body on, before the next attempt does, to its end or beyond
// limit bytes: then getBody gives copies. It waits no longer than grace, for memory
// or a file, and not after done; what comes later is kept, too. It is called
// between attempts.
func (r *replay) readAhead(limit int64, grace time.Duration, done <-chan struct{}) {
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
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-read:
	case <-timer.C:
	case <-done:
	}
}
