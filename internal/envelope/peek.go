package envelope

import (
	"io"
	"net/http"
	"strings"

	"github.com/tcretry/tcretry/internal/bodies"
)

// DefaultLimit is how many bytes of a response are peeked at unless an option sets
// another number. An API error has a few hundred bytes; a longer body is a success.
const DefaultLimit = bodies.Large

// Seen is what Peek found in a response. The zero Seen is that of a response whose body
// was not read.
type Seen struct {
	Failure *Failure // nil if the response holds no API error
	Task    bool     // data stands beside the error: a task failed (Outcome.TaskFailure)
	Legacy  int      // the number of an envelope of API 2.0, 0 otherwise
	Size    int64    // bytes of the body that were read
	Err     error    // the read error that cut the body short, nil at io.EOF
	Whole   bool     // the body ended and is closed, so its connection is free
}

// Peek reads up to limit bytes of the body of resp and detects an API error in it.
// resp.Body becomes body, which returns every byte of the original and its error; a
// response that cannot hold an API error is left unread, and keeps its own body. Nothing
// else in resp changes. The caller allocates body, which must be zero, so that peeking
// at a success allocates nothing.
//
// A body that is cut short counts as what arrived: if that is a whole envelope, both
// Failure and Err are set. A body that is longer than limit is a success; one whose
// Content-Length is limit ends there. A body that cannot be an envelope any more is not
// read further: see streamDetector.
func Peek(resp *http.Response, limit int64, body *bodies.Peeked) Seen {
	return peek(resp, limit, body, true)
}

// PeekForErrors is Peek for a caller to whom the failure of a task is a success: it may
// miss one, and is quicker. It misses none where the response would not be a success
// otherwise: with a status of 400 or more, or a body that was cut short.
func PeekForErrors(resp *http.Response, limit int64, body *bodies.Peeked) Seen {
	return peek(resp, limit, body, resp.StatusCode >= http.StatusBadRequest)
}

func peek(resp *http.Response, limit int64, body *bodies.Peeked, tasks bool) Seen {
	coding, ok := peeksAt(resp, limit)
	if !ok {
		return Seen{}
	}
	stream := streamDetector{coding: coding, limit: limit, length: resp.ContentLength, tasks: tasks}
	begun := bodies.NewPrefix(resp.Body, limit, resp.ContentLength)
	for begun.More() && !stream.settled(begun.Bytes()) {
	}
	data := body.Wrap(resp.Body, begun)
	resp.Body = body

	p := Seen{Size: int64(len(data))}
	switch end := body.Ended(); end {
	case nil:
		if p.Size < limit || resp.ContentLength != limit {
			return p
		}
	case io.EOF:
		p.Whole = true
	default:
		p.Err = end
	}
	found := coding.decode(data, limit, tasks || p.Err != nil)
	p.Failure, p.Task, p.Legacy = found.failure, found.task, found.legacy
	return p
}

// peeksAt reports whether the body of resp may be an envelope, and how it is coded. It
// decides before the first byte is read: the reader of a stream must receive each event
// as it arrives.
func peeksAt(resp *http.Response, limit int64) (contentCoding, bool) {
	if resp.Body == nil || resp.Body == http.NoBody || resp.ContentLength > limit || limit <= 0 {
		return uncoded, false
	}
	// The body of a 101 is the connection, an io.ReadWriteCloser; that of a
	// CONNECT is what arrives through a tunnel.
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return uncoded, false
	}
	if req := resp.Request; req != nil && (req.Method == http.MethodHead || req.Method == http.MethodConnect) {
		return uncoded, false
	}
	if types := resp.Header["Content-Type"]; len(types) > 0 && !mayBeJSON(types[0]) {
		return uncoded, false
	}
	return codingOf(resp.Header["Content-Encoding"])
}

// mayBeJSON reports whether contentType, whatever its parameters, is a JSON type, or
// text/plain, which the official Python SDK reads as JSON, or empty.
// mime.ParseMediaType would allocate a map for each response.
func mayBeJSON(contentType string) bool {
	if contentType == "application/json" {
		return true // as the API writes it
	}
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.Trim(mediaType, " \t")
	const suffix = "+json"
	if n := len(mediaType) - len(suffix); n > 0 && strings.EqualFold(mediaType[n:], suffix) {
		return true
	}
	return mediaType == "" ||
		strings.EqualFold(mediaType, "application/json") ||
		strings.EqualFold(mediaType, "text/json") ||
		strings.EqualFold(mediaType, "text/plain")
}
