package tcretry

import (
	"net/http"

	"github.com/tcretry/tcretry/internal/contain"
	"github.com/tcretry/tcretry/internal/request"
)

// IsAPIRequest reports whether req is a request to the API, which is the default
// scope of a Transport; a scope of your own, see [WithScope], can start from it.
// Any one of these is enough:
//
//   - an API host, of the URL or of the Host header: a subdomain of
//     tencentcloudapi.com, tencentcloudapi.cn, tencentcloudapi.com.cn or, for API
//     2.0, api.qcloud.com;
//   - an X-TC-Action header, whatever the case of its key;
//   - an Authorization header with a TC3 credential scope;
//   - signed v1 parameters, in the query of a GET or the form of a POST: Action
//     with SecretId, or Action with Signature and without the key id of another
//     vendor. An Action alone is no evidence: other services have one too.
//
// It does not read or change the request. A form is read through GetBody only,
// and only if it is no longer than 64 KiB by its Content-Length; without GetBody,
// or beyond that, only the other marks count.
func IsAPIRequest(req *http.Request) bool { return request.IsAPI(req) }

// InScope reports whether RoundTrip would handle req: whether it is in the
// Transport's scope, and not the attempt of a Transport outside of this one,
// which already does. Any other request is passed through untouched. It may be
// called from any goroutine.
func (t *Transport) InScope(req *http.Request) bool {
	return t.covers(req) && !wishesOf(req.Context()).isAttempt(req)
}

// covers reports whether req is in the Transport's scope. A base that signs a
// request can only mean the API, so what it signs is in the default scope.
func (t *Transport) covers(req *http.Request) bool {
	if t.scope != nil {
		return contain.Result(func() bool { return t.scope(req) })
	}
	if IsAPIRequest(req) {
		return true
	}
	s, ok := t.plain().(Signer)
	return ok && s.Signs(req)
}

// passThrough sends a request that is out of scope: the caller's own, untouched.
func (t *Transport) passThrough(req *http.Request) (*http.Response, error) {
	for _, h := range t.hooks {
		if h.OutOfScope == nil {
			continue
		}
		info := OutOfScopeInfo{Method: req.Method}
		if req.URL != nil {
			info.Host = req.URL.Host
		}
		contain.Result(func() struct{} { h.OutOfScope(req.Context(), info); return struct{}{} })
	}
	if t.scope != nil && IsAPIRequest(req) {
		return t.wrapped().RoundTrip(req) // left alone, but one to the API
	}
	return t.plain().RoundTrip(req)
}
