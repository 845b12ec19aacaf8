package tcretry

import (
	"bytes"
	"net/http"
	"strings"
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
func IsAPIRequest(req *http.Request) bool {
	if req.URL != nil && apiSubdomain(req.URL.Host) != "" || apiSubdomain(req.Host) != "" {
		return true
	}
	if headerValue(req.Header, headerAction) != "" {
		return true
	}
	_, scope := credentialOf(headerValue(req.Header, headerAuthorization))
	return scopeService(scope) != "" || hasSignedParams(req)
}

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
		return contained(func() bool { return t.scope(req) })
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
		contained(func() struct{} { h.OutOfScope(req.Context(), info); return struct{}{} })
	}
	if t.scope != nil && IsAPIRequest(req) {
		return t.wrapped().RoundTrip(req) // left alone, but one to the API
	}
	return t.plain().RoundTrip(req)
}

// headerValue returns the first value of a header, "" if it is not there.
func headerValue(h http.Header, canonical string) string {
	if values := h[canonical]; len(values) > 0 {
		return values[0]
	}
	for key, values := range h {
		if sameName(key, canonical) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// maxScopeForm is the longest form that is read to find out whether a request to
// an unknown host is one to the API. It bounds what a request to another service
// costs.
const maxScopeForm = defaultPeekLimit

// hasSignedParams reports whether the v1 parameters of req are there and signed.
func hasSignedParams(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet:
		return req.URL != nil && strings.Contains(req.URL.RawQuery, "Action=") &&
			parseParams(req.URL.RawQuery).signed()
	case http.MethodPost:
		return isForm(contentType(req)) && contained(func() bool { return hasSignedForm(req) })
	}
	return false
}

// isForm is mediaType without its allocations.
func isForm(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.Trim(mediaType, " \t"), "application/x-www-form-urlencoded")
}

// hasSignedForm reads a copy of the form. The body itself is the base's to read.
func hasSignedForm(req *http.Request) bool {
	if req.GetBody == nil || req.ContentLength <= 0 || req.ContentLength > maxScopeForm {
		return false
	}
	body, err := freshBody(req)
	if err != nil {
		return false
	}
	defer body.Close()
	form, _ := readPrefix(body, req.ContentLength, req.ContentLength, nil)
	defer form.free()
	return bytes.Contains(form.bytes(), []byte("Action=")) && parseParams(string(form.bytes())).signed()
}
