package request

import (
	"cmp"
	"net/http"
	"strings"
	"time"
)

// Operation is the API operation of a request: see tcretry.Operation.
type Operation struct {
	Service string
	Action  string
	Region  string
	Host    string
	Method  string
}

// Identity is the operation of a request, and who signed it. A field is empty if the
// request does not have it, or has it in a form that the API would reject. The strings
// share the memory of the request: clone one to keep it for longer than the call.
type Identity struct {
	Operation
	// SignedAt is the time of the signature; zero if the request is not signed yet.
	SignedAt time.Time
	// Credential is the id, never the secret, of the key that signed, even if the rest of
	// the credential scope is malformed. It is for keys of maps, and must not be shown.
	Credential string
	// api reports whether the request is one to the API: it has an action, valid or not,
	// an API host or a credential scope.
	api bool
}

// The headers that Identify reads, in canonical form.
const (
	headerAction        = "X-Tc-Action"
	headerRegion        = "X-Tc-Region"
	headerTimestamp     = "X-Tc-Timestamp"
	HeaderAuthorization = "Authorization"
)

// apiDomains are the domains of the API's hosts. The last one is that of API 2.0. The
// first is by far the most frequent.
var apiDomains = [...]string{
	".tencentcloudapi.com",
	".tencentcloudapi.cn",
	".tencentcloudapi.com.cn",
	".api.qcloud.com",
}

const (
	maxNameLen       = 128          // longest service, action or region; the longest known action has 75
	maxCredentialLen = 256          // secret ids have 36 characters, temporary ones about 70
	maxTimestamp     = 253402300799 // the last second of the year 9999
)

// Identify returns the identity of req, which may be any request. It reads the headers
// and, if they have no action, the v1 parameters: the query of a GET, the form of a POST.
// It reads a form from GetBody only, so that the body is left unread.
func Identify(req *http.Request) Identity {
	var id Identity
	id.Method = cmp.Or(req.Method, http.MethodGet)
	if req.URL != nil {
		id.Host = req.URL.Host
	}
	h := identifyingHeaders(req.Header)
	id.api = h.action != ""
	id.Action = Name(h.action)
	id.Region = Name(h.region)
	id.SignedAt = timestamp(h.timestamp)
	var scope string
	id.Credential, scope = credentialOf(h.authorization)
	if id.Service = hostService(req); id.Service == "" {
		id.Service = strings.ToLower(Name(scopeService(scope)))
	}
	if h.action == "" {
		id.addParams(paramsOf(req))
	}
	id.api = id.api || id.Service != ""
	return id
}

// addParams adds from v1 parameters what the headers do not have. They have no action.
func (id *Identity) addParams(p params) {
	id.api = p.action != ""
	id.Action = Name(p.action)
	if id.Region == "" {
		id.Region = Name(p.region)
	}
	if id.SignedAt.IsZero() {
		id.SignedAt = timestamp(p.timestamp)
	}
	if id.Credential == "" && len(p.secretID) <= maxCredentialLen {
		id.Credential = p.secretID
	}
}

// headerValues are the values of the identifying headers, unchecked.
type headerValues struct{ action, region, timestamp, authorization string }

