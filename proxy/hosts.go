package proxy

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/tcretry/tcretry"
)

// allowed is a host besides those of the API.
type allowed struct {
	host  string // in lower case; of "*.example.com" it is ".example.com"
	below bool   // host is the end of a name
	port  string // "" for the default one
}

// parseAllowed reads an entry of Config.AllowHosts.
func parseAllowed(text string) (allowed, *ConfigError) {
	const accepted = `want a host such as "gateway.example.com", with a port if it is not 443, or "*.example.com" for all below it`
	wrong := &ConfigError{"AllowHosts", text, accepted}
	host, port, ok := splitHost(text, "")
	a := allowed{host: host, port: port}
	if rest, found := strings.CutPrefix(host, "*."); found {
		a.host, a.below = "."+rest, true
		host = rest
	}
	if !ok || !validHost(host) || a.below && net.ParseIP(host) != nil {
		return a, wrong
	}
	return a, nil
}

// covers requires a valid host, which begins with no dot.
func (a allowed) covers(host string) bool {
	return host == a.host || a.below && strings.HasSuffix(host, a.host)
}

// splitHost splits a host as it stands in a URL, in lower case and less a final dot.
// It is not ok if it is not one.
func splitHost(authority, defaultPort string) (host, port string, ok bool) {
	u := url.URL{Host: authority}
	host, port = u.Hostname(), u.Port()
	want := host
	if strings.Contains(host, ":") {
		want = "[" + host + "]"
	}
	if port != "" {
		want += ":" + port
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if port == "" {
		return host, defaultPort, host != "" && want == authority
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return host, port, host != "" && want == authority && err == nil && n > 0 && strconv.FormatUint(n, 10) == port
}

// validHost reports whether a host is a name of letters, digits, dots, hyphens and
// underscores, or an address.
func validHost(host string) bool {
	if net.ParseIP(host) != nil {
		return true
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" {
			return false
		}
	}
	return strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == ""
}

// isAPIHost goes by the name alone: no header or parameter makes a host one of the API.
func isAPIHost(host string) bool {
	return tcretry.IsAPIRequest(&http.Request{Method: http.MethodGet, URL: &url.URL{Host: host}})
}

// upstream returns the host of the URL, over TLS, that a client means by a host and a
// port; schemePort is the one that stands for "none given".
func (p *Proxy) upstream(host, port, schemePort string) (string, *refusal) {
	if !validHost(host) {
		return "", badRequest("the host of the request is not valid")
	}
	known := isAPIHost(host)
	if known && port == schemePort {
		return host, nil
	}
	for _, a := range p.allowed {
		if !a.covers(host) {
			continue
		}
		known = true
		switch {
		case a.port == "" && port == schemePort:
			return bracket(host), nil
		case a.port != "" && a.port == port:
			return net.JoinHostPort(host, port), nil
		}
	}
	if known {
		return "", &refusal{
			status: http.StatusForbidden, code: "ProxyError.PortNotAllowed",
			message: "port " + port + " of " + host + " is not allowed: leave the port out of the URL, or start the proxy with -allow-host " + net.JoinHostPort(host, port),
		}
	}
	return "", &refusal{
		status: http.StatusForbidden, code: "ProxyError.HostNotAllowed",
		message: host + " is not a host of the API: send its requests directly (NO_PROXY), or start the proxy with -allow-host " + host,
	}
}

// bracket is a host as it stands in a URL.
func bracket(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// destination returns the host of the URL that a request is sent to.
func (p *Proxy) destination(r *http.Request) (string, *refusal) {
	if r.URL.Host == "" && !strings.HasPrefix(r.URL.Path, "/") {
		return "", badRequest("the request has no path") // "*", as HTTP/2 begins
	}
	if t := tunnelOf(r); t != nil {
		return t.destination(r)
	}
	if r.URL.Host == "" {
		return p.originForm(r)
	}
	schemePort := map[string]string{"http": "80", "https": "443"}[strings.ToLower(r.URL.Scheme)]
	host, port, ok := splitHost(r.URL.Host, schemePort)
	if !ok || schemePort == "" {
		return "", badRequest("the URL of the request is not valid: want http:// and a host of the API")
	}
	return p.upstream(host, port, schemePort)
}

// originForm is the destination of a request that was not sent as to a proxy: that of
// a client on a unix socket, or of one that has the proxy for the API.
func (p *Proxy) originForm(r *http.Request) (string, *refusal) {
	host, port, ok := splitHost(r.Host, "80")
	if !ok {
		return "", badRequest("the request has no host, or one that is not valid")
	}
	found, no := p.upstream(host, port, "80")
	if no != nil {
		no.message += "; this is an HTTP proxy: set it as the proxy of the client, not as its endpoint"
	}
	return found, no
}
