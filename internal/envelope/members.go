package envelope

import "bytes"

// memberScanner scans the members of JSON objects once, from front to back. It neither
// validates nor recurses. In valid JSON it finds each member exactly; in anything else
// it may find anything, and ends. It takes linear time and allocates nothing.
//
// first and next move from member to member. Between two of them the caller moves past
// the value: with value, or member by member with first and next.
type memberScanner struct {
	data []byte
	at   int // 0 <= at <= len(data)
}

// first enters the object at the current position and returns its first key as next
// does. If the value there is not an object, it moves past the value and returns false.
func (w *memberScanner) first() (key []byte, ok bool) {
	if w.peekByte() != '{' {
		w.value()
		return nil, false
	}
	w.at++
	return w.next()
}

// next moves to the value of the next member and returns its key, decoded and without
// its quotes. At the end of the object it moves past it and returns false.
func (w *memberScanner) next() (key []byte, ok bool) {
	switch w.peekByte() {
	case ',':
		w.at++
	case '}':
		w.at++
		return nil, false
	}
	if w.peekByte() != '"' {
		return nil, false
	}
	quoted := w.value()
	if quoted == nil || w.peekByte() != ':' {
		return nil, false
	}
	w.at++
	if bytes.IndexByte(quoted, '\\') >= 0 {
		return []byte(text(quoted)), true
	}
	return quoted[1 : len(quoted)-1], true
}

// value moves past the value at the current position and returns it, nil if it has no
// end.
func (w *memberScanner) value() []byte {
	w.peekByte()
	start := w.at
	w.at = valueEnd(w.data, start)
	if w.at < 0 {
		w.at = len(w.data)
		return nil
	}
	return w.data[start:w.at]
}

// peekByte skips white space and returns the byte behind it, 0 at the end.
func (w *memberScanner) peekByte() byte {
	w.at = skipSpace(w.data, w.at)
	if w.at == len(w.data) {
		return 0
	}
	return w.data[w.at]
}

// valueEnd returns the index behind the value that starts at data[at], or -1.
// It counts brackets of both kinds together: that is enough where they match, and where
// they do not, json.Valid rejects the body.
func valueEnd(data []byte, at int) int {
	depth := 0
	for at < len(data) {
		switch data[at] {
		case '"':
			at = stringEnd(data, at)
			if at < 0 || depth == 0 {
				return at
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth <= 0 {
				return at + 1
			}
		default:
			if depth == 0 {
				return scalarEnd(data, at)
			}
		}
		at++
	}
	return -1
}

// stringEnd returns the index behind the string whose opening quote is
// data[at], or -1. Most strings are too short for bytes.IndexByte to pay.
func stringEnd(data []byte, at int) int {
	for at++; at < len(data); at++ {
		switch data[at] {
		case '"':
			return at + 1
		case '\\':
			at++
		}
	}
	return -1
}

// scalarEnd returns the index behind the number or the word at data[at], or -1:
// in an object something follows it.
func scalarEnd(data []byte, at int) int {
	for ; at < len(data); at++ {
		switch data[at] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return at
		}
	}
	return -1
}

// skipSpace returns the index of the first byte from data[at] on that is not
// JSON's white space.
func skipSpace(data []byte, at int) int {
	for at < len(data) && (data[at] == ' ' || data[at] == '\t' || data[at] == '\n' || data[at] == '\r') {
		at++
	}
	return at
}
