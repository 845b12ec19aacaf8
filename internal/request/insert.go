package request

import (
	"bytes"
	"encoding/json"
	"slices"
)

// WithClientToken returns a copy of text with the token as its ClientToken. text must be
// a JSON object without a ClientToken, or with an empty one. All other bytes are
// unchanged: numbers, order and white space. ok is false for any other text, and for an
// object with two members of that name, because it is undocumented which of them counts.
func WithClientToken(text []byte, token string) (_ []byte, ok bool) {
	if !json.Valid(text) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	from := dec.InputOffset()
	to, found := from, false
	value := `"` + token + `"`
	added := `"ClientToken":` + value
	if dec.More() {
		added += ","
	}
	for dec.More() {
		key, old, err := nextMember(dec)
		if err != nil || key == "ClientToken" && (found || old != `""` && old != "null") {
			return nil, false
		}
		if key == "ClientToken" {
			to, found = dec.InputOffset(), true
			from, added = to-int64(len(old)), value
		}
	}
	return slices.Concat(text[:from], []byte(added), text[to:]), true
}

// nextMember reads a member of an object: its name, unescaped, and its value as it is
// written.
func nextMember(dec *json.Decoder) (key json.Token, value string, err error) {
	if key, err = dec.Token(); err != nil {
		return nil, "", err
	}
	var raw json.RawMessage
	err = dec.Decode(&raw)
	return key, string(raw), err
}
