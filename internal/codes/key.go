package codes

import (
	"errors"
	"strings"
)

// Key is a parsed key of Policy.Codes. Its grammar is
//
//	[service["." action] ":"] code
//
// where code is one or more labels joined by dots. An empty Service or Action means any.
type Key struct{ Service, Action, Code string }

// The errors of ParseKey.
var (
	errKeyCode    = errors.New(`want a code or family such as "InternalError" or "InternalError.Test"; a family covers its sub-codes, without a "*"`)
	errKeyService = errors.New(`want a service in lower case such as "cvm" before the ":", or service and action such as "cvm.RunInstances"`)
)

// ParseKey parses a key. Its error states what is accepted.
func ParseKey(key string) (Key, error) {
	var k Key
	scope, code, scoped := strings.Cut(key, ":")
	if !scoped {
		scope, code = "", key
	}
	k.Code = code
	for label := range strings.SplitSeq(code, ".") {
		if !IsWord(label, false) {
			return Key{}, errKeyCode
		}
	}
	if !scoped {
		return k, nil
	}
	action := false
	k.Service, k.Action, action = strings.Cut(scope, ".")
	if !IsWord(k.Service, true) || action && !IsWord(k.Action, false) {
		return Key{}, errKeyService
	}
	return k, nil
}

// IsWord reports whether s is not empty and consists of ASCII letters, digits, "_" and
// "-"; if lower is set, without capital letters.
func IsWord(s string, lower bool) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_', c == '-':
		case 'A' <= c && c <= 'Z' && !lower:
		default:
			return false
		}
	}
	return s != ""
}

// Covers reports whether a rule under k applies to a code of an action.
func (k Key) Covers(service, action, code string) bool {
	return k.InScope(service, action) && k.CoversCode(code)
}

// CoversCode reports whether code is the code of k or one of its sub-codes.
func (k Key) CoversCode(code string) bool {
	rest, ok := strings.CutPrefix(code, k.Code)
	return ok && (rest == "" || rest[0] == '.')
}

// String returns the key in the form that ParseKey accepts.
func (k Key) String() string {
	switch k.scopes() {
	case 0:
		return k.Code
	case 1:
		return k.Service + ":" + k.Code
	}
	return k.Service + "." + k.Action + ":" + k.Code
}

// InScope reports whether a rule under k applies to an action of a service.
func (k Key) InScope(service, action string) bool {
	return (k.Service == "" || k.Service == service) && (k.Action == "" || k.Action == action)
}

// Compare orders keys from the most specific to the least: the longer code first and,
// for codes of the same length, the narrower scope. The code precedes the scope because
// it is more specific: a rule for "InternalError.Test" was written for that code, a rule
// for "cvm:InternalError" was not.
func (k Key) Compare(other Key) int {
	if d := len(other.Code) - len(k.Code); d != 0 {
		return d
	}
	return other.scopes() - k.scopes()
}

// scopes returns how narrow the scope is: 0 is any, 1 a service, 2 an action.
func (k Key) scopes() int {
	switch {
	case k.Action != "":
		return 2
	case k.Service != "":
		return 1
	}
	return 0
}
