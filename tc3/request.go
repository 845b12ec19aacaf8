package tc3

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers that signing reads and writes.
const (
	headerAction        = "X-TC-Action"
	headerVersion       = "X-TC-Version"
	headerTimestamp     = "X-TC-Timestamp"
	headerToken         = "X-TC-Token"
	headerContentSHA256 = "X-TC-Content-SHA256"
	headerContentType   = "Content-Type"
	headerAuthorization = "Authorization"
)

// formType is the content type that the API requires for a GET.
const formType = "application/x-www-form-urlencoded"

// A RequestError is why a request cannot be signed. The request was not sent, and a retry
// would fail in the same way.
type RequestError struct {
	// Reason completes "the request cannot be signed: ".
	Reason string
}

// Error returns the reason.
func (e *RequestError) Error() string {
	return "tcretry: tc3: the request cannot be signed: " + e.Reason
}

// Terminal reports that a retry cannot succeed. A Transport of package tcretry outside
// calls it.
func (e *RequestError) Terminal() bool { return true }

// signedParts are what a signature needs of the headers and the address.
type signedParts struct {
	action, contentType, host, service string
	unsigned                           bool
}

// partsOf returns those of a request. Its error names all headers that are missing.
func partsOf(req *http.Request, service string) (signedParts, error) {
	if req.URL == nil {
		return signedParts{}, &RequestError{Reason: "it has no URL"}
	}
	var wrong []string
	one := func(name string) string {
		values := valuesOf(req.Header, name)
		if len(values) == 1 && strings.TrimSpace(values[0]) != "" {
			return values[0]
		}
		wrong = append(wrong, name)
		return ""
	}
	if req.Method != http.MethodGet && req.Method != http.MethodPost {
		return signedParts{}, &RequestError{Reason: "its method is " + strconv.Quote(req.Method) + ", the API accepts GET and POST"}
	}
	f := signedParts{action: one(headerAction), contentType: formType, host: req.Host}
	one(headerVersion)
	if req.Method != http.MethodGet || len(valuesOf(req.Header, headerContentType)) > 0 {
		f.contentType = one(headerContentType)
	}
	if len(wrong) > 0 {
		return signedParts{}, &RequestError{Reason: "it needs exactly one " + strings.Join(wrong, ", one ")}
	}
	if f.host == "" {
		f.host = req.URL.Host
	}
	f.unsigned = valueOf(req.Header, headerContentSHA256) == UnsignedPayload
	f.service = serviceOf(req, f.host, service)
	if f.service == "" {
		return signedParts{}, &RequestError{Reason: "no service in host " + strconv.Quote(f.host) + ": set Transport.Service"}
	}
	return f, nil
}

// serviceOf returns the product: set, if that is not empty; or the service of a signature
// made outside, which is right also if the host is that of a gateway; or the first label
// of the host.
func serviceOf(req *http.Request, host, set string) string {
	if set != "" {
		return set
	}
	if service := scopeService(req); service != "" {
		return service
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if net.ParseIP(strings.Trim(name, "[]")) != nil {
		return ""
	}
	label, rest, _ := strings.Cut(name, ".")
	if rest == "" {
		return ""
	}
	return strings.ToLower(label)
}

// scopeService returns the service in the credential scope of a signature made outside,
// "" without one.
func scopeService(req *http.Request) string {
	_, scope, _ := strings.Cut(valueOf(req.Header, headerAuthorization), "Credential=")
	scope, _, _ = strings.Cut(scope, ",")
	if parts := strings.Split(scope, "/"); len(parts) == 4 && parts[3] == scopeEnd {
		return parts[2]
	}
	return ""
}

// signed returns a copy of the request with a signature, without a body. It replaces the
// headers of an older signature, whatever the case of their names.
func (f signedParts) signed(req *http.Request, c Credentials, p *payload, at time.Time) *http.Request {
	out := req.Clone(req.Context())
	for name := range out.Header {
		switch http.CanonicalHeaderKey(name) {
		case "Authorization", "X-Tc-Timestamp", "X-Tc-Token":
			delete(out.Header, name)
		}
	}
	if len(valuesOf(out.Header, headerContentType)) == 0 {
		out.Header.Set(headerContentType, f.contentType)
	}
	if c.Token != "" {
		out.Header.Set(headerToken, c.Token)
	}
	out.Header.Set(headerTimestamp, strconv.FormatInt(at.Unix(), 10))
	out.Header.Set(headerAuthorization, Sign(c, SignInput{
		Method:      req.Method,
		Query:       req.URL.RawQuery,
		Headers:     map[string]string{headerContentType: f.contentType, "Host": f.host, headerAction: f.action},
		PayloadHash: p.hash,
		Service:     f.service,
		Timestamp:   at.Unix(),
	}).Authorization)
	if out.ContentLength = p.length; !p.empty && out.GetBody == nil {
		out.GetBody = p.again // for a base that sends it again after a lost connection
	}
	return out
}

// valuesOf returns the values of a header whatever the case of its name: official SDKs
// before v1.3 store X-TC-Action as written here.
func valuesOf(h http.Header, name string) []string {
	var values []string
	for key, v := range h {
		if strings.EqualFold(key, name) {
			values = append(values, v...)
		}
	}
	return values
}

// valueOf returns the only value of a header, trimmed, or "".
func valueOf(h http.Header, name string) string {
	if values := valuesOf(h, name); len(values) == 1 {
		return strings.TrimSpace(values[0])
	}
	return ""
}
