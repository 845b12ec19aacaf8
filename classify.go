package tcretry

import (
	"fmt"
	"net/http"
)

// Class says what the outcome of one attempt means for the next one.
type Class uint8

// The classes. Undecided is the zero value so that a Classifier that has
// nothing to say can return it.
const (
	// Undecided: the classifier leaves the outcome to the next one.
	Undecided Class = iota
	// Success: the API did what it was asked to do.
	Success
	// Terminal: another attempt would be refused too. Never repeated.
	Terminal
	// Throttled: refused before execution, because of a rate limit. Repeated
	// for every action.
	Throttled
	// Busy: refused because something is in progress or occupied. Repeated for
	// every action, after longer delays.
	Busy
	// Transient: the API says that the call failed in passing, or the request
	// never left. Repeated.
	Transient
	// Ambiguous: no answer came, though the request may have been executed.
	// Repeated only if that is harmless.
	Ambiguous
)

var classNames = [...]string{"undecided", "success", "terminal", "throttled", "busy", "transient", "ambiguous"}

// String returns the name of the class in lower case, as it stands in JSON.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("class(%d)", uint8(c))
}

// Outcome is what one attempt led to. Exactly one of Response and Err says how
// the base ended, but for an answer that was cut short: it has both.
type Outcome struct {
	// Request is the request of the attempt. Not to be modified, its body not
	// to be read.
	Request *http.Request
	// Response is the answer, nil if none came. Its body belongs to the caller
	// of the transport: a classifier sees an empty one.
	Response *http.Response
	// Envelope is what the API said of a failure; nil when the answer holds
	// none.
	Envelope *Envelope
	// Err is the error of the base, or the one that cut the body short.
	Err error
	// Written says that the request, or a part of it, may have left: an error
	// before that is harmless.
	Written bool
	// Task says that the failure is that of a task which the answer describes:
	// there is data beside it, and the call itself succeeded.
	Task bool
	// Target is what the request asks for.
	Target Target
}

// A Classifier tells the class of an outcome. It must be pure: no I/O, no
// clock, no memory of earlier outcomes. It is called from many goroutines at
// once.
type Classifier interface {
	Classify(Outcome) Class
}

// ClassifierFunc is a function as a Classifier.
type ClassifierFunc func(Outcome) Class

// Classify calls f.
func (f ClassifierFunc) Classify(o Outcome) Class { return f(o) }
