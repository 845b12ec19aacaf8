package envelope

import "bytes"

// tail is how many bytes at the end of a body are searched for an error where data comes
// first, unless failures of tasks matter. An error of the API's own layer has no data beside
// it. A product that wrote some in front of it nevertheless, as in a map with sorted keys,
// would write little more than RequestId behind it; their documented messages have fewer
// than 200 bytes.
const tail = 512

// beginsWithData reports whether body, less its leading white space, begins with a Response
// whose first member holds something: then an error in it is the failure of a task, unless
// it is one of the API's own layer. It returns false in case of doubt, and reads few bytes.
func beginsWithData(body []byte) bool {
	rest, ok := bytes.CutPrefix(body, []byte(`{"Response":{"`))
	if !ok {
		return false
	}
	key, rest, ok := cutKey(rest)
	switch string(key) {
	case "Error", "RequestId", "DeprecatedWarning":
		return false
	}
	for ok && len(rest) > 1 {
		switch c := rest[0]; {
		case '1' <= c && c <= '9', c == 't':
			return true
		case c == '"':
			return rest[1] != '"'
		case c == '[':
			rest = rest[1:]
		case c == '{' && rest[1] == '"':
			_, rest, ok = cutKey(rest[2:])
		default:
			return false
		}
	}
	return false
}

// cutKey returns the key at the beginning of text, which is behind its opening quote, and
// what follows the colon: one byte, if no white space is in front of it. Its ok is false if
// the key is long or has an escape.
func cutKey(text []byte) (key, rest []byte, ok bool) {
	const longest = 64
	n := bytes.IndexByte(text[:min(len(text), longest)], '"')
	if n < 0 || n+1 >= len(text) || bytes.IndexByte(text[:n], '\\') >= 0 {
		return nil, nil, false
	}
	return text[:n], text[n+2:], true
}

// succeedsEarly reports whether body begins with data and holds no error in its tail: it is
// that of a success, or reports the failure of a task.
func succeedsEarly(body []byte) bool {
	if len(body) <= tail || !beginsWithData(body) {
		return false
	}
	end := body[len(body)-tail:]
	return !holdsErrorObject(end) && !escapesLetter(end)
}
