package tcretry

import "sync/atomic"

// Seed makes the random moments of p follow from seed, which is not 0. It is for
// tests, before the first use of p.
func (p *AdaptivePacer) Seed(seed uint64) { p.seed = seed }

// buffersInUse counts the buffers that have an owner.
var buffersInUse atomic.Int64

func init() { onBuffer = func(n int64) { buffersInUse.Add(n) } }

// BuffersInUse is the number of buffers that have an owner.
func BuffersInUse() int64 { return buffersInUse.Load() }

// Seed does the same for the Transport's own pacer.
func (t *Transport) Seed(seed uint64) { t.ownPacer.Seed(seed) }

// TransportError returns an error of one of the names of TransportErrors, and
// whether it comes after the request was written.
func TransportError(name string) (err error, written bool) {
	e := transportErrorNamed(name)
	return e.err, e.written
}
