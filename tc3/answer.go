package tc3

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"regexp"
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
	prefix, err := io.ReadAll(io.LimitReader(resp.Body, lookLimit+1))
	rest := io.Reader(resp.Body)
	if err != nil {
		rest = failed{err}
	}
	resp.Body = restored{io.MultiReader(bytes.NewReader(prefix), rest), resp.Body}
	if err != nil || len(prefix) > lookLimit {
		return refusal{}
	}
	text := decoded(prefix, resp.Header.Get("Content-Encoding"))
	if !bytes.Contains(text, []byte("AuthFailure")) {
		return refusal{} // most answers: no parsing
	}
	var answer struct{ Response struct{ Error refusal } }
	if json.Unmarshal(text, &answer) != nil {
		return refusal{}
	}
	return answer.Response.Error
}

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

// decoded undoes the content encoding, which is there only if the caller asked
// for it, as the official SDK can. Other encodings hold no refusal.
func decoded(body []byte, encoding string) []byte {
	var r io.Reader
	switch encoding {
	case "":
		return body
	case "gzip":
		gz, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil
		}
		r = gz
	case "deflate": // without a zlib header, as the official SDK reads it
		r = flate.NewReader(bytes.NewReader(body))
	default:
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(r, lookLimit))
	if err != nil {
		return nil
	}
	return text
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
