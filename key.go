package tcretry

import (
	"errors"
	"strings"
)

// ruleKey is a key of Policy.Codes, apart. Its grammar is
//
//	[service["." action] ":"] code
//
// where code is labels joined by dots. An empty field means any.
type ruleKey struct{ service, action, code string }

// The mistakes of a key.
var (
	errKeyCode    = errors.New(`want a code or family such as "InternalError" or "InternalError.Test"; a family covers its sub-codes, without a "*"`)
	errKeyService = errors.New(`want a service in lower case such as "cvm" before the ":", or service and action such as "cvm.RunInstances"`)
)

// parseKey takes a key apart.
func parseKey(key string) (ruleKey, error) {
	var k ruleKey
	scope, code, scoped := strings.Cut(key, ":")
	if !scoped {
		scope, code = "", key
	}
	k.code = code
	for label := range strings.SplitSeq(code, ".") {
		if !isWord(label, false) {
			return ruleKey{}, errKeyCode
		}
	}
	if !scoped {
		return k, nil
	}
	action := false
	k.service, k.action, action = strings.Cut(scope, ".")
	if !isWord(k.service, true) || action && !isWord(k.action, false) {
		return ruleKey{}, errKeyService
	}
	return k, nil
}

// isWord reports whether s is letters, digits, "_" and "-", without capitals if
// lower, and not empty.
func isWord(s string, lower bool) bool {
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

// covers reports whether a rule under k applies to a code of a target.
func (k ruleKey) covers(t Target, code string) bool {
	return k.inScope(t) && k.coversCode(code)
}

// coversCode reports whether code is that of k or a sub-code of it.
func (k ruleKey) coversCode(code string) bool {
	rest, ok := strings.CutPrefix(code, k.code)
	return ok && (rest == "" || rest[0] == '.')
}

// String returns the key that parseKey takes apart.
func (k ruleKey) String() string {
	switch k.scopes() {
	case 0:
		return k.code
	case 1:
		return k.service + ":" + k.code
	}
	return k.service + "." + k.action + ":" + k.code
}

// inScope reports whether a rule under k applies to a target.
func (k ruleKey) inScope(t Target) bool {
	return (k.service == "" || k.service == t.Service) && (k.action == "" || k.action == t.Action)
}

// compare orders keys from the most specific to the least: the longer code
// first and, of the same length, the narrower scope. The code goes before the
// scope because it says more: a rule for "InternalError.Test" was written by
// somebody who knows that code, a rule for "cvm:InternalError" was not.
func (k ruleKey) compare(other ruleKey) int {
	if d := len(other.code) - len(k.code); d != 0 {
		return d
	}
	return other.scopes() - k.scopes()
}

// scopes is how narrow the scope is: 0 any, 1 a service, 2 an action.
func (k ruleKey) scopes() int {
	switch {
	case k.action != "":
		return 2
	case k.service != "":
		return 1
	}
	return 0
}
