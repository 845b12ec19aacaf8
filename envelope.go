package tcretry

import "strings"

// Envelope is what the API said of a failed call. It implements error.
type Envelope struct {
	// Code is the error code, such as "RequestLimitExceeded.UinLimitExceeded".
	Code string
	// Message is meant for people; its wording changes.
	Message string
	// RequestID is what the API's support asks for.
	RequestID string
}

// Family returns the part of the code before its first dot.
func (e *Envelope) Family() string {
	family, _, _ := strings.Cut(e.Code, ".")
	return family
}
