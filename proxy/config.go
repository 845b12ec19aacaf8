package proxy

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/tcretry/tcretry"
)

// The defaults of a Config.
const (
	DefaultListen = "127.0.0.1:8128"
	DefaultAdmin  = "127.0.0.1:8129"

	// The API takes no larger request, and a GET of 32 KiB.
	// Source: cloud.tencent.com/document/product/306/75053.
	defaultMaxBodyBytes   = 10 << 20
	defaultMaxHeaderBytes = 64 << 10
	// Each call takes some 20 KiB of memory besides its body.
	defaultMaxCalls         = 1000
	defaultMaxBufferedBytes = 256 << 20
	// Clients are on the same machine, and a request that is signed is whole.
	defaultClientTimeout = 30 * time.Second
	// Longer than the SDKs keep an idle connection, so that they close it first.
	defaultIdleTimeout = 90 * time.Second
	// What Kubernetes and systemd grant, or less: a Policy's MaxElapsed is longer.
	defaultDrainTimeout = 25 * time.Second
)

// A Config says where a [Proxy] listens, where it may connect to, and what it
// accepts. The zero Config consists of defaults.
type Config struct {
	// Listen is the address for clients: "127.0.0.1:8128" by default, another
	// loopback address with a port, 0 for any, or "unix:/path".
	Listen string
	// Admin is the address for people and probes, in the same form; "" means that
	// there is none. See [Proxy.AdminHandler].
	Admin string
	// DangerouslyListenBeyondLoopback permits addresses that other machines reach.
	// Whoever reaches Listen may use up the account's rate limit and this machine's
	// memory, and sees and changes requests that travel unencrypted: the signature
	// does not hide them.
	DangerouslyListenBeyondLoopback bool

	// AllowHosts are hosts besides those of the API: "gateway.example.com",
	// "gateway.example.com:8443", or "*.example.com" for all below it. They are
	// called over TLS: at port 443, or at the one given, which is then that of the
	// client's URL as well.
	AllowHosts []string
	// Base makes the attempts; it must not decompress responses. nil means an
	// http.Transport of the proxy's own, which uses the environment's HTTPS_PROXY.
	Base http.RoundTripper
	// Options are those of the [tcretry.Transport].
	Options []tcretry.Option

	// MaxHeaderBytes limits the header of a request; 0 means 64 KiB.
	MaxHeaderBytes int
	// MaxBodyBytes limits the body of a request; 0 means 10 MiB, the API's own limit.
	MaxBodyBytes int64
	// MaxBufferedBytes limits the bodies of all requests together, which are kept for
	// retries; 0 means 256 MiB.
	MaxBufferedBytes int64
	// MaxCalls limits the calls in progress, those that wait for the rate limiter, the
	// budget or a retry included; 0 means 1000.
	MaxCalls int
	// ClientTimeout is how long a client may take to send a header, or a body, or to
	// receive some bytes of a response; 0 means 30 seconds.
	ClientTimeout time.Duration
	// IdleTimeout is how long a connection may be idle between requests; 0 means 90
	// seconds.
	IdleTimeout time.Duration
	// DrainTimeout is how long [Proxy.Serve] waits for calls in progress once its
	// context ends; 0 means 25 seconds.
	DrainTimeout time.Duration

	// AdminPages are handlers by path for the admin address, "/metrics" for example.
	AdminPages map[string]http.Handler
	// Logger gets the messages of net/http's servers, such as a failed accept; nil
	// means that nobody does. The calls are logged by [tcretry.LogHooks] if Options
	// have them.
	Logger *slog.Logger
}

// A ConfigError is one invalid value of a [Config].
type ConfigError struct {
	// Field is the name of the field.
	Field string
	// Value is its value.
	Value any
	// Reason says what is wrong, and what is accepted.
	Reason string
}

// Error names the field, the value and the reason.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("tcretry: proxy: %s(%v): %s", e.Field, e.Value, e.Reason)
}

// withDefaults returns the Config with its defaults, or all invalid values in it.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	wrong := func(field string, value any, reason string) {
		errs = append(errs, &ConfigError{field, value, reason})
	}
	for _, n := range []struct {
		field string
		value int64
	}{
		{"MaxHeaderBytes", int64(c.MaxHeaderBytes)},
		{"MaxBodyBytes", c.MaxBodyBytes},
		{"MaxBufferedBytes", c.MaxBufferedBytes},
		{"MaxCalls", int64(c.MaxCalls)},
	} {
		if n.value < 0 {
			wrong(n.field, n.value, "it is negative: want a number above 0, or 0 for the default")
		}
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{{"ClientTimeout", c.ClientTimeout}, {"IdleTimeout", c.IdleTimeout}, {"DrainTimeout", c.DrainTimeout}} {
		if d.value < 0 {
			wrong(d.field, d.value, `it is negative: want a duration above 0 such as "30s", or 0 for the default`)
		}
	}
	for path := range c.AdminPages {
		if path == "" || path[0] != '/' || ownPages[path] {
			wrong("AdminPages", path, `want a path that begins with "/" and is not a page of the proxy`)
		}
	}
	c.Listen = cmp.Or(c.Listen, DefaultListen)
	c.MaxHeaderBytes = cmp.Or(c.MaxHeaderBytes, defaultMaxHeaderBytes)
	c.MaxBodyBytes = cmp.Or(c.MaxBodyBytes, defaultMaxBodyBytes)
	c.MaxBufferedBytes = cmp.Or(c.MaxBufferedBytes, defaultMaxBufferedBytes)
	c.MaxCalls = cmp.Or(c.MaxCalls, defaultMaxCalls)
	c.ClientTimeout = cmp.Or(c.ClientTimeout, defaultClientTimeout)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, defaultIdleTimeout)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, defaultDrainTimeout)
	return c, errors.Join(errs...)
}
