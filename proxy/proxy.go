package proxy

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tcretry/tcretry"
)

// A Proxy is a server that forwards requests to the API through one
// [tcretry.Transport]. Make one with [New]. Its methods may be called from many
// goroutines, but for Listen and Serve, which are called once.
type Proxy struct {
	config    Config
	allowed   []allowed
	transport *tcretry.Transport
	base      *http.Transport // nil if it is the caller's
	counts    counts
	tunnels   tunnelListener
	draining  atomic.Bool

	clients, admin net.Listener // set by Listen
	buffers        sync.Pool
}

// counts are what the proxy has done, for its state.
type counts struct {
	handlers  atomic.Int64 // requests that are handled now
	conns     atomic.Int64 // connections of clients that are open, less the tunnels
	tunnels   atomic.Int64 // tunnels that are open
	calls     atomic.Int64 // calls in progress
	buffered  atomic.Int64 // bytes of bodies kept
	total     atomic.Int64 // calls that began
	refused   atomic.Int64 // responses of the proxy's own
	overload  atomic.Int64 // those for overload
	failed    atomic.Int64 // calls without a response, and responses cut short
	abandoned atomic.Int64 // calls whose client has gone
}

// New returns a Proxy. Its error joins all invalid values in the Config: each is a
// [*ConfigError], or a [*tcretry.OptionError] of one of the Options.
func New(c Config) (*Proxy, error) {
	full, err := c.withDefaults()
	errs := []error{err}
	p := &Proxy{config: full, tunnels: newTunnelListener()}
	for _, text := range c.AllowHosts {
		a, wrong := parseAllowed(text)
		if wrong != nil {
			errs = append(errs, wrong)
		}
		p.allowed = append(p.allowed, a)
	}
	if _, wrong := parseAddress("Listen", full.Listen, full.DangerouslyListenBeyondLoopback); wrong != nil {
		errs = append(errs, wrong)
	}
	if full.Admin != "" {
		if _, wrong := parseAddress("Admin", full.Admin, full.DangerouslyListenBeyondLoopback); wrong != nil {
			errs = append(errs, wrong)
		}
	}
	base := c.Base
	if base == nil {
		p.base = newBase()
		base = p.base
	}
	p.transport, err = tcretry.NewTransport(base, c.Options...)
	if err = errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return p, nil
}

// newBase returns what makes the attempts: nothing is decompressed, because what the
// client asked for is what it gets, and enough connections are kept for a burst.
func newBase() *http.Transport {
	base := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true,
		MaxIdleConnsPerHost:   100,
		// The API closes an idle connection after about 60 seconds.
		IdleConnTimeout: 30 * time.Second,
	}
	return base
}

// Transport returns the Transport that makes the calls, for SetPolicy and for
// metrics.
func (p *Proxy) Transport() *tcretry.Transport { return p.transport }

// handle forwards one request, or opens a tunnel.
func (p *Proxy) handle(w http.ResponseWriter, r *http.Request) {
	p.counts.handlers.Add(1)
	defer p.counts.handlers.Add(-1)
	if r.Method == http.MethodConnect {
		p.connect(w, r)
		return
	}
	host, no := p.destination(r)
	if no != nil {
		p.refuse(w, no)
		return
	}
	body, no := p.receive(w, r)
	defer p.release(body)
	if no == nil && !p.begin() {
		p.counts.overload.Add(1)
		no = overloaded("too many calls are in progress")
	}
	if no != nil {
		p.refuse(w, no)
		return
	}
	defer p.counts.calls.Add(-1)
	p.forward(w, r, host, body)
}

// begin admits a call, unless there are too many.
func (p *Proxy) begin() bool {
	if p.counts.calls.Add(1) > int64(p.config.MaxCalls) {
		p.counts.calls.Add(-1)
		return false
	}
	p.counts.total.Add(1)
	return true
}
