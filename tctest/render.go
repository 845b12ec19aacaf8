package tctest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tcretry/tcretry/tctest/internal/stream"
)

// rendered is a reply that is ready to send, in memory or by the handler.
type rendered struct {
	Reply
	// body is the encoded body, cut short if the reply is.
	body []stream.Part
	// size is the Content-Length, -1 without one.
	size int64
}

// render returns a reply with its body and headers.
func render(c Attempt, a Reply, date time.Time) rendered {
	r := rendered{Reply: a}
	if r.kind != respond && r.kind != serve {
		return r
	}
	if r.header = r.header.Clone(); r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set("Date", date.UTC().Format(http.TimeFormat))
	if r.kind == respond {
		r.fill(c)
	}
	return r
}

// fill sets the body and the headers that describe it.
func (r *rendered) fill(c Attempt) {
	a := r.Reply
	parts, err := a.parts(c.RequestID, a.data)
	if err == nil {
		parts, err = encode(parts, a.encoding)
	}
	if err != nil {
		// The test has passed data that cannot be encoded: the response
		// reports it.
		fail := Fail("FailedOperation.Tctest", err.Error())
		parts, _ = fail.parts(c.RequestID, nil)
		fail.header.Set("Date", r.header.Get("Date"))
		r.Reply = fail
	}
	if strings.HasPrefix(r.header.Get("Content-Type"), "text/event-stream") {
		r.header.Set("X-TC-RequestId", c.RequestID)
	}
	if r.encoding != "" {
		r.header.Set("Content-Encoding", r.encoding)
	}
	r.size = -1
	if !r.chunked {
		r.size = 0
		for _, p := range parts {
			r.size += int64(len(p.Data))
		}
		r.header.Set("Content-Length", strconv.FormatInt(r.size, 10))
	}
	r.body = parts
	if r.cut {
		r.body = keepBytes(parts, r.keep)
	}
}

// keepBytes returns the first n bytes of the parts.
func keepBytes(parts []stream.Part, n int) []stream.Part {
	var kept []stream.Part
	for _, p := range parts {
		if n <= 0 {
			break
		}
		p.Data = p.Data[:min(n, len(p.Data))]
		n -= len(p.Data)
		kept = append(kept, p)
	}
	return kept
}

// flushWriter is what gzip and zlib have in common.
type flushWriter interface {
	io.WriteCloser
	Flush() error
}

// encode compresses the parts as one stream, which is flushed after each part so that
// events still arrive one by one.
func encode(parts []stream.Part, encoding string) ([]stream.Part, error) {
	var out bytes.Buffer
	var w flushWriter
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "deflate":
		w = zlib.NewWriter(&out)
	default:
		return parts, nil
	}
	encoded := make([]stream.Part, len(parts))
	for i, p := range parts {
		if _, err := w.Write(p.Data); err != nil {
			return nil, err
		}
		end := w.Flush
		if i == len(parts)-1 {
			end = w.Close
		}
		if err := end(); err != nil {
			return nil, err
		}
		encoded[i] = stream.Part{Wait: p.Wait, Data: bytes.Clone(out.Bytes())}
		out.Reset()
	}
	return encoded, nil
}
