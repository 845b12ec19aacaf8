package codes

import (
	"slices"
	"strconv"
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
	count, limit := RateNumbers(message)
	return count > limit && slices.ContainsFunc(perSecond, func(words string) bool { return ContainsWords(message, words) })
}

// LookupMessage returns what the catalogue says of a code that came with a message.
func LookupMessage(code, message string) Verdict {
	if slices.Contains(textCodes, code) && isPerSecond(message) {
		return textVerdict(code)
	}
	return Lookup(code)
}

// textVerdict is that of a code whose text says that it is a limit per second.
func textVerdict(code string) Verdict {
	return Verdict{Means: Throttled, Size: len(code), ByText: true}
}

// LookupAll returns all that the built-in table may say of a code.
func LookupAll(code string) []Verdict {
	all := []Verdict{Lookup(code)}
	if slices.Contains(textCodes, code) {
		all = append(all, textVerdict(code))
	}
	return all
}

// RateNumbers reads the current count and the limit out of a rejection's text,
// 0 and 0 if it does not hold just these two. They stand in backticks, in Chinese
// and in English; the wording around them changes, so they are a hint and no
// more.
func RateNumbers(message string) (count, limit int) {
	parts := strings.SplitN(message, "`", 6)
	if len(parts) != 5 {
		return 0, 0
	}
	count, errCount := strconv.Atoi(parts[1])
	limit, errLimit := strconv.Atoi(parts[3])
	if errCount != nil || errLimit != nil || count <= 0 || limit <= 0 {
		return 0, 0
	}
	return count, limit
}

// ContainsWords reports whether a text holds words, without regard to case, that
// do not begin or end amid others.
func ContainsWords(text, words string) bool {
	text, words = strings.ToLower(text), strings.ToLower(words)
	before, after, found := strings.Cut(text, words)
	letter := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
	return found && (before == "" || !letter(before[len(before)-1])) && (after == "" || !letter(after[0]))
}
