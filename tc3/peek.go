package tc3

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// lookLimit bounds the answers that are looked at, and what a compressed one
// may become. A refusal takes a few hundred bytes.
const lookLimit = 4 << 10

// refusal is what the API says of a failed call.
type refusal struct{ Code, Message string }

// look returns the refusal that an answer holds, if it is about authentication,
// and puts back every byte that it read and the error that ended reading. It
// looks at small answers that may be JSON; a stream is never waited for.
func look(resp *http.Response) refusal {
	if !lookable(resp) {
		return refusal{}
	}
	encoding := resp.Header.Get("Content-Encoding")
	prefix, err := begin(resp, encoding)
	rest := io.Reader(resp.Body)
	if err != nil {
		rest = failed{err}
	}
	resp.Body = restored{io.MultiReader(bytes.NewReader(prefix), rest), resp.Body}
	if err != io.EOF || len(prefix) > lookLimit {
		return refusal{}
	}
	text, err := decoded(prefix, encoding)
	if err != nil || !mayRefuse(text) {
		return refusal{} // most answers: no parsing
	}
	var answer struct{ Response struct{ Error refusal } }
	if json.Unmarshal(text, &answer) != nil {
		return refusal{}
	}
	return answer.Response.Error
}

// begin reads the body to its end, which is io.EOF, or beyond the limit, or until
// what has come of it cannot become a refusal: the reader of a stream must get
// that, and not wait for the rest.
func begin(resp *http.Response, encoding string) (prefix []byte, err error) {
	prefix = make([]byte, 0, 512)
	for len(prefix) <= lookLimit {
		prefix = slices.Grow(prefix, 1)
		n, err := resp.Body.Read(prefix[len(prefix):cap(prefix)])
		prefix = prefix[:len(prefix)+n]
		if err != nil {
			return prefix, err
		}
		if n > 0 && int64(len(prefix)) != resp.ContentLength && !mayBecome(prefix, encoding) {
			return prefix, nil
		}
	}
	return prefix, nil
}

// mayBecome says that prefix is the beginning of one JSON object, or a whole one
// that may be a refusal.
func mayBecome(prefix []byte, encoding string) bool {
	text, err := decoded(prefix, encoding)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil // more is to come
	}
	text = bytes.TrimLeft(text, " \t\r\n")
	if err != nil || len(text) > 0 && text[0] != '{' {
		return false
	}
	object := json.NewDecoder(bytes.NewReader(text))
	var first json.RawMessage
	switch err = object.Decode(&first); err {
	case nil:
		return mayRefuse(first) && len(bytes.TrimSpace(text[object.InputOffset():])) == 0
	case io.EOF, io.ErrUnexpectedEOF:
		return true
	}
	return false
}

func mayRefuse(text []byte) bool { return bytes.Contains(text, []byte("AuthFailure")) }

// restored is a body whose beginning was read.
type restored struct {
	io.Reader
	io.Closer
}

// failed is what remains of a body that could not be read further.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

// lookable goes by the headers. The official type is application/json;
// text/plain and none at all are what fakes and gateways make of it.
func lookable(resp *http.Response) bool {
	if resp.Body == nil || resp.Body == http.NoBody || resp.ContentLength > lookLimit {
		return false
	}
	header := resp.Header.Get("Content-Type")
	media, _, err := mime.ParseMediaType(header)
	return header == "" || err == nil && (media == "application/json" || media == "text/plain")
}

// errEncoding says that the content encoding cannot be undone.
var errEncoding = errors.New("unknown content encoding")

// decoded undoes the content encoding, which is there only if the caller asked
// for it, as the official SDK can. Other encodings hold no refusal. Of a body that
// is cut short it returns what has come and io.ErrUnexpectedEOF.
func decoded(body []byte, encoding string) ([]byte, error) {
	var r io.Reader
	switch encoding {
	case "":
		return body, nil
	case "gzip":
		gz, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		r = gz
	case "deflate": // without a zlib header, as the official SDK reads it
		r = flate.NewReader(bytes.NewReader(body))
	default:
		return nil, errEncoding
	}
	return io.ReadAll(io.LimitReader(r, lookLimit))
}

// unixTime finds the numbers that can be a time in a message. The API says the
// server's in its newer texts, in two languages. Ten digits began in September
// 2001; virtual time in tests begins in 2000.
var unixTime = regexp.MustCompile(`\b\d{9,10}\b`)

// told returns the times that an answer tells, the most trusted first. The Date
// header is in every answer, whatever the language; the message is a fallback.
func told(resp *http.Response, message string) []time.Time {
	var times []time.Time
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		times = append(times, date)
	}
	for _, digits := range unixTime.FindAllString(message, -1) {
		if seconds, err := strconv.ParseInt(digits, 10, 64); err == nil {
			times = append(times, time.Unix(seconds, 0))
		}
	}
	return times
}
