// Package base is what a nil base of a Transport stands for: http.DefaultTransport,
// without its ways to harm a call of the API. It needs the standard library only.
package base

import (
	"net/http"
	"sync/atomic"
)

// initial is http.DefaultTransport as the program started with it: before any
// Transport of ours existed, so it leads to none.
var initial = http.DefaultTransport

// Default is the http.RoundTripper that a nil base stands for. The zero Default
// takes http.DefaultTransport at its first use. It may be used from many
// goroutines and must not be copied after its first use.
type Default struct {
	found   atomic.Pointer[found] // nil before the first use
	closing atomic.Bool           // CloseIdleConnections is running
}

// found is what a Default stands for.
type found struct {
	original http.RoundTripper
	copy     atomic.Pointer[http.Transport] // of the original; nil until it is needed
	suspect  bool                           // the original may lead back to us
}

// Take makes d stand for http.DefaultTransport as it is now: for a Transport that
// is being made, which nothing can lead to yet.
func (d *Default) Take() { d.found.Store(&found{original: http.DefaultTransport}) }

// API returns what sends requests to the API for owner, the Transport that d belongs to.
// In place of an *http.Transport that is a copy of it: see copyOf.
func (d *Default) API(owner http.RoundTripper) http.RoundTripper {
	f := d.of(owner)
	if f.suspect {
		return guard{d, f.original, true}
	}
	return f.api()
}

// Other returns what sends all other requests for owner: the original itself.
func (d *Default) Other(owner http.RoundTripper) http.RoundTripper {
	f := d.of(owner)
	if f.suspect {
		return guard{d, f.original, false}
	}
	return f.original
}

// CloseIdleConnections closes those of the original and of its copy.
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

// of returns what d stands for, found now if need be.
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
