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

// peekLimit is the largest response that is inspected, compressed and decompressed, in
// bytes. A rejection takes a few hundred bytes.
const peekLimit = 4 << 10

// rejection is the error of the API in a response.
type rejection struct{ Code, Message string }

// peek returns the error of the API in a response, if it concerns authentication. It puts
// back every byte that it has read and the error that ended the reading. It inspects
// small responses that may be JSON, and never waits for a stream.
func peek(resp *http.Response) rejection {
	if !peekable(resp) {
		return rejection{}
	}
	encoding := resp.Header.Get("Content-Encoding")
	prefix, err := readPrefix(resp, encoding)
	rest := io.Reader(resp.Body)
	if err != nil {
		rest = failed{err}
	}
	resp.Body = restored{io.MultiReader(bytes.NewReader(prefix), rest), resp.Body}
	if err != io.EOF || len(prefix) > peekLimit {
		return rejection{}
	}
	text, err := decoded(prefix, encoding)
	if err != nil || !mayBeRejection(text) {
		return rejection{} // most responses: not parsed
	}
	var envelope struct{ Response struct{ Error rejection } }
	if json.Unmarshal(text, &envelope) != nil {
		return rejection{}
	}
	return envelope.Response.Error
}

// readPrefix reads the body to its end, when it returns io.EOF, or beyond the limit, or
// until the body cannot become a rejection: the reader of a stream must get what has
// arrived, and not wait for the rest.
func readPrefix(resp *http.Response, encoding string) (prefix []byte, err error) {
	prefix = make([]byte, 0, 512)
	for len(prefix) <= peekLimit {
		prefix = slices.Grow(prefix, 1)
		n, err := resp.Body.Read(prefix[len(prefix):cap(prefix)])
		prefix = prefix[:len(prefix)+n]
		if err != nil {
			return prefix, err
		}
		if n > 0 && int64(len(prefix)) != resp.ContentLength && !mayBecomeRejection(prefix, encoding) {
			return prefix, nil
		}
	}
	return prefix, nil
}

// mayBecomeRejection reports whether prefix is the beginning of one JSON object, or a
// whole one that may be a rejection.
func mayBecomeRejection(prefix []byte, encoding string) bool {
	text, err := decoded(prefix, encoding)
	if err == io.ErrUnexpectedEOF {
		err = nil // it is only the beginning
	}
	text = bytes.TrimLeft(text, " \t\r\n")
	if err != nil || len(text) > 0 && text[0] != '{' {
		return false
	}
	object := json.NewDecoder(bytes.NewReader(text))
	var first json.RawMessage
	switch err = object.Decode(&first); err {
	case nil:
		return mayBeRejection(first) && len(bytes.TrimSpace(text[object.InputOffset():])) == 0
	case io.EOF, io.ErrUnexpectedEOF:
		return true
	}
	return false
}

func mayBeRejection(text []byte) bool { return bytes.Contains(text, []byte("AuthFailure")) }

// restored is a body whose beginning was put back.
type restored struct {
	io.Reader
	io.Closer
}

// failed is the rest of a body after an error.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

// peekable reports whether a response may be inspected, by its headers. The API's media
// type is application/json; that of fakes and gateways is text/plain or none.
func peekable(resp *http.Response) bool {
	if resp.Body == nil || resp.Body == http.NoBody || resp.ContentLength > peekLimit {
		return false
	}
	header := resp.Header.Get("Content-Type")
	media, _, err := mime.ParseMediaType(header)
	return header == "" || err == nil && (media == "application/json" || media == "text/plain")
}

// errEncoding is the error for an unknown content encoding.
var errEncoding = errors.New("unknown content encoding")

// decoded decompresses a body. A response has a content encoding only if the caller has
// set Accept-Encoding, as the official SDK can. For a body that is cut short it returns
// the beginning and io.ErrUnexpectedEOF.
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
	return io.ReadAll(io.LimitReader(r, peekLimit))
}

// unixTime matches the numbers in a message that can be a time. The newer messages of the
// API contain the server's, in two languages. Times have ten digits since September 2001;
// virtual time in tests begins in 2000.
var unixTime = regexp.MustCompile(`\b\d{9,10}\b`)

// serverTimes returns the server's times in a response, the most reliable first. Every
// response has a Date header; the message is a fallback.
func serverTimes(resp *http.Response, message string) []time.Time {
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
