package codes

import (
	"slices"
	"strconv"
	"strings"
)

// textCodes are codes that are throttling if their message says so, and otherwise what
// the catalogue says. Products, such as tmt, return LimitExceeded, the code of a quota of
// resources, for their limits per second as well, with the message of the API's own
// layer. Source: messages in public logs of callers.
var textCodes = []string{"LimitExceeded"}

// perSecond are the words, in Chinese and in English, of which a message about a limit per
// second has one. A message about a quota of resources may have two numbers too, such as
// one of secondary addresses, but none of these words.
var perSecond = []string{"每秒", "a second", "per second"}

// isPerSecond reports whether a message is about a limit per second: it has two numbers,
// the first above the second, and one of the words of perSecond. The rest of the wording
// changes. In doubt it returns false, and the code keeps its meaning.
func isPerSecond(message string) bool {
	count, limit := RateNumbers(message)
	return count > limit && slices.ContainsFunc(perSecond, func(words string) bool { return ContainsWords(message, words) })
}

// LookupMessage returns what the catalogue says about a code with this message.
func LookupMessage(code, message string) Verdict {
	if slices.Contains(textCodes, code) && isPerSecond(message) {
		return textVerdict(code)
	}
	return Lookup(code)
}

// textVerdict returns the verdict on a code whose message is about a limit per second.
func textVerdict(code string) Verdict {
	return Verdict{Means: Throttled, Size: len(code), ByText: true}
}

// LookupAll returns all verdicts that LookupMessage may return for a code.
func LookupAll(code string) []Verdict {
	all := []Verdict{Lookup(code)}
	if slices.Contains(textCodes, code) {
		all = append(all, textVerdict(code))
	}
	return all
}

// RateNumbers returns the current count and the limit in the message of a throttling
// response, 0 and 0 unless the message has exactly these two. They are in backticks, in
// Chinese and in English. The wording around them changes, so they are no more than a
// hint.
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

// ContainsWords reports whether text contains words, without regard to case, and not as a
// part of longer words. Only the first occurrence counts.
func ContainsWords(text, words string) bool {
	text, words = strings.ToLower(text), strings.ToLower(words)
	before, after, found := strings.Cut(text, words)
	letter := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
	return found && (before == "" || !letter(before[len(before)-1])) && (after == "" || !letter(after[0]))
}
