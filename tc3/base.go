package tc3

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// initial is http.DefaultTransport at the start of the program, when it can contain no
// Transport of this package.
var initial = http.DefaultTransport

// base returns Base or, if that is nil, http.DefaultTransport as it is at the first use,
// unless that leads back to t. Package tcretry has the same rule; its few lines are
// copied here so that this package imports the standard library only.
func (t *Transport) base() http.RoundTripper {
	if t.Base != nil {
		return t.Base
	}
	if found := t.found.Load(); found != nil {
		return *found
	}
	found := keepShort(http.DefaultTransport)
	if found == http.RoundTripper(t) {
		found = keepShort(initial)
	} else if _, ok := found.(*http.Transport); !ok {
		found = &guard{t: t, original: found}
	}
	t.found.CompareAndSwap(nil, &found)
	return *t.found.Load()
}

// guard prevents an endless loop: http.DefaultTransport can contain t at any depth, as
// after http.DefaultTransport = tcretry.New(t). Requests are therefore marked. A marked
// request that comes back goes to the initial transport, and so do all later ones.
type guard struct {
	t        *Transport
	original http.RoundTripper
	closing  atomic.Bool // CloseIdleConnections is running
}

// guardKey is the key of the mark of a Transport.
type guardKey struct{ t *Transport }

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Context().Value(guardKey{g.t}) != nil {
		base := keepShort(initial)
		g.t.found.Store(&base)
		return base.RoundTrip(req)
	}
	sent := req.WithContext(context.WithValue(req.Context(), guardKey{g.t}, true))
	resp, err := g.original.RoundTrip(sent)
	if resp != nil && resp.Request == sent {
		resp.Request = req
	}
	return resp, err
}

func (g *guard) CloseIdleConnections() {
	if c, ok := g.original.(interface{ CloseIdleConnections() }); ok && !g.closing.Swap(true) {
		defer g.closing.Store(false)
		c.CloseIdleConnections()
	}
}

// idleTimeout is how long an idle connection is kept: the API closes one after about 60
// seconds. The official SDK has the same number.
const idleTimeout = 30 * time.Second

// shortened is the last copy that keepShort made, for all Transports.
var shortened struct {
	sync.Mutex
	original, copy *http.Transport
}

// keepShort returns a copy of an *http.Transport that keeps idle connections for at most
// idleTimeout, and any other RoundTripper unchanged.
func keepShort(rt http.RoundTripper) http.RoundTripper {
	original, ok := rt.(*http.Transport)
	if !ok {
		return rt
	}
	shortened.Lock()
	defer shortened.Unlock()
	if shortened.original != original {
		shortened.original, shortened.copy = original, original.Clone()
		if idle := &shortened.copy.IdleConnTimeout; *idle <= 0 || *idle > idleTimeout {
			*idle = idleTimeout
		}
	}
	return shortened.copy
}
