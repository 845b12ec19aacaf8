package proxy

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// errBuffers is that Config.MaxBufferedBytes is reached.
var errBuffers = errors.New("too many bytes of bodies are kept")

// receive reads the body of a request, to have it for every attempt. The caller
// releases what it returns, also with a refusal.
func (p *Proxy) receive(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	tooLarge := &refusal{
		status: http.StatusRequestEntityTooLarge, code: "ProxyError.RequestTooLarge",
		message: "the body of the request is longer than -max-body-bytes; the API takes 10 MiB",
	}
	if r.ContentLength > p.config.MaxBodyBytes {
		return nil, tooLarge
	}
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	// net/http takes it back at the end of the body, and then reads the connection to
	// see whether the client has gone.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(p.config.ClientTimeout))
	body, err := p.readAll(r.Body)
	switch {
	case int64(len(body)) > p.config.MaxBodyBytes:
		return body, tooLarge
	case errors.Is(err, errBuffers):
		p.counts.overload.Add(1)
		return body, overloaded("the bodies of all requests exceed -max-buffered-bytes")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return body, &refusal{
			status: http.StatusRequestTimeout, code: "ProxyError.RequestTimeout",
			message: "the body of the request did not come within -client-timeout",
		}
	case err != nil:
		return body, badRequest("the body of the request is not whole")
	}
	return body, nil
}

// readAll reads a body to its end, or to one byte more than it may have. It keeps
// count of what it holds, as it comes: nobody gets room by announcing a length.
func (p *Proxy) readAll(r io.Reader) ([]byte, error) {
	r = io.LimitReader(r, p.config.MaxBodyBytes+1)
	body := make([]byte, 0, 512)
	for {
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if p.counts.buffered.Add(int64(n)) > p.config.MaxBufferedBytes {
			err = errBuffers
		}
		if err == io.EOF {
			return body, nil
		}
		if err != nil {
			return body, err
		}
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
	}
}

// release gives back what receive counted.
func (p *Proxy) release(body []byte) { p.counts.buffered.Add(-int64(len(body))) }
