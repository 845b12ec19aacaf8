package envelope

import "bytes"

// objectState is what the beginning of a body shows about the whole.
type objectState uint8

// The states. More of the body turns objectOpen into one of the others, and
// objectComplete into notObject.
const (
	// objectOpen: more must arrive to decide, or to end the object.
	objectOpen objectState = iota
	// objectComplete: a whole object has arrived, and nothing but white space behind it.
	objectComplete
	// notObject: the body is not one object. It begins with something else, or
	// continues behind its first object.
	notObject
)

// objectScan decides from the beginning of a body, as it arrives, whether the body can
// be one JSON object, as an envelope of the API is. The zero objectScan begins a body. It
// scans each byte once, however the body is split, and neither validates nor allocates:
// for what is not JSON, it returns any of the states.
type objectScan struct {
	at     int // bytes that were scanned
	end    int // index behind the object, 0 as long as it has not ended
	depth  int // of brackets that are open
	quoted bool
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// next returns the state after data, which is all that has arrived so far: the data of
// the previous call and what has been appended to it.
func (s *objectScan) next(data []byte) objectState {
	if s.at == 0 {
		if len(data) < len(byteOrderMark) && bytes.HasPrefix(byteOrderMark, data) {
			return objectOpen
		}
		s.at = len(data) - len(bytes.TrimPrefix(data, byteOrderMark))
	}
	if s.depth == 0 && s.end == 0 {
		if s.at = skipSpace(data, s.at); s.at == len(data) {
			return objectOpen
		}
		if data[s.at] != '{' {
			return notObject
		}
	}
	if s.end == 0 {
		s.object(data)
	}
	if s.end == 0 {
		return objectOpen
	}
	if s.at = skipSpace(data, s.at); s.at < len(data) {
		return notObject
	}
	return objectComplete
}

// object moves to the end of the object, or of data. It counts brackets of both kinds
// together, which is enough where they match.
func (s *objectScan) object(data []byte) {
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
		// An escape is two bytes, of which the second may not have arrived.
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
