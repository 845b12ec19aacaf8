package neterr

import (
	"errors"
	"net"
	"strings"
)

// RefusedByProxy reports whether err is a proxy's refusal to connect that a retry would
// receive too: a wrong password, or a destination that is not allowed. Presenting a
// wrong password again and again can lock an account.
//
// Of the response to a CONNECT, net/http reports nothing but the reason phrase (dialConn
// in transport.go), so the standard phrases are compared. A refusal in other words is
// retried as if the proxy could not be reached, unless
// http.Transport.OnProxyConnectResponse returns an error with Terminal() bool.
func RefusedByProxy(err error) bool {
	var socks *net.OpError
	if errors.As(err, &socks) && socks.Op == "socks connect" && socks.Err != nil {
		return socksRefusals[socks.Err.Error()]
	}
	for next := err; next != nil; next = errors.Unwrap(err) {
		err = next
	}
	text := strings.ToLower(err.Error())
	return proxyRefusals[text] || strings.HasPrefix(text, "proxy authentication required ") || strings.HasPrefix(text, "forbidden ")
}

// proxyRefusals are the reason phrases, in lower case, of the statuses by which a proxy
// refuses a CONNECT permanently: RFC 9110, sections 15.5 and 15.6. Proxies append words
// of their own to the first two.
var proxyRefusals = map[string]bool{
	"proxy authentication required": true, // 407
	"forbidden":                     true, // 403
	"bad request":                   true, // 400
	"unauthorized":                  true, // 401
	"not found":                     true, // 404
	"method not allowed":            true, // 405
	"unavailable for legal reasons": true, // 451
	"not implemented":               true, // 501
}

// socksRefusals are the texts of net/http's SOCKS client for permanent refusals:
// socks_bundle.go, after RFC 1928, sections 3 and 6, and RFC 1929.
var socksRefusals = map[string]bool{
	"no acceptable authentication methods":            true,
	"invalid username/password":                       true,
	"username/password authentication failed":         true,
	"unknown error connection not allowed by ruleset": true,
	"unknown error command not supported":             true,
	"unknown error address type not supported":        true,
}
