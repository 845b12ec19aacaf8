package tcretry

// TransportError returns the error that Explain recognizes by a name, and whether it
// occurs after the request was sent.
func TransportError(name string) (err error, maybeSent bool) {
	e := transportErrorNamed(name)
	return e.err, e.maybeSent
}
