// Package base provides the underlying RoundTripper of a Transport that is given none:
// http.DefaultTransport, with a shorter idle timeout for requests to the API, and
// without endless recursion. It imports the standard library only.
package base

import (
	"net/http"
	"sync/atomic"
)

// initial is http.DefaultTransport as the program started with it. No Transport of ours
// existed then, so it leads to none.
var initial = http.DefaultTransport

// Default is the underlying RoundTripper of a Transport that is given none. The zero
// Default uses http.DefaultTransport as it is at the first use. It is safe for use from
// many goroutines and must not be copied after its first use.
type Default struct {
	found   atomic.Pointer[found] // nil before the first use
	closing atomic.Bool           // CloseIdleConnections is running
}

// found is the http.DefaultTransport that a Default uses.
type found struct {
	original http.RoundTripper
	copy     atomic.Pointer[http.Transport] // of the original; nil until it is needed
	suspect  bool                           // the original may lead back to us
}

// Take makes d use http.DefaultTransport as it is now. It is for a Transport that is
// being constructed, to which nothing can lead yet.
func (d *Default) Take() { d.found.Store(&found{original: http.DefaultTransport}) }

// API returns the RoundTripper for requests to the API. owner is the Transport that d
// belongs to. For an *http.Transport it is a copy: see copyOf.
func (d *Default) API(owner http.RoundTripper) http.RoundTripper {
	f := d.of(owner)
	if f.suspect {
		return guard{d, f.original, true}
	}
	return f.api()
}

// Other returns the RoundTripper for all other requests: http.DefaultTransport itself.
// owner is the Transport that d belongs to.
func (d *Default) Other(owner http.RoundTripper) http.RoundTripper {
	f := d.of(owner)
	if f.suspect {
		return guard{d, f.original, false}
	}
	return f.original
}

// CloseIdleConnections closes the idle connections of http.DefaultTransport and of its
// copy. owner is the Transport that d belongs to.
func (d *Default) CloseIdleConnections(owner http.RoundTripper) {
	if d.closing.Swap(true) {
		return // the original has led back to us
	}
	defer d.closing.Store(false)
	f := d.of(owner)
	if c, ok := f.original.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
	if c := f.copy.Load(); c != nil {
		c.CloseIdleConnections()
	}
}

// of returns what d uses, and decides it at the first call.
func (d *Default) of(owner http.RoundTripper) *found {
	if f := d.found.Load(); f != nil {
		return f
	}
	f := &found{original: http.DefaultTransport}
	if f.original == owner {
		f.original = initial
	} else if _, ok := f.original.(*http.Transport); !ok {
		f.suspect = true
	}
	d.found.CompareAndSwap(nil, f)
	return d.found.Load()
}

// api returns the copy of the original for requests to the API, or the original if it
// cannot be copied.
func (f *found) api() http.RoundTripper {
	if c := f.copy.Load(); c != nil {
		return c
	}
	original, ok := f.original.(*http.Transport)
	if !ok {
		return f.original
	}
	f.copy.Store(copyOf(original))
	return f.copy.Load()
}