// identifyingHeaders looks the headers up by their canonical keys and, if one is missing,
// compares all keys once without regard to case: the Go SDK before v1.3.0 stored
// "X-TC-Action", which http.Header.Get does not find.
func identifyingHeaders(h http.Header) headerValues {
	v := headerValues{
		action:        first(h[headerAction]),
		region:        first(h[headerRegion]),
		timestamp:     first(h[headerTimestamp]),
		authorization: first(h[HeaderAuthorization]),
	}
	if v.action != "" && v.region != "" && v.timestamp != "" && v.authorization != "" {
		return v
	}
	for key, values := range h {
		var field *string
		switch {
		case sameName(key, headerAction):
			field = &v.action
		case sameName(key, headerRegion):
			field = &v.region
		case sameName(key, headerTimestamp):
			field = &v.timestamp
		case sameName(key, HeaderAuthorization):
			field = &v.authorization
		}
		if field != nil && *field == "" {
			*field = first(values)
		}
	}
	return v
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// sameName compares without regard to case, lengths first: few of a dozen headers have
// the same.
func sameName(key, canonical string) bool {
	return len(key) == len(canonical) && strings.EqualFold(key, canonical)
}

// HasHeader reports whether h has the header, with or without a value and without regard
// to case.
func HasHeader(h http.Header, canonical string) bool {
	if _, ok := h[canonical]; ok {
		return true
	}
	for key := range h {
		if sameName(key, canonical) {
			return true
		}
	}
	return false
}

// credentialOf returns the credential id of an Authorization header, and what follows it
// in the credential scope: "TC3-HMAC-SHA256 Credential=id/date/service/tc3_request, …".
// Both are empty for any other header, such as "SKIP".
func credentialOf(authorization string) (id, scope string) {
	const scheme, field = "TC3-HMAC-SHA256 ", "Credential="
	rest, ok := strings.CutPrefix(authorization, scheme)
	if !ok {
		return "", ""
	}
	// Every known signer writes this field first: then no search is needed.
	scope, ok = strings.CutPrefix(rest, field)
	if !ok {
		_, scope, _ = strings.Cut(rest, field)
	}
	slash := strings.IndexByte(scope, '/')
	if slash <= 0 || slash > maxCredentialLen {
		return "", ""
	}
	return scope[:slash], scope[slash+1:]
}

// SignedAction returns the action and the credential id of a request that has both in
// headers with canonical keys, as nearly every request does. ok is false for any other
// request: Identify reads it.
func SignedAction(h http.Header) (action, credential string, ok bool) {
	action, authorization := first(h[headerAction]), first(h[HeaderAuthorization])
	if action == "" || authorization == "" {
		return "", "", false
	}
	credential, _ = credentialOf(authorization)
	return Name(action), credential, true
}

// scopeService returns the service in a scope such as "date/service/tc3_request, …", ""
// if the scope is malformed.
func scopeService(scope string) string {
	_, scope, _ = strings.Cut(scope, "/")
	service, scope, _ := strings.Cut(scope, "/")
	rest, ok := strings.CutPrefix(scope, "tc3_request")
	if !ok || rest != "" && rest[0] != ',' && rest[0] != ' ' {
		return ""
	}
	return service
}

// hostService returns the first label of the request's host if that host is one of the
// API's. The Host header takes precedence over the address that is dialled: a proxy in
// between changes the address only.
func hostService(req *http.Request) string {
	if service := HostService(req.Host); service != "" {
		return service
	}
	if req.URL == nil || req.URL.Host == req.Host {
		return ""
	}
	return HostService(req.URL.Host)
}

// HostService returns the first label of an API host, "" for any other host.
func HostService(host string) string {
	label, _, _ := strings.Cut(apiSubdomain(host), ".")
	return strings.ToLower(Name(label))
}

// apiSubdomain returns what precedes the domain in an API host, with or without
// a port, "" for any other host.
func apiSubdomain(host string) string {
	// Nearly every host ends this way, and needs none of the steps below.
	if sub, ok := strings.CutSuffix(host, apiDomains[0]); ok {
		return sub
	}
	if port := strings.LastIndexByte(host, ':'); port >= 0 {
		host = host[:port]
	}
	host = strings.TrimSuffix(host, ".")
	for _, domain := range apiDomains {
		if at := len(host) - len(domain); at > 0 && strings.EqualFold(host[at:], domain) {
			return host[:at]
		}
	}
	return ""
}

// nameBytes are the bytes of which names of services, actions and regions consist.
var nameBytes = func() (set [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") {
		set[c] = true
	}
	return set
}()

// Name returns s if it can be the name of a service, an action or a region, and ""
// otherwise. Names become labels of metrics and fields of logs, where anything else does
// harm.
func Name(s string) string {
	if len(s) > maxNameLen {
		return ""
	}
	for i := range len(s) {
		if !nameBytes[s[i]] {
			return ""
		}
	}
	return s
}

// timestamp parses Unix seconds in decimal digits. It returns the zero time for anything
// else.
func timestamp(s string) time.Time {
	var seconds int64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return time.Time{}
		}
		if seconds = seconds*10 + int64(s[i]-'0'); seconds > maxTimestamp {
			return time.Time{}
		}
	}
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}
