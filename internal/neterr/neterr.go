package neterr

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/tcretry/tcretry/internal/contain"
)

// Rejected reports whether err is one of the errors with which net/http rejects a
// malformed request before it looks for a connection, and which have no type. err must
// not be nil.
func Rejected(err error) bool {
	text := err.Error()
	return text == "http: nil Request.URL" || text == "http: nil Request.Header" ||
		text == "http: no Host in request URL" || strings.HasPrefix(text, "net/http: invalid method ")
}

// NeverSent reports whether err is an error of connecting, so that nothing of the
// request was sent. It works for an underlying RoundTripper without httptrace too.
func NeverSent(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns)
}

// NotProcessed reports whether err shows that an HTTP/2 server did not process the
// request: its stream was refused (RFC 9113, section 8.7), or is above the last stream
// of a GOAWAY (section 6.8). net/http resends such a request by itself if its body has a
// GetBody. It has no types for these errors, so their texts are compared; with an
// unknown text the outcome of the attempt is unknown.
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

// Text returns the text of err without the address of any url.Error in it, at any depth.
// An address may be signed: the query of a signed GET holds the key id and the
// signature. A panic of a method of err is contained.
func Text(err error) string {
	return cutAddresses(fmt.Sprint(err), err, maxWrapped) // Sprint contains a panic of err
}

// maxWrapped is how deep errors are unwrapped: one may wrap itself.
const maxWrapped = 32

// cutAddresses removes the addresses of the url.Errors in err from text.
func cutAddresses(text string, err error, depth int) string {
	if depth == 0 {
		return text
	}
	if located, ok := err.(*url.Error); ok && located != nil {
		text = strings.ReplaceAll(text, fmt.Sprint(located), fmt.Sprint(located.Err))
		if located.URL != "" { // a wrapper may have formatted it in its own way
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
