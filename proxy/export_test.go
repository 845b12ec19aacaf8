package proxy

// Handlers is the number of requests that are handled now.
func (p *Proxy) Handlers() int64 { return p.counts.handlers.Load() }

// Conns is the number of connections of clients that are open, less the tunnels.
func (p *Proxy) Conns() int64 { return p.counts.conns.Load() }
