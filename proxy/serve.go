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
	clients, tunnels := p.server(p), p.server(p)
	tunnels.ConnContext = inTunnel
	admin := p.server(p.AdminHandler())
	ended := make(chan error, 3)
	serve := func(s *http.Server, l net.Listener) { ended <- s.Serve(l) }
	go serve(clients, p.clients)
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
	p.close()
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

// drain ends the servers, gently as long as DrainTimeout lasts. The tunnels come last:
// until the other connections have ended, one may be opened.
func (p *Proxy) drain(clients, tunnels *http.Server) error {
	ctx, stop := context.WithTimeout(context.Background(), p.config.DrainTimeout)
	defer stop()
	err := errors.Join(clients.Shutdown(ctx), p.quiet(ctx, p.counts.connects.Load))
	err = errors.Join(err, tunnels.Shutdown(ctx), p.quiet(ctx, p.counts.handlers.Load))
	if err == nil {
		return nil
	}
	cut := p.counts.calls.Load()
	_ = clients.Close()
	_ = tunnels.Close()
	// Their contexts have ended: they return soon, whatever the API does.
	last, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	_ = p.quiet(last, p.counts.handlers.Load)
	return fmt.Errorf("tcretry: proxy: %d calls were cut off: they did not end within DrainTimeout, %v", cut, p.config.DrainTimeout)
}

// quiet waits until a count is zero. Those of connections that were taken over are
// not net/http's to wait for.
func (p *Proxy) quiet(ctx context.Context, count func() int64) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for count() > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
