package tcretry

import (
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/internal/envelope"
)

// APIError is what the API said of a failed call. It implements error.
//
// The fields hold what the API said, decoded and otherwise as it came: they may
// be as long as the look at the answer allows, and hold any character.
type APIError struct {
	// Code is the error code, such as "RequestLimitExceeded.UinLimitExceeded".
	// An answer of API 2.0 without a codeDesc has its number here: "4400".
	Code string
	// Message is meant for people; its wording changes.
	Message string
	// RequestID is what the API's support asks for.
	RequestID string
}

// Family returns the part of the code before its first dot.
func (e *APIError) Family() string {
	family, _, _ := strings.Cut(e.Code, ".")
	return family
}

// The longest code, message and request id that errors, hooks and logs show, in
// bytes. The longest documented code has fewer than 128 and request ids are
// UUIDs; a message of 512 holds every text of the published pages. What is
// longer was not written for people.
const (
	maxCode      = 128
	maxMessage   = 512
	maxRequestID = 128
)

// Error returns the code, the message and the request id in one line that is
// printable and bounded, whatever the API sent.
func (e *APIError) Error() string {
	var b strings.Builder
	b.WriteString("tcretry: the API answered ")
	b.WriteString(printable(e.Code, maxCode))
	if e.Message != "" {
		b.WriteString(": ")
		b.WriteString(printable(e.Message, maxMessage))
	}
	if e.RequestID != "" {
		b.WriteString(" (request ")
		b.WriteString(printable(e.RequestID, maxRequestID))
		b.WriteByte(')')
	}
	return b.String()
}

// CheckResponse returns what the API said of a failure as an *Envelope, or nil
// if resp holds none. It is for callers without an SDK, with or without a
// Transport. The body stays readable, every byte of it.
//
// It judges what the API said and nothing else: an HTTP status without an
// envelope, an answer that is longer than 64 KiB, and a body that cannot be
// read are nil, the last because reading it will tell. The failure of a task
// that an answer reports in the place of its own is an error here, as it is for
// the official SDK. An answer that is looked at is waited for.
func CheckResponse(resp *http.Response) error {
	if resp == nil {
		return nil
	}
	found := envelope.Peek(resp, envelope.DefaultLimit, new(bodies.Peeked))
	if found.Failure == nil {
		return nil // not a nil *Envelope, which would be an error that is not nil
	}
	return (*APIError)(found.Failure)
}

// ellipsis marks a text that was cut.
const ellipsis = "…"

// printable returns s in at most max bytes, fit for one line of a log: every
// space is a plain one, what cannot be printed is U+FFFD, and a text that was
// cut ends in an ellipsis. max is at least len(ellipsis).
func printable(s string, max int) string {
	if len(s) <= max && isPlain(s) {
		return s
	}
	var b strings.Builder
	cut := 0 // how much of b is kept if s turns out to be too long
	for _, r := range s {
		r = printableRune(r)
		if b.Len()+utf8.RuneLen(r) > max {
			return b.String()[:cut] + ellipsis
		}
		b.WriteRune(r)
		if b.Len() <= max-len(ellipsis) {
			cut = b.Len()
		}
	}
	return b.String()
}

// printableRune returns r, or what stands in its place. Characters that print
// nothing but move or turn others, such as U+202E, are replaced too.
func printableRune(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.IsPrint(r):
		return r
	default:
		return utf8.RuneError
	}
}

// isPlain says that s is printable ASCII, as nearly every code is.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
