package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// address is one to listen on.
type address struct{ network, text string }

const acceptedAddress = `want a loopback address such as "127.0.0.1:8128", or "unix:/path"`

// parseAddress reads an address of the Config. That a name is one of the loopback
// interface is seen when it is listened on.
func parseAddress(field, text string, beyond bool) (address, *ConfigError) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if path == "" {
			return address{}, &ConfigError{field, text, "it has no path: " + acceptedAddress}
		}
		return address{"unix", path}, nil
	}
	host, _, err := net.SplitHostPort(text)
	if err != nil {
		return address{}, &ConfigError{field, text, "it has no port: " + acceptedAddress}
	}
	ip, err := netip.ParseAddr(host)
	isLoopback := err == nil && ip.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
	if !isLoopback && !beyond {
		return address{}, beyondLoopback(field, text)
	}
	return address{"tcp", text}, nil
}

func beyondLoopback(field, text string) *ConfigError {
	return &ConfigError{field, text, "it is not a loopback address: " + acceptedAddress +
		"; DangerouslyListenBeyondLoopback permits others"}
}

// Listen opens the addresses of the Config, for [Proxy.Serve].
func (p *Proxy) Listen() error {
	var err error
	if p.clients, err = p.listen("Listen", p.config.Listen); err != nil {
		return err
	}
	if p.config.Admin != "" {
		p.admin, err = p.listen("Admin", p.config.Admin)
	}
	if err == nil {
		err = p.reachesItself()
	}
	if err != nil {
		p.close()
	}
	return err
}

// close closes what Listen opened, if it failed: Serve leaves that to its servers.
func (p *Proxy) close() {
	for _, l := range []net.Listener{p.clients, p.admin} {
		if l != nil {
			l.Close()
		}
	}
}

// listen opens one of the addresses.
func (p *Proxy) listen(field, text string) (net.Listener, error) {
	beyond := p.config.DangerouslyListenBeyondLoopback
	a, wrong := parseAddress(field, text, beyond)
	if wrong != nil {
		return nil, wrong
	}
	if a.network == "unix" {
		removeStale(a.text)
	}
	l, err := net.Listen(a.network, a.text)
	if err != nil {
		return nil, fmt.Errorf("tcretry: proxy: %s: %w", field, err)
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() && !beyond {
		l.Close()
		return nil, beyondLoopback(field, text) // localhost is another machine
	}
	return l, nil
}

// removeStale removes a socket that nobody listens on, as a process leaves one that
// was killed.
func removeStale(path string) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
		return
	}
	if errors.Is(err, errRefused) {
		_ = os.Remove(path)
	}
}

// Addr is the address for clients, nil before Listen.
func (p *Proxy) Addr() net.Addr { return addrOf(p.clients) }

// AdminAddr is the address for people and probes, nil if there is none and before
// Listen.
func (p *Proxy) AdminAddr() net.Addr { return addrOf(p.admin) }

func addrOf(l net.Listener) net.Addr {
	if l == nil {
		return nil
	}
	return l.Addr()
}

// reachesItself reports an environment that would send the proxy's own requests to
// itself: one that is meant for its clients.
func (p *Proxy) reachesItself() error {
	if p.base == nil {
		return nil
	}
	to := &http.Request{URL: &url.URL{Scheme: "https", Host: "cvm.tencentcloudapi.com"}}
	via, err := p.base.Proxy(to)
	if err != nil || via == nil {
		return nil // that of a wrong value is every call's
	}
	own, ok := p.clients.Addr().(*net.TCPAddr)
	if !ok || via.Port() != fmt.Sprint(own.Port) {
		return nil
	}
	ip, err := netip.ParseAddr(via.Hostname())
	if strings.EqualFold(via.Hostname(), "localhost") || err == nil && ip.IsLoopback() || err == nil && own.IP.Equal(ip.AsSlice()) {
		return fmt.Errorf("tcretry: proxy: HTTPS_PROXY in the environment is %s, which is this proxy itself: unset it for the proxy, it is for its clients", via.Redacted())
	}
	return nil
}
