package request

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/tcretry/tcretry/internal/bodies"
)

// MaxTokenBody is the API's limit for a body, in bytes: it rejects a longer one.
const MaxTokenBody = 10 << 20

// Idempotent reports whether executing the request twice has the same effect as executing
// it once: see tcretry.Idempotent. service is used if the request does not name its
// service; "" is unknown.
func Idempotent(req *http.Request, service string) bool {
	if hasIdempotencyKey(req.Header) {
		return true
	}
	id := Identify(req)
	id.Service = cmp.Or(id.Service, service)
	switch {
	case !id.api:
		return safeMethod(req.Method)
	case id.Action == "":
		return false
	case readsByName(id.Action):
		return ReadOnly(id.Service, id.Action)
	}
	return !ignoresToken(id.Service, id.Action) && strings.TrimSpace(clientToken(req)) != ""
}

// hasIdempotencyKey reports whether the header has a key that identifies the
// request, with or without a value and without regard to case. The constant that the
// official SDK sends is the same in every request, and so identifies none.
// Source: completeRequest of its common/client.go, v1.3.166.
func hasIdempotencyKey(h http.Header) bool {
	for key, values := range h {
		if sameName(key, "Idempotency-Key") ||
			sameName(key, "X-Idempotency-Key") && !(len(values) == 1 && values[0] == "x") {
			return true
		}
	}
	return false
}

// safeMethod is the rule of net/http's Request.isReplayable.
func safeMethod(method string) bool {
	switch method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// readPrefixes are the words with which the names of read-only actions begin.
var readPrefixes = [...]string{"Check", "Describe", "Get", "Inquire", "Inquiry", "List", "Query", "Search"}

// readsByName reports whether the first word of the action is one of readPrefixes.
func readsByName(action string) bool {
	for _, prefix := range readPrefixes {
		rest, ok := strings.CutPrefix(action, prefix)
		if ok && (rest == "" || rest[0] >= 'A' && rest[0] <= 'Z') {
			return true
		}
	}
	return false
}

// exception is an action that is not read-only although its name begins like one.
type exception struct {
	service, action string
	reason          string
}

// writers are the actions that are not read-only although their names begin with one of
// readPrefixes. Sorted.
var writers = [...]exception{
	{"cpdp", "CheckAcct", "verifies a bank card for withdrawals: wrong and repeated tries are counted"},
	{"cpdp", "CheckAmount", "verifies an amount that was paid in for it: tries are counted"},
	{"tcss", "Describe*Export*", "starts an export; DescribeExportJob… only reads the state of one"},
	{"vod", "DescribeFileAttributes", "starts a task that computes them"},
}

// ReadOnly reports whether the action is read-only by its name.
func ReadOnly(service, action string) bool {
	return readsByName(action) && !writesDespiteName(service, action)
}

func writesDespiteName(service, action string) bool {
	return slices.ContainsFunc(writers[:], func(e exception) bool { return e.covers(service, action) })
}

// covers reports whether the exception applies to the action. The service "" may be any:
// if it is unknown whether the action is an exception, the action is not retried. The
// pattern "Describe*Export*" covers the names that begin with Describe and contain Export
// later, with at least one letter in between.
func (e exception) covers(service, action string) bool {
	if service != "" && service != e.service {
		return false
	}
	prefix, rest, pattern := strings.Cut(e.action, "*")
	if !pattern {
		return action == e.action
	}
	tail, ok := strings.CutPrefix(action, prefix)
	return ok && tail != "" && strings.Contains(tail[1:], strings.TrimSuffix(rest, "*"))
}

// clientToken returns the ClientToken in the query, the form, the JSON object or the
// multipart body that holds the parameters of the request, "" if there is none.
func clientToken(req *http.Request) string {
	if req.Method == http.MethodPost {
		switch MediaType(req) {
		case "application/json":
			return jsonClientToken(req)
		case "multipart/form-data":
			return multipartClientToken(req)
		}
	}
	return paramsOf(req).clientToken
}

// jsonClientToken reads a copy of the body as a stream: of up to 10 MiB, it needs one
// short string. A body that the API would reject has no token.
func jsonClientToken(req *http.Request) string {
	if req.GetBody == nil {
		return ""
	}
	body, err := bodies.Fresh(req)
	if err != nil {
		return ""
	}
	defer body.Close()
	limited := &io.LimitedReader{R: body, N: MaxTokenBody + 1}
	dec := json.NewDecoder(limited)
	dec.UseNumber() // a number that is too large for a float64 is valid, too
	token, ok := scanClientToken(dec)
	if !ok || limited.N <= 0 {
		return ""
	}
	return token
}

// scanClientToken reads the input to its end, because the last of two members with the
// same name counts. ok is false for anything but one whole object.
func scanClientToken(dec *json.Decoder) (token string, ok bool) {
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return "", false
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return "", false
		}
		value, err := nextString(dec)
		if err != nil {
			return "", false
		}
		if key == "ClientToken" {
			token = value
		}
	}
	if _, err := dec.Token(); err != nil {
		return "", false
	}
	_, err := dec.Token()
	return token, err == io.EOF
}

// nextString reads one value and returns it, "" if it is not a string.
func nextString(dec *json.Decoder) (string, error) {
	value, err := dec.Token()
	for depth := delta(value); depth > 0 && err == nil; {
		var t json.Token
		t, err = dec.Token()
		depth += delta(t)
	}
	s, _ := value.(string)
	return s, err
}

// delta returns by how much the token changes the depth of nesting.
func delta(t json.Token) int {
	switch t {
	case json.Delim('{'), json.Delim('['):
		return 1
	case json.Delim('}'), json.Delim(']'):
		return -1
	}
	return 0
}
