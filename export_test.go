package tcretry

// Seed makes the random moments of the Transport's own rate limiter follow from seed,
// which is not 0. It is for tests, before the first use.
func (t *Transport) Seed(seed uint64) { t.ownPacer.Seed = seed }

// TransportError returns an error of one of the names of TransportErrors, and
// whether it comes after the request was written.
func TransportError(name string) (err error, written bool) {
	e := transportErrorNamed(name)
	return e.err, e.written
}
