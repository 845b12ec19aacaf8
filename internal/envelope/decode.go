package envelope

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// A Failure is an API error, decoded. Its strings may be as long as the response allows
// and hold any character.
type Failure struct {
	Code      string // for API 2.0 without a codeDesc: its number
	Message   string
	RequestID string
}

// A finding is the result of decoding a body. The zero finding is that of a success.
type finding struct {
	failure *Failure // nil if the body holds no API error
	task    bool     // data stands beside the error: it is the failure of a task
	legacy  int      // the number of an envelope of API 2.0, 0 otherwise
}

// decode returns the API error in body, which is a whole body with or without a byte
// order mark. Its rules are:
//
//   - What is not valid JSON, or cut short, is no envelope.
//   - An API error is the object Response.Error if its Code is a non-empty string.
//     "Error" deeper in data, or null, or a string, is none.
//   - Keys are compared as decoded, and exactly. encoding/json would ignore case
//     and so take data such as a top-level "Code" for an error.
//   - If a key occurs twice, the last value counts, whole: values are not merged as
//     encoding/json does in a struct.
//   - An error with data beside it is the failure of a task, unless the data holds
//     nothing (see holdsNothing) or the code is one of the API's own layer (layerCodes).
//     Where data comes first (see beginsWithData) and the error is in front of the tail of
//     the body, it is the failure of a task whatever its code.
//   - Without a Response key, "code" is that of API 2.0: an integer or a string
//     of one, 0 being success.
//
// Nearly every body is a success, and a search for the few bytes that an error must hold
// recognises nearly every success. The members of the remaining bodies are scanned
// without validation, because a scan that finds no error is right for invalid JSON too;
// only an error that was found is worth the time of json.Valid.
//
// tasks reports whether the failures of tasks matter. If not, decode may return none, and
// searches only the tail of a body whose data comes first.
func decode(body []byte, tasks bool) finding {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	body = body[skipSpace(body, 0):]
	if !tasks && succeedsEarly(body) || !mayFail(body) {
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
	found.task = found.failure != nil && (found.task || !current.late && beginsWithData(body))
	if !current.present {
		found = old.finding()
	}
	if found.failure == nil || !json.Valid(body) {
		return finding{}
	}
	return found
}

// response has those parts of the value of Response that decide about an error.
type response struct {
	present   bool   // there is a Response key, whatever its value
	failure   []byte // the value of Error
	requestID []byte // the value of RequestId
	data      bool   // another member holds something
	late      bool   // Error is in the tail of the body
}

// readResponse reads the value at the position of w.
func readResponse(w *memberScanner) response {
	r := response{present: true}
	before := w.at // where the previous member ended
	for key, ok := w.first(); ok; key, ok = w.next() {
		switch value := w.value(); string(key) {
		case "Error":
			r.failure, r.late = value, before >= len(w.data)-tail
		case "RequestId":
			r.requestID = value
		case "DeprecatedWarning":
			// Of the API's layer, whatever the outcome: the official Python SDK logs it.
		default:
			r.data = r.data || !holdsNothing(value)
		}
		before = w.at
	}
	return r
}

// finding returns the API error in r.
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

// read keeps the value of a member of the body, if it is one of those of l.
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

// finding returns the error in l. If it has no name, its number is the code.
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

// mayFail reports whether body, less its leading white space, may hold an error. It may
// return true for a success, never false for an error, and it runs at the speed of
// memory.
func mayFail(body []byte) bool {
	if len(body) == 0 || body[0] != '{' {
		return false
	}
	if holdsErrorObject(body) || escapesLetter(body) {
		return true
	}
	// A 2.0 envelope has no Response, which is the first key of nearly every
	// other response.
	first := body[1:]
	first = first[skipSpace(first, 0):]
	return !bytes.HasPrefix(first, []byte(`"Response"`)) && bytes.Contains(body, []byte(`"code"`))
}

// holdsErrorObject reports whether a key Error, spelled without escapes, has an object
// as its value anywhere in body. It searches for the letter E first: a quote is around
// every word of JSON, and searching for it is ten times slower.
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

// escapesLetter reports whether body spells an ASCII letter as an escape, \u0040 to
// \u007f, as one of the keys of an error may be spelled. Many responses have other
// escapes, such as \u003c and those of Chinese characters.
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

// text returns the string that value is, decoded, or "" if it is not a valid string.
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
