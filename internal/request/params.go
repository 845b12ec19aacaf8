package request

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/tcretry/tcretry/internal/bodies"
)

// MaxForm is the API's limit for a form, in bytes: it rejects a longer one.
const MaxForm = 1 << 20

// params are the parameters of a query or a form that this package needs, as
// url.Values.Get returns them: the first of each name, decoded.
type params struct {
	action, region, timestamp, secretID, signature string
	// clientToken is the last of its name, as in JSON.
	clientToken string
	foreign     bool // it has the key id of another vendor's API
}

// signed reports whether the parameters are those of a signed v1 request. Without
// the SecretId, which is the API's own name, a signature may be for the API of
// another vendor that has an Action too.
func (p params) signed() bool {
	return p.action != "" && (p.secretID != "" || p.signature != "" && !p.foreign)
}

// paramsOf returns the parameters in the query of a GET or the form of a POST. It ignores
// the query of a POST, as the API does.
func paramsOf(req *http.Request) params {
	switch req.Method {
	case "", http.MethodGet:
		if req.URL == nil {
			return params{}
		}
		return parseParams(req.URL.RawQuery)
	case http.MethodPost:
		if MediaType(req) != "application/x-www-form-urlencoded" {
			return params{}
		}
		form, ok := copyOfBody(req, MaxForm)
		if !ok {
			return params{}
		}
		return parseParams(form)
	}
	return params{}
}

// parseParams parses as url.ParseQuery does, without building the map: a batch action has
// thousands of parameters, of which this package needs seven.
func parseParams(raw string) params {
	var p params
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		key, value, _ := strings.Cut(pair, "=")
		switch key {
		case "Action":
			setFirst(&p.action, value)
		case "Region":
			setFirst(&p.region, value)
		case "Timestamp":
			setFirst(&p.timestamp, value)
		case "SecretId":
			setFirst(&p.secretID, value)
		case "Signature":
			setFirst(&p.signature, value)
		case "ClientToken":
			p.clientToken = unescape(value)
		case "AccessKeyId", "AWSAccessKeyId", "Accesskey", "PublicKey":
			// Of Alibaba Cloud, AWS, Kingsoft Cloud and UCloud.
			p.foreign = true
		}
	}
	return p
}

func setFirst(field *string, value string) {
	if *field == "" {
		*field = unescape(value)
	}
}

// unescape decodes a value, "" if it is malformed.
func unescape(value string) string {
	s, err := url.QueryUnescape(value)
	if err != nil {
		return ""
	}
	return s
}

// MediaType returns the type of the body in lower case, without parameters.
func MediaType(req *http.Request) string {
	// The type is valid even when a parameter is malformed.
	t, _, _ := mime.ParseMediaType(contentType(req))
	return t
}

func contentType(req *http.Request) string {
	value := first(req.Header["Content-Type"])
	if value == "" {
		for key, values := range req.Header {
			if sameName(key, "Content-Type") {
				value = first(values)
			}
		}
	}
	return value
}

// copyOfBody returns a copy of the body. ok is false without GetBody, if reading fails,
// and if the body has more than limit bytes.
func copyOfBody(req *http.Request, limit int64) (string, bool) {
	if req.GetBody == nil {
		return "", false
	}
	body, err := bodies.Fresh(req)
	if err != nil {
		return "", false
	}
	defer body.Close()
	var b strings.Builder
	n, err := io.Copy(&b, io.LimitReader(body, limit+1))
	return b.String(), err == nil && n <= limit
}
