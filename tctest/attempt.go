package tctest

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// An Attempt is one attempt as the API received it. Its Header and Body are shared
// with the API: do not change them.
type Attempt struct {
	// Number counts the attempts of all actions from 1, in the order of their arrival.
	Number int
	// Time is when the whole attempt had arrived.
	Time time.Time

	Method string
	// URL is the request's, with the signature of a v1 GET redacted.
	URL string
	// Host is the access host.
	Host string
	// Header is the request's, with Authorization and X-TC-Token redacted.
	Header http.Header
	// Body is the request's, unchanged.
	Body []byte

	// Service is the first label of the host if that is one of the API's, and else
	// the service of the signature's scope.
	Service string
	// Action, Version and Region are read from the header, from the query of a v1
	// GET or from the body of a v1 POST.
	Action  string
	Version string
	Region  string
	// ClientToken is the parameter of that name.
	ClientToken string
	// SecretID is the id of the credential that signed, "" without a signature.
	SecretID string

	// RequestID is the id in the response.
	RequestID string
	// Reply is the name of the function that made the reply: "OK",
	// "DropAfterExecution", …, or "RateLimit" for an attempt over that limit.
	Reply string
	// Status is the HTTP status of the response, 0 without one.
	Status int
	// Code is the error code in the response, "" without one.
	Code string
	// Executed reports whether this attempt was executed.
	Executed bool
}

const redacted = "REDACTED"

// secretHeaders are redacted in an Attempt.
var secretHeaders = []string{"Authorization", "X-TC-Token"}

// readAttempt returns what a request and its body hold.
func readAttempt(req *http.Request, body []byte) Attempt {
	c := Attempt{Method: req.Method, Host: req.Host, Header: req.Header.Clone(), Body: body}
	if c.Host == "" {
		c.Host = req.URL.Host
	}
	if c.Method == "" {
		c.Method = http.MethodGet
	}
	params := parameters(req, body)
	auth := parseAuthorization(headerValue(req.Header, "Authorization"))
	c.Action = headerValue(req.Header, "X-TC-Action")
	if c.Action != "" {
		c.Version = headerValue(req.Header, "X-TC-Version")
		c.Region = headerValue(req.Header, "X-TC-Region")
		c.SecretID = auth.secretID
	} else {
		c.Action, c.Version, c.Region = params["Action"], params["Version"], params["Region"]
		c.SecretID = params["SecretId"]
	}
	c.ClientToken = params["ClientToken"]
	c.Service = serviceOf(c.Host, auth.service)
	c.URL = redactURL(req.URL)
	for key := range c.Header {
		for _, secret := range secretHeaders {
			if strings.EqualFold(key, secret) {
				c.Header[key] = []string{redacted}
			}
		}
	}
	return c
}

// headerValue returns the value of a header whatever the case of its key: some clients
// store "X-TC-Action" without http.Header.Set, and Get does not find it.
func headerValue(h http.Header, key string) string {
	if v := h.Get(key); v != "" {
		return v
	}
	for k, v := range h {
		if strings.EqualFold(k, key) && len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// parameters are the top-level parameters of an attempt that are texts: of the
// query for a GET, of the body else.
func parameters(req *http.Request, body []byte) map[string]string {
	params := map[string]string{}
	if req.Method == http.MethodGet || req.Method == "" {
		addValues(params, req.URL.Query())
		return params
	}
	mediaType, attrs, _ := mime.ParseMediaType(headerValue(req.Header, "Content-Type"))
	switch mediaType {
	case "application/x-www-form-urlencoded":
		if values, err := url.ParseQuery(string(body)); err == nil {
			addValues(params, values)
		}
	case "multipart/form-data":
		form, err := multipart.NewReader(bytes.NewReader(body), attrs["boundary"]).ReadForm(10 << 20)
		if err == nil {
			addValues(params, form.Value)
			_ = form.RemoveAll()
		}
	default:
		addJSON(params, body)
	}
	return params
}

// addValues adds the first value of each key: a parsed query or form has one.
func addValues(params map[string]string, values map[string][]string) {
	for k, v := range values {
		params[k] = v[0]
	}
}

// addJSON adds the strings of a JSON object; any other body has no parameters.
func addJSON(params map[string]string, body []byte) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return
	}
	for k, raw := range fields {
		var text string
		if json.Unmarshal(raw, &text) == nil {
			params[k] = text
		}
	}
}

// serviceOf returns the first label of a host of the API's, or else the service of
// the credential scope.
func serviceOf(host, scope string) string {
	name, _, _ := strings.Cut(host, ":")
	for _, domain := range []string{".tencentcloudapi.com", ".tencentcloudapi.cn", ".tencentcloudapi.com.cn"} {
		if strings.HasSuffix(name, domain) {
			label, _, _ := strings.Cut(name, ".")
			return label
		}
	}
	return scope
}

// redactURL returns the URL without the secrets of a v1 signature.
func redactURL(u *url.URL) string {
	if u.RawQuery == "" {
		return u.String()
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
	}
	found := false
	for _, key := range []string{"Signature", "Token"} {
		if query.Has(key) {
			query.Set(key, redacted)
			found = true
		}
	}
	if !found {
		return u.String()
	}
	clean := *u
	clean.RawQuery = query.Encode()
	return clean.String()
}

// dialAction returns the action of a request whose body must not be read yet. It is ""
// if only the body holds it and there is no GetBody.
func dialAction(req *http.Request) string {
	if c := readAttempt(req, nil); c.Action != "" || req.GetBody == nil {
		return c.Action
	}
	rc, err := req.GetBody()
	if err != nil {
		return ""
	}
	defer rc.Close()
	body, err := io.ReadAll(rc)
	if err != nil {
		return ""
	}
	return readAttempt(req, body).Action
}
