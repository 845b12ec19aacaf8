package tcretry

import (
	"slices"
	"strings"
)

// textCodes are codes of which the text of the message decides: without a text
// that says so they are what the built-in table says. Products, such as tmt,
// answer LimitExceeded, the code of a quota of things, for their limits per second
// as well, with the text by which the API's own layer refuses a request.
// Source: the texts in public logs of callers.
var textCodes = []string{"LimitExceeded"}

// perSecond are the words of which one is in the text of a limit per second, in
// Chinese and in English. A limit of things that gives two numbers has none of
// them, such as one of secondary addresses.
var perSecond = []string{"每秒", "a second", "per second"}

// isPerSecond reports whether a message is the API's text of a limit per second:
// its two numbers, the first above the second, and a word for per second. The rest
// of the wording changes. It errs on the side of false, as without us.
func isPerSecond(message string) bool {
	count, limit := quotaNumbers(message)
	return count > limit && slices.ContainsFunc(perSecond, func(words string) bool { return containsWords(message, words) })
}

// verdictOf returns what the built-in table says of an API error.
func verdictOf(e *Envelope) verdict {
	if slices.Contains(textCodes, e.Code) && isPerSecond(e.Message) {
		return textVerdict(e.Code)
	}
	return codes().lookup(e.Code)
}

// textVerdict is that of a code whose text says that it is a limit per second.
func textVerdict(code string) verdict {
	return verdict{class: Throttled, size: len(code), byText: true}
}

// verdictsOf returns all that the built-in table may say of a code.
func verdictsOf(code string) []verdict {
	all := []verdict{codes().lookup(code)}
	if slices.Contains(textCodes, code) {
		all = append(all, textVerdict(code))
	}
	return all
}

// cutMessage returns the code that a text begins with, before a colon and a space,
// and the message after them; all of the text and "" if it begins with none that is
// documented.
func cutMessage(text string) (code, message string) {
	code, message, found := strings.Cut(text, ": ")
	k, err := parseKey(code)
	if !found || err != nil {
		return text, ""
	}
	family, _, _ := strings.Cut(k.code, ".")
	if _, listed := codes().find(k.code); !listed && !slices.Contains(documented().families, family) {
		return text, ""
	}
	return code, message
}
