package tcretry

// TransportError returns the error that Explain knows by a name, and whether it
// comes after the request was sent.
func TransportError(name string) (err error, written bool) {
	e := transportErrorNamed(name)
	return e.err, e.written
}
