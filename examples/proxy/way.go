package main

import (
	"context"
	"net/http"
	"strings"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"github.com/tcretry/tcretry/proxy"
	"github.com/tcretry/tcretry/tctest"
)

// wayTo returns what a program sets in its profile to reach the API, and what ends
// that way.
func wayTo(api *tctest.API, proxied bool) (set func(*profile.HttpProfile), stop func(), err error) {
	if proxied {
		address, stop, err := startProxy(api)
		return overProxy(address), stop, err
	}
	server, err := api.Serve()
	if err != nil {
		return nil, nil, err
	}
	// Only because the API of this program is not the real one.
	return func(p *profile.HttpProfile) { p.Scheme, p.Endpoint, _ = strings.Cut(server.URL, "://") }, server.Close, nil
}

// overProxy is all that a program sets: the protocol and the proxy. Its signatures
// stay valid, because the host is that of the API.
func overProxy(address string) func(*profile.HttpProfile) {
	return func(p *profile.HttpProfile) { p.Scheme, p.Proxy = "HTTP", "http://"+address }
}

// startProxy does what tcretry proxy does, but for where the API is.
func startProxy(base http.RoundTripper) (address string, stop func(), err error) {
	p, err := proxy.New(proxy.Config{Listen: "127.0.0.1:0", Base: base})
	if err != nil {
		return "", nil, err
	}
	if err := p.Listen(); err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(ctx) }()
	return p.Addr().String(), func() { cancel(); <-ended }, nil
}
