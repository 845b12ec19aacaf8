package tcretry

import "bytes"

// members walks the members of one JSON object. It neither validates nor
// recurses: in valid JSON it finds each member exactly, in anything else it
// finds something or ends, in linear time and without memory of its own.
type members struct {
	key   []byte // the key, decoded, without its quotes
	value []byte // the value as it stands

	data []byte
	pos  int // where the next member, or the comma before it, is looked for
}

// membersOf returns a walk over value, which is empty if value is no object.
func membersOf(value []byte) members {
	if len(value) == 0 || value[0] != '{' {
		return members{}
	}
	return members{data: value, pos: 1}
}

// next moves to the next member and says whether there is one.
func (m *members) next() bool {
	at := skipSpace(m.data, m.pos)
	if at < len(m.data) && m.data[at] == ',' {
		at = skipSpace(m.data, at+1)
	}
	if at == len(m.data) || m.data[at] != '"' {
		return false
	}
	end := stringEnd(m.data, at)
	if end < 0 {
		return false
	}
	key := m.data[at:end]
	at = skipSpace(m.data, end)
	if at == len(m.data) || m.data[at] != ':' {
		return false
	}
	at = skipSpace(m.data, at+1)
	end = valueEnd(m.data, at)
	if end < 0 {
		return false
	}
	m.key, m.value, m.pos = key[1:len(key)-1], m.data[at:end], end
	if bytes.IndexByte(key, '\\') >= 0 {
		m.key = []byte(text(key))
	}
	return true
}

// valueEnd returns the index behind the value that starts at data[at], or -1.
// It counts brackets without telling their kinds apart: that is enough where
// they match, and where they do not there is nothing to find.
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

// scalarEnd returns the index behind the number or the word at data[at].
func scalarEnd(data []byte, at int) int {
	if n := bytes.IndexAny(data[at:], ",}] \t\r\n"); n >= 0 {
		return at + n
	}
	return -1
}

// stringEnd returns the index behind the string whose opening quote is
// data[at], or -1.
func stringEnd(data []byte, at int) int {
	for end := at + 1; ; end++ {
		n := bytes.IndexByte(data[end:], '"')
		if n < 0 {
			return -1
		}
		end += n
		// The quote is part of the string if an odd number of backslashes is
		// before it.
		slash := end
		for slash-1 > at && data[slash-1] == '\\' {
			slash--
		}
		if (end-slash)%2 == 0 {
			return end + 1
		}
	}
}

// skipSpace returns the index of the first byte from data[at] on that is not
// JSON's white space.
func skipSpace(data []byte, at int) int {
	for at < len(data) && (data[at] == ' ' || data[at] == '\t' || data[at] == '\n' || data[at] == '\r') {
		at++
	}
	return at
}
