package envelope

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// A Failure is an error of the API, decoded and otherwise as it came.
type Failure struct {
	Code      string // of API 2.0 without a codeDesc: its number
	Message   string
	RequestID string
}

// A finding is what a body says of a failure. The zero finding is none.
type finding struct {
	failure *Failure // nil when the body holds none
	task    bool     // data beside the error: the failure of a task
	legacy  int      // the number of an envelope of API 2.0, 0 otherwise
}

// decode finds out whether body reports a failure. These are its rules, for the
// whole of body with a byte order mark or without:
//
//   - What is not valid JSON is no envelope, what is cut short included.
//   - Only Response.Error that is an object with a Code that is a non-empty
//     string is a failure. "Error" deeper in data, or null, or a string, is not.
//   - Keys are compared as decoded, and exactly. encoding/json would ignore case
//     and so take data such as a top-level "Code" for an error.
//   - Of a key that occurs twice the last value counts, whole: values are not
//     merged as encoding/json does in a struct.
//   - A failure with data beside it is that of a task, unless the data holds nothing
//     (see holdsNothing) or the code is one of the API's own layer (layerCodes).
//   - Without a Response key, "code" is that of API 2.0: an integer or a string
//     of one, 0 being success.
//
// Nearly every body is a success and nearly every success says so to a search
// for the few bytes that a failure must hold. What remains is walked without
// validating it, because what the walk does not find is no failure either way;
// only a failure that was found is worth the time of json.Valid.
func decode(body []byte) finding {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	body = body[skipSpace(body, 0):]
	if !mayFail(body) {
		return finding{}
	}
	var current response
	var old legacy
	w := memberScanner{data: body}
	for key, ok := w.first(); ok; key, ok = w.next() {
		if string(key) == "Response" {
			current = readResponse(&w)
		} else {
			old.read(string(key), w.value())
		}
	}
	found := current.finding()
	if !current.present {
		found = old.finding()
	}
	if found.failure == nil || !json.Valid(body) {
		return finding{}
	}
	return found
}

// response is the value of Response, as far as it concerns a failure.
type response struct {
	present   bool   // there is a Response, of whatever type
	failure   []byte // the value of Error
	requestID []byte // the value of RequestId
	data      bool   // anything else holds something
}

// readResponse reads the value that w is at.
func readResponse(w *memberScanner) response {
	r := response{present: true}
	for key, ok := w.first(); ok; key, ok = w.next() {
		switch value := w.value(); string(key) {
		case "Error":
			r.failure = value
		case "RequestId":
			r.requestID = value
		case "DeprecatedWarning":
			// Of the API's layer, whatever the outcome: the official Python SDK logs it.
		default:
			r.data = r.data || !holdsNothing(value)
		}
	}
	return r
}

// finding is what r says of a failure.
func (r response) finding() finding {
	var code, message []byte
	w := memberScanner{data: r.failure}
	for key, ok := w.first(); ok; key, ok = w.next() {
		switch value := w.value(); string(key) {
		case "Code":
			code = value
		case "Message":
			message = value
		}
	}
	name := text(code)
	if name == "" {
		return finding{}
	}
	f := &Failure{Code: name, Message: text(message), RequestID: text(r.requestID)}
	return finding{failure: f, task: r.data && reportsTask(name)}
}

// legacy is an envelope of API 2.0.
type legacy struct{ code, codeDesc, message []byte }

// read takes one member of the body.
func (l *legacy) read(key string, value []byte) {
	switch key {
	case "code":
		l.code = value
	case "codeDesc":
		l.codeDesc = value
	case "message":
		l.message = value
	}
}

// finding is what l says of a failure. Not every failure has a name: the number
// stands in for it.
func (l legacy) finding() finding {
	digits := text(l.code)
	if digits == "" {
		digits = string(l.code)
	}
	number, err := strconv.Atoi(digits)
	if err != nil || number == 0 {
		return finding{}
	}
	f := &Failure{Code: text(l.codeDesc), Message: text(l.message)}
	if f.Code == "" {
		f.Code = strconv.Itoa(number)
	}
	return finding{failure: f, legacy: number}
}

// mayFail says that body, which starts behind its white space, may report a
// failure. It errs on the side of true, and says false at the speed of memory.
func mayFail(body []byte) bool {
	if len(body) == 0 || body[0] != '{' {
		return false
	}
	if holdsErrorObject(body) || escapesLetter(body) {
		return true
	}
	// A 2.0 envelope has no Response, which is the first key of nearly every
	// other answer.
	first := body[1:]
	first = first[skipSpace(first, 0):]
	return !bytes.HasPrefix(first, []byte(`"Response"`)) && bytes.Contains(body, []byte(`"code"`))
}

// holdsErrorObject says that the key Error, spelled without escapes, has an
// object for a value somewhere in body. The search starts at the letter E: a
// quote is in every other word of JSON, and searching for it is ten times slower.
func holdsErrorObject(body []byte) bool {
	needle := []byte(`Error"`)
	for from := 0; ; {
		i := bytes.Index(body[from:], needle)
		if i < 0 {
			return false
		}
		start := from + i
		from = start + len(needle)
		if start == 0 || body[start-1] != '"' {
			continue // LastError, or the end of a text
		}
		at := skipSpace(body, from)
		if at == len(body) || body[at] != ':' {
			continue
		}
		at = skipSpace(body, at+1)
		if at < len(body) && body[at] == '{' {
			return true
		}
	}
}

// escapesLetter says that body spells an ASCII letter as an escape, as it must
// to hide a key of ours: \u0040 to \u007f. Other escapes are in many answers,
// \u003c and every Chinese character among them.
func escapesLetter(body []byte) bool {
	needle := []byte(`\u00`)
	for {
		i := bytes.Index(body, needle)
		if i < 0 || i+len(needle) >= len(body) {
			return false
		}
		body = body[i+len(needle):]
		if body[0] >= '4' && body[0] <= '7' {
			return true
		}
	}
}

// text returns value if it is a string and valid, and "" otherwise.
func text(value []byte) string {
	if len(value) == 0 || value[0] != '"' {
		return ""
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}
