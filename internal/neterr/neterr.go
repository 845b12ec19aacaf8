package neterr

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/tcretry/tcretry/internal/contain"
)

// Rejected says that net/http rejects the request before it looks for a
// connection, in the ways that the policy does not know. It has no types for them.
func Rejected(err error) bool {
	text := err.Error()
	return text == "http: nil Request.URL" || text == "http: nil Request.Header" ||
		text == "http: no Host in request URL" || strings.HasPrefix(text, "net/http: invalid method ")
}

// NeverSent says that err is one of connecting, whatever the trace tells: a base
// that has no traces still shows these.
func NeverSent(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns)
}

// NotProcessed says that err is one of an HTTP/2 server which did not process
// the request: its stream was refused (RFC 9113, section 8.7), or is above the
// last one of a GOAWAY (section 6.8). net/http sends such a request again by
// itself unless its body has no GetBody. It has no types for these errors, so
// their texts tell; one that is not known leaves the attempt ambiguous.
func NotProcessed(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		text := strings.TrimPrefix(err.Error(), "http2: Transport: cannot retry err [")
		if stream, ok := strings.CutPrefix(text, "stream error: stream ID "); ok {
			_, code, _ := strings.Cut(stream, "; ")
			return strings.HasPrefix(code, "REFUSED_STREAM")
		}
		if strings.HasPrefix(text, "http2: Transport received Server's graceful shutdown GOAWAY") ||
			strings.HasPrefix(text, "http2: Transport received GOAWAY from server ErrCode:") {
			return true
		}
	}
	return false
}

// Text is the text of an error without the address of any url.Error in
// it, which may be signed: the query of an API call by GET holds who signed, and
// the signature.
func Text(err error) string {
	return cutAddresses(fmt.Sprint(err), err, maxWrapped) // Sprint contains a panic of err
}

// maxWrapped is how deep errors are looked into: one may wrap itself.
const maxWrapped = 32

// cutAddresses takes the addresses of the url.Errors in err out of text.
func cutAddresses(text string, err error, depth int) string {
	if depth == 0 {
		return text
	}
	if located, ok := err.(*url.Error); ok && located != nil {
		text = strings.ReplaceAll(text, fmt.Sprint(located), fmt.Sprint(located.Err))
		if located.URL != "" { // a wrapper may have put it differently
			text = strings.ReplaceAll(text, located.URL, "…")
		}
	}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		return cutAddresses(text, contain.Result(wrapper.Unwrap), depth-1)
	case interface{ Unwrap() []error }:
		for _, one := range contain.Result(wrapper.Unwrap) {
			text = cutAddresses(text, one, depth-1)
		}
	}
	return text
}
