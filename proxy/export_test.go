package proxy

import (
	"net"
	"net/http"
)

// Handlers is the number of requests that are handled now.
func (p *Proxy) Handlers() int64 { return p.counts.handlers.Load() }

// Conns is the number of connections of clients that are open, less the tunnels.
func (p *Proxy) Conns() int64 { return p.counts.conns.Load() }

// Handle handles one request, as the server of the clients does.
func (p *Proxy) Handle(w http.ResponseWriter, r *http.Request) { p.handle(w, r) }

// AcceptTunnel returns the next tunnel, in the place of the server of the tunnels.
func (p *Proxy) AcceptTunnel() (net.Conn, error) { return p.tunnels.Accept() }

// FailClients makes the listener of the clients fail.
func (p *Proxy) FailClients() { p.clients.Close() }

// CloseTunnels ends the server of the tunnels, as far as it takes new ones.
func (p *Proxy) CloseTunnels() { p.tunnels.Close() }

// Tunnels is the number of tunnels that are open.
func (p *Proxy) Tunnels() int64 { return p.counts.tunnels.Load() }
