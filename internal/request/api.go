package request

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/internal/contain"
)

// IsAPI reports whether req is a request to the API, by its host, its headers or its
// signed parameters: see tcretry.IsAPIRequest.
func IsAPI(req *http.Request) bool {
	if req.URL != nil && apiSubdomain(req.URL.Host) != "" || apiSubdomain(req.Host) != "" {
		return true
	}
	if headerValue(req.Header, headerAction) != "" {
		return true
	}
	_, scope := credentialOf(headerValue(req.Header, HeaderAuthorization))
	return scopeService(scope) != "" || hasSignedParams(req)
}

// headerValue returns the first value of a header, without regard to case, "" if it has
// none.
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

// maxScopeForm is the longest form, in bytes, that is read to decide whether a request to
// an unknown host is one to the API. It limits the cost for a request to another
// service.
const maxScopeForm = 64 << 10

// hasSignedParams reports whether req has signed parameters of signature method v1.
func hasSignedParams(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet:
		return req.URL != nil && strings.Contains(req.URL.RawQuery, "Action=") &&
			parseParams(req.URL.RawQuery).signed()
	case http.MethodPost:
		return isForm(contentType(req)) && contain.Result(func() bool { return hasSignedForm(req) })
	}
	return false
}

// isForm reports whether the type is that of a form. Unlike MediaType, it allocates
// nothing.
func isForm(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.Trim(mediaType, " \t"), "application/x-www-form-urlencoded")
}

// hasSignedForm reports whether the form of req has signed parameters. It reads a copy of
// the body, from GetBody; the body itself is left for the underlying RoundTripper.
func hasSignedForm(req *http.Request) bool {
	if req.GetBody == nil || req.ContentLength <= 0 || req.ContentLength > maxScopeForm {
		return false
	}
	body, err := bodies.Fresh(req)
	if err != nil {
		return false
	}
	defer body.Close()
	form, _ := bodies.ReadPrefix(body, req.ContentLength, req.ContentLength)
	defer form.Free()
	return bytes.Contains(form.Bytes(), []byte("Action=")) && parseParams(string(form.Bytes())).signed()
}
