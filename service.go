package tcretry

import (
	"net/http"
	"strings"

	"github.com/tcretry/tcretry/internal/codes"
	"github.com/tcretry/tcretry/internal/contain"
	"github.com/tcretry/tcretry/internal/request"
)

// WithService sets the service of requests that do not name it themselves: those
// to a host of your own, whose Authorization has no credential scope yet. It is
// for rules that are scoped to a service or an action, for [WithClientTokens] and
// for hooks. The name is the one in the API's host names, "cvm" for
// cvm.tencentcloudapi.com. You do not need it for hosts of the API, for requests
// that are signed with TC3-HMAC-SHA256 outside the Transport, nor above a base
// that signs and knows its service, as a tc3.Transport does with its field
// Service: the base has a method
//
//	ServiceOf(*http.Request) string
//
// that returns "" if it does not know, and may be called from many goroutines.
// It is found through RoundTrippers that have a method Unwrap or
// WrappedRoundTripper which returns the one inside; others hide it. Without any of
// these the service is unknown, and scoped rules apply as described at
// Policy.Codes.
func WithService(service string) Option {
	return optionFunc(func(s *settings) error {
		if !codes.IsWord(service, true) {
			return &OptionError{Option: "WithService", Value: service, Reason: `it must be the name of a service in lower case, such as "cvm"`}
		}
		s.service = service
		return nil
	})
}

// mostWrappers bounds how many RoundTrippers are looked into: one that wraps
// itself ends there.
const mostWrappers = 16

// serviceOf returns the service of a request that does not name it: the one that
// the base signs for, or else that of the option.
func (t *Transport) serviceOf(req *http.Request) string {
	base := t.wrapped()
	for range mostWrappers {
		if s, ok := base.(interface {
			ServiceOf(*http.Request) string
		}); ok {
			if service := contain.Result(func() string { return s.ServiceOf(req) }); service != "" {
				return strings.ToLower(request.Name(service))
			}
		}
		if base = inside(base); base == nil {
			break
		}
	}
	return t.service
}

// inside returns the RoundTripper that another wraps, nil if it does not tell. The
// second method is that of Kubernetes' client libraries, k8s.io/apimachinery.
func inside(rt http.RoundTripper) http.RoundTripper {
	switch w := rt.(type) {
	case interface{ Unwrap() http.RoundTripper }:
		return contain.Result(w.Unwrap)
	case interface{ WrappedRoundTripper() http.RoundTripper }:
		return contain.Result(w.WrappedRoundTripper)
	}
	return nil
}
