package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
)

// Serve serves the addresses that [Proxy.Listen] opened until ctx ends. Then it
// drains: it accepts no more connections, and waits for the calls in progress, for
// DrainTimeout at most. It returns nil if all of them ended, and otherwise an error
// with their number: their connections were closed. The admin address is served to the
// last.
func (p *Proxy) Serve(ctx context.Context) error {
	if p.clients == nil {
		return errors.New("tcretry: proxy: Serve before Listen")
	}
	clients, tunnels := p.server(http.HandlerFunc(p.handle)), p.server(http.HandlerFunc(p.handle))
	tunnels.ConnContext = inTunnel
	admin := p.server(p.AdminHandler())
	ended := make(chan error, 3)
	serve := func(s *http.Server, l net.Listener) { ended <- s.Serve(l) }
	go serve(clients, countedListener{p.clients, &p.counts.conns})
	go serve(tunnels, p.tunnels)
	running := 2
	if p.admin != nil {
		go serve(admin, p.admin)
		running++
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended: // a listener that failed
		running--
	}
	p.draining.Store(true)
	err = errors.Join(err, p.drain(clients, tunnels))
	_ = admin.Close()
	for range running {
		<-ended
	}
	p.transport.CloseIdleConnections()
	return err
}

// server is a server with the limits of the Config.
func (p *Proxy) server(h http.Handler) *http.Server {
	errorLog := log.New(io.Discard, "", 0)
	if p.config.Logger != nil {
		errorLog = slog.NewLogLogger(p.config.Logger.Handler(), slog.LevelWarn)
	}
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: p.config.ClientTimeout,
		IdleTimeout:       p.config.IdleTimeout,
		MaxHeaderBytes:    p.config.MaxHeaderBytes,
		ErrorLog:          errorLog,
	}
}

// newConnGrace is how long a connection may take to send its first request once the
// proxy drains. Shutdown of net/http has the same time, but drops what it reads then.
const newConnGrace = 5 * time.Second

// drain ends the servers, gently as long as DrainTimeout lasts: first no connection is
// accepted or kept alive, then none is waited for that has no request. The tunnels come
// last: as long as there is another connection, one may be opened.
func (p *Proxy) drain(clients, tunnels *http.Server) error {
	ctx, stop := context.WithTimeout(context.Background(), p.config.DrainTimeout)
	defer stop()
	p.clients.Close()
	clients.SetKeepAlivesEnabled(false)
	tunnels.SetKeepAlivesEnabled(false)
	grace, stop := context.WithTimeout(ctx, newConnGrace)
	_ = quiet(grace, &p.counts.conns, &p.counts.tunnels)
	stop()
	err := errors.Join(clients.Shutdown(ctx), quiet(ctx, &p.counts.conns))
	err = errors.Join(err, tunnels.Shutdown(ctx), quiet(ctx, &p.counts.tunnels, &p.counts.handlers))
	if err == nil {
		return nil
	}
	cut := p.counts.calls.Load()
	_ = clients.Close()
	_ = tunnels.Close()
	// Their contexts have ended: they return soon, whatever the API does.
	last, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	_ = quiet(last, &p.counts.handlers)
	if cut == 0 {
		return nil // connections without a request
	}
	return fmt.Errorf("tcretry: proxy: %d calls were cut off: they did not end within DrainTimeout, %v", cut, p.config.DrainTimeout)
}

// quiet waits until all of the counts are zero.
func quiet(ctx context.Context, counts ...*atomic.Int64) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for slices.ContainsFunc(counts, func(n *atomic.Int64) bool { return n.Load() > 0 }) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
