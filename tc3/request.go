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

// formType is the content type that the API wants on a GET.
const formType = "application/x-www-form-urlencoded"

// RequestError says why a request cannot be signed. The request was not sent,
// and no other attempt would be.
type RequestError struct {
	// Reason completes "the request cannot be signed: ".
	Reason string
}

// Error returns the reason.
func (e *RequestError) Error() string {
	return "tcretry: tc3: the request cannot be signed: " + e.Reason
}

// Terminal says that no other attempt would go better: a Transport of package
// tcretry above asks.
func (e *RequestError) Terminal() bool { return true }

// facts are what a signature takes from the headers and the address.
type facts struct {
	action, contentType, host, service string
	unsigned                           bool
}

// factsOf reads a request. Every mistake of the headers is named at once.
func factsOf(req *http.Request, service string) (facts, error) {
	if req.URL == nil {
		return facts{}, &RequestError{Reason: "it has no URL"}
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
		return facts{}, &RequestError{Reason: "its method is " + strconv.Quote(req.Method) + ", the API takes GET and POST"}
	}
	f := facts{action: one(headerAction), contentType: formType, host: req.Host}
	one(headerVersion)
	if req.Method != http.MethodGet || len(valuesOf(req.Header, headerContentType)) > 0 {
		f.contentType = one(headerContentType)
	}
	if len(wrong) > 0 {
		return facts{}, &RequestError{Reason: "it needs exactly one " + strings.Join(wrong, ", one ")}
	}
	if f.host == "" {
		f.host = req.URL.Host
	}
	f.unsigned = valueOf(req.Header, headerContentSHA256) == UnsignedPayload
	f.service = serviceOf(req, f.host, service)
	if f.service == "" {
		return facts{}, &RequestError{Reason: "no service in host " + strconv.Quote(f.host) + ": set Transport.Service"}
	}
	return f, nil
}

// serviceOf returns the product: the one that is set; or the one of a signature
// made above, which knows it even if the host is a gateway; or the host's first
// label.
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

// scopeService returns the service of the credential scope that a signature made
// above has, "" without one.
func scopeService(req *http.Request) string {
	_, scope, _ := strings.Cut(valueOf(req.Header, headerAuthorization), "Credential=")
	scope, _, _ = strings.Cut(scope, ",")
	if parts := strings.Split(scope, "/"); len(parts) == 4 && parts[3] == scopeEnd {
		return parts[2]
	}
	return ""
}

// signed returns a copy of the request with body and signature. The headers of
// an older signature are replaced, whatever the case of their names.
func (f facts) signed(req *http.Request, c Credentials, p *payload, at time.Time) *http.Request {
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
		out.GetBody = p.again // lets the base send again what it lost on a dead connection
	}
	return out
}

// valuesOf returns the values of a header without regard to the case of its
// name: official SDKs before v1.3 stored X-TC-Action as it stands here.
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
