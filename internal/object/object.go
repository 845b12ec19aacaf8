// Package object tells from the beginning of a body, as it comes in, whether it can
// be one JSON object, as an envelope of the API is. It needs the standard library only.
package object

import "bytes"

// State is what the beginning of a body says of it.
type State uint8

// The states. More of the body turns Open into one of the others, and Complete into
// Other.
const (
	// Open: more must come to tell, or to end the object.
	Open State = iota
	// Complete: an object has come whole, and nothing but white space behind it.
	Complete
	// Other: the body is not one object: it begins with something else, or goes
	// on behind its first object.
	Other
)

// Scan is the scan of one body. The zero Scan begins it. It goes over each byte
// once, however the body comes in, and neither validates nor allocates: of what
// is not JSON it says something.
type Scan struct {
	at     int // bytes that were scanned
	end    int // index behind the object, 0 as long as it has not ended
	depth  int // of brackets that are open
	quoted bool
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// Next returns the state after data: all that has come so far, which begins with
// what it was before.
func (s *Scan) Next(data []byte) State {
	if s.at == 0 {
		if len(data) < len(byteOrderMark) && bytes.HasPrefix(byteOrderMark, data) {
			return Open
		}
		s.at = len(data) - len(bytes.TrimPrefix(data, byteOrderMark))
	}
	if s.depth == 0 && s.end == 0 {
		if s.space(data); s.at == len(data) {
			return Open
		}
		if data[s.at] != '{' {
			return Other
		}
	}
	if s.end == 0 {
		s.object(data)
	}
	if s.end == 0 {
		return Open
	}
	if s.space(data); s.at < len(data) {
		return Other
	}
	return Complete
}

// End returns the index behind the object, 0 as long as that is not complete.
func (s *Scan) End() int { return s.end }

// space moves over white space.
func (s *Scan) space(data []byte) {
	for s.at < len(data) && (data[s.at] == ' ' || data[s.at] == '\t' || data[s.at] == '\n' || data[s.at] == '\r') {
		s.at++
	}
}

// object moves to the end of the object, or of data. It counts brackets without
// telling their kinds apart, which is enough where they match.
func (s *Scan) object(data []byte) {
	for at := s.at; ; at++ {
		if s.quoted {
			for at < len(data) && data[at] != '"' && data[at] != '\\' {
				at++
			}
		} else {
			for at < len(data) && !structural[data[at]] {
				at++
			}
		}
		// An escape is two bytes, of which the second may not have come.
		if s.at = at; at == len(data) || data[at] == '\\' && at+1 == len(data) {
			return
		}
		switch data[at] {
		case '"':
			s.quoted = !s.quoted
		case '\\':
			at++
		case '{', '[':
			s.depth++
		default:
			if s.depth--; s.depth == 0 {
				s.at, s.end = at+1, at+1
				return
			}
		}
	}
}

// structural are the bytes that count outside of strings.
var structural = [256]bool{'"': true, '{': true, '}': true, '[': true, ']': true}
