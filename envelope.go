package tcretry

import (
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/internal/envelope"
)

// APIError is the error in the envelope of a response. It implements error.
//
// The fields are the texts of the API, decoded and otherwise unchanged: they may be as
// long as the peeked part of the response, and have any character.
type APIError struct {
	// Code is the error code, such as "RequestLimitExceeded.UinLimitExceeded".
	// For a response of API 2.0 without a codeDesc it is the number: "4400".
	Code string
	// Message is meant for people; its wording changes.
	Message string
	// RequestID identifies the attempt for the support of the API.
	RequestID string
}

// Family returns the part of the code before its first dot.
func (e *APIError) Family() string {
	family, _, _ := strings.Cut(e.Code, ".")
	return family
}

// The longest code, message and request id in errors, hooks and logs, in bytes. The longest documented code has fewer than 128 and request ids are
// UUIDs; a message of 512 holds every text of the published pages. Longer
// texts are cut.
const (
	maxCode      = 128
	maxMessage   = 512
	maxRequestID = 128
)

// Error returns the code, the message and the request id in one line that is
// printable and limited in length, whatever the API sent.
func (e *APIError) Error() string {
	var b strings.Builder
	b.WriteString("tcretry: API error ")
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

// CheckResponse returns the API error in resp as an *APIError, or nil if there is none.
// It is for callers without an SDK, with or without a Transport. The body stays
// readable, every byte of it.
//
// It reports errors of the API only: for an HTTP status without an envelope, a response
// longer than 64 KiB, and a body that cannot be read it returns nil; reading the body
// reports the last. The failure of a task that a successful response describes is an
// error here, as it is for the official SDK. It waits until the body, or its first 64
// KiB, has been received.
func CheckResponse(resp *http.Response) error {
	if resp == nil {
		return nil
	}
	found := envelope.Peek(resp, envelope.DefaultLimit, new(bodies.Peeked))
	if found.Failure == nil {
		return nil // not a nil *APIError, which would be an error that is not nil
	}
	return (*APIError)(found.Failure)
}

// ellipsis ends a text that was cut.
const ellipsis = "…"

// printable returns s in at most max bytes, for one line of a log: white space is a
// plain space, what is not printable is U+FFFD, and a text that was cut ends in an
// ellipsis. max is at least len(ellipsis).
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

// printableRune returns r, or its replacement. Characters that only move or turn others,
// such as U+202E, are replaced too.
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

// isPlain reports whether s is printable ASCII, as nearly every code is.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
