package request

import (
	"cmp"
	"net/http"
	"strings"
	"time"
)

// Operation is what a request asks for: see tcretry.Target.
type Operation struct {
	Service string
	Action  string
	Region  string
	Host    string
	Method  string
}

// Identity is what a request tells of itself. Fields that it does not tell, or
// tells in a form that the API would refuse, are empty. The strings are parts
// of the request's own: whoever keeps one for longer than the call clones it.
type Identity struct {
	Operation
	// signedAt is the time that was signed; zero when nothing above us signed.
	SignedAt time.Time
	// credential is the id, never the key, of who signed, even if the rest of its
	// scope is malformed. A key of maps, not to be shown.
	Credential string
	// api says that something marks the request as one to the API: an action,
	// readable or not, an API host or a credential scope.
	api bool
}

// The headers that identify reads, in the form that net/http gives them.
const (
	headerAction        = "X-Tc-Action"
	headerRegion        = "X-Tc-Region"
	headerTimestamp     = "X-Tc-Timestamp"
	HeaderAuthorization = "Authorization"
)

// apiDomains are the parents of the API's hosts: tencent-api.md section 1, and
// for the last one, that of API 2.0, section 2. The first is by far the most
// frequent.
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

// Identify reads the headers first and, without an action there, the v1
// parameters: the query of a GET, the form of a POST. It reads the form through
// GetBody only, so the body stays where it is. Safe for any request.
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

// addParams fills in what v1 parameters tell and headers did not.
func (id *Identity) addParams(p params) {
	id.api = id.api || p.action != ""
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

// headerValues are the identifying headers as they stand in the request.
type headerValues struct{ action, region, timestamp, authorization string }

// identifyingHeaders looks the headers up by their canonical keys and, if one
// is missing, goes through all of them once without regard to case: the Go SDK
// before v1.3.0 stored "X-TC-Action", which http.Header.Get does not find.
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

// sameName compares lengths first: of a dozen headers, few get further.
func sameName(key, canonical string) bool {
	return len(key) == len(canonical) && strings.EqualFold(key, canonical)
}

// HasHeader reports whether the header is there, with or without a value and
// without regard to case.
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

// credentialOf takes the credential id out of an Authorization header, and what
// follows it of the credential's scope:
// "TC3-HMAC-SHA256 Credential=id/date/service/tc3_request, …". Both are empty for
// any other header, such as "SKIP".
func credentialOf(authorization string) (id, scope string) {
	const scheme, field = "TC3-HMAC-SHA256 ", "Credential="
	rest, ok := strings.CutPrefix(authorization, scheme)
	if !ok {
		return "", ""
	}
	// The field comes first with every known signer: no search then.
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

// SignedAction returns the action and the credential id of a request that has them in
// headers with canonical keys, as nearly every one does; ok is false for another, whose
// identity tells.
func SignedAction(h http.Header) (action, credential string, ok bool) {
	action, authorization := first(h[headerAction]), first(h[HeaderAuthorization])
	if action == "" || authorization == "" {
		return "", "", false
	}
	credential, _ = credentialOf(authorization)
	return Name(action), credential, true
}

// scopeService returns the service of a scope: "date/service/tc3_request, …".
func scopeService(scope string) string {
	_, scope, _ = strings.Cut(scope, "/")
	service, scope, _ := strings.Cut(scope, "/")
	rest, ok := strings.CutPrefix(scope, "tc3_request")
	if !ok || rest != "" && rest[0] != ',' && rest[0] != ' ' {
		return ""
	}
	return service
}

// hostService returns the first label of the host the request is meant for, if
// that host is one of the API's. The Host header comes before the address that
// is dialled: a proxy in between changes the address only.
func hostService(req *http.Request) string {
	if service := serviceLabel(req.Host); service != "" {
		return service
	}
	if req.URL == nil || req.URL.Host == req.Host {
		return ""
	}
	return serviceLabel(req.URL.Host)
}

// serviceLabel returns the first label of an API host, "" for any other host.
func serviceLabel(host string) string {
	label, _, _ := strings.Cut(apiSubdomain(host), ".")
	return strings.ToLower(Name(label))
}

// apiSubdomain returns what precedes the domain in an API host, with or without
// a port, "" for any other host.
func apiSubdomain(host string) string {
	// Nearly every host ends so, and needs none of the steps below.
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

// nameBytes are what names of services, actions and regions consist of.
var nameBytes = func() (set [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") {
		set[c] = true
	}
	return set
}()

// Name returns s if it can be the name of a service, an action or a region:
// they go into metrics and logs, where anything else does harm.
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

// timestamp reads Unix seconds in decimal digits; anything else is no time.
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
