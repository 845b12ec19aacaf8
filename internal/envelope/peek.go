package envelope

import (
	"io"
	"net/http"
	"strings"

	"github.com/tcretry/tcretry/internal/bodies"
)

// DefaultLimit is how much of an answer is looked at unless an option says
// otherwise. The API's failures are a few hundred bytes; what is longer than
// this is an answer.
const DefaultLimit = bodies.Large

// Seen is what a look at an answer found. Its zero value is that of an answer
// that was not looked at.
type Seen struct {
	Failure *Failure // nil when the response holds none
	Task    bool     // data beside the error: a failed task (Outcome.TaskFailure)
	Legacy  int      // the number of an envelope of API 2.0, 0 otherwise
	Size    int64    // bytes read of the body to decide
	Err     error    // the read error that cut the body short; io.EOF is none
	Whole   bool     // the body ended and is closed, so its connection is free
}

// Peek looks at resp and puts back what it read: resp.Body becomes body, unless
// the answer is not looked at and keeps its own. Nothing else of resp changes.
// body is the storage of the replacement, unused so far, so that looking at a
// success allocates nothing.
//
// A body that was cut short is judged by what came: if that is a whole
// envelope, the API has said what it had to say, and both envelope and err are
// set. A body that reaches the limit before its end is an answer; one whose
// Content-Length is the limit ends there. A body that goes on but cannot be an
// envelope any more is not read further: see opening.
func Peek(resp *http.Response, limit int64, body *bodies.Peeked) Seen {
	coding, ok := peeksAt(resp, limit)
	if !ok {
		return Seen{}
	}
	stream := streamDetector{coding: coding, limit: limit, length: resp.ContentLength}
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
	found := coding.decode(data, limit)
	p.Failure, p.Task, p.Legacy = found.failure, found.task, found.legacy
	return p
}

// looksAt says whether the body of resp may be an envelope, and how it is coded.
// It answers before the first byte is read: the reader of a stream must get
// each event as it comes.
func peeksAt(resp *http.Response, limit int64) (contentCoding, bool) {
	if resp.Body == nil || resp.Body == http.NoBody || resp.ContentLength > limit || limit <= 0 {
		return uncoded, false
	}
	// The body of a 101 is the connection, an io.ReadWriteCloser; that of a
	// CONNECT is what comes through a tunnel.
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

// mayBeJSON says that contentType, whatever its parameters, is a JSON type, or
// text/plain, which the official Python SDK reads as JSON, or nothing.
// mime.ParseMediaType would allocate a map for each answer.
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
