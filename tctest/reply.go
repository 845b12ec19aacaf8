package tctest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tcretry/tcretry/tctest/internal/stream"
)

// A Reply is what the API does with one attempt. Replies are values: one may be used
// for several actions and APIs, and the functions that take a Reply return a changed
// copy.
type Reply struct {
	// name is that of the function that made the reply, for Attempt.Reply.
	name string
	kind kind
	// executed reports whether the API executes the attempt.
	executed bool
	status   int
	header   http.Header
	trailer  http.Header
	code     string
	// data is the result of an execution; a second attempt with the same
	// ClientToken gets that of the first.
	data any
	// parts returns the body for a RequestId and a result.
	parts func(requestID string, data any) ([]stream.Part, error)
	// delay is the time before the first byte of the response.
	delay    time.Duration
	encoding string
	chunked  bool
	// cut reports whether the body ends in an error after keep bytes.
	cut     bool
	keep    int
	handler http.Handler
	// pick, if set, returns the reply to each attempt; all other fields are unset.
	pick func(Attempt) Reply
}

// kind is what happens to the connection.
type kind uint8

const (
	// respond: a response is sent, by Truncate only a part of it.
	respond kind = iota
	// refuse: the connection is not made.
	refuse
	// drop: the connection is closed without a response.
	drop
	// reset: the connection is reset in the middle of the response's headers.
	reset
	// serve: the handler responds.
	serve
)

// OK replies with a success: executed, status 200, the envelope
// {"Response":{…data…,"RequestId":"…"}}. The data is a map or a struct that
// encoding/json encodes as an object; nil means no data.
func OK(data any) Reply {
	return Reply{
		name: "OK", status: http.StatusOK, executed: true, data: data, header: jsonHeader(),
		parts: func(id string, data any) ([]stream.Part, error) { return single(envelope(nil, data, id)) },
	}
}

// Fail replies with an error of the API: not executed, status 200, the envelope
// {"Response":{"Error":{"Code":…,"Message":…},"RequestId":"…"}}.
func Fail(code, message string) Reply {
	a := FailTask(code, message, nil)
	a.name, a.executed = "Fail", false
	return a
}

// FailTask replies with the report of a failed task: executed, status 200, an error
// and data beside it, as in lkeap's GetSplitDocumentResult.
func FailTask(code, message string, data any) Reply {
	return Reply{
		name: "FailTask", status: http.StatusOK, executed: true, code: code, data: data, header: jsonHeader(),
		parts: func(id string, data any) ([]stream.Part, error) {
			return single(envelope(&apiError{Code: code, Message: message}, data, id))
		},
	}
}

// Throttle replies as the API does over a rate limit: not executed, status 200, code
// RequestLimitExceeded, and a message with the count 21 and the limit 20.
func Throttle(opts ...ThrottleOption) Reply {
	t := throttle{count: 21, limit: 20}
	for _, o := range opts {
		o(&t)
	}
	a := Fail(t.code(), t.message())
	a.name = "Throttle"
	return a
}

// Status replies with an HTTP status and a body that is sent unchanged: not executed. The Content-Type follows from the body's first byte: HTML, JSON or
// plain text. See [Header] for a Retry-After.
func Status(status int, body string) Reply {
	contentType := "text/plain; charset=utf-8"
	switch trimmed := strings.TrimSpace(body); {
	case strings.HasPrefix(trimmed, "<"):
		contentType = "text/html"
	case strings.HasPrefix(trimmed, "{"):
		contentType = "application/json"
	}
	a := RawBody(contentType, []byte(body))
	a.name, a.status, a.executed = "Status", status, false
	return a
}

// GatewayError replies with the HTML page of the gateway in front of the API, for a
// status such as 502: not executed. [AfterExecution] makes it the page of a gateway
// that lost the response.
func GatewayError(status int) Reply {
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	a := Status(status, "<html>\r\n<head><title>"+text+"</title></head>\r\n<body>\r\n<center><h1>"+text+
		"</h1></center>\r\n<hr><center>stgw</center>\r\n</body>\r\n</html>\r\n")
	a.name = "GatewayError"
	return a
}

// RawBody replies with status 200 and a body that is sent unchanged: executed.
func RawBody(contentType string, body []byte) Reply {
	return Reply{
		name: "RawBody", status: http.StatusOK, executed: true, header: http.Header{"Content-Type": {contentType}},
		parts: func(string, any) ([]stream.Part, error) { return single(body, nil) },
	}
}

// Stream replies with an event stream: executed, chunked, one "data:" line per event,
// one event per interval. [Header] sets another Content-Type, such as one with
// parameters.
func Stream(interval time.Duration, events ...string) Reply {
	header := http.Header{"Content-Type": {"text/event-stream"}, "Cache-Control": {"no-cache"}}
	return Reply{
		name: "Stream", status: http.StatusOK, executed: true, chunked: true, header: header,
		parts: func(string, any) ([]stream.Part, error) {
			parts := make([]stream.Part, len(events))
			for i, event := range events {
				parts[i].Data = []byte("data: " + event + "\n\n")
				if i > 0 {
					parts[i].Wait = interval
				}
			}
			return parts, nil
		},
	}
}

// DropBeforeExecution closes the connection before execution, without a response.
func DropBeforeExecution() Reply { return Reply{name: "DropBeforeExecution", kind: drop} }

// DropAfterExecution closes the connection after execution, without a response.
func DropAfterExecution() Reply { return Reply{name: "DropAfterExecution", kind: drop, executed: true} }

// ResetInHeaders resets the connection after execution, in the middle of the
// response's headers.
func ResetInHeaders() Reply { return Reply{name: "ResetInHeaders", kind: reset, executed: true} }

// RefuseConnection refuses the connection: nothing is sent. In memory that needs the
// action before the body is read: from the header, the query or GetBody. Over a socket
// or a pipe, where the connection exists before the action arrives, and as the result
// of a [Func], RefuseConnection does the same as [DropBeforeExecution].
func RefuseConnection() Reply { return Reply{name: "RefuseConnection", kind: refuse} }

// Func replies to each attempt with what pick returns for it. pick is called from many
// goroutines. The fields of the Attempt that describe the response are not set yet.
func Func(pick func(Attempt) Reply) Reply { return Reply{pick: pick} }

// HandlerFunc replies by calling a handler: executed. The handler can read the whole
// body of the request.
func HandlerFunc(h http.HandlerFunc) Reply {
	return Reply{name: "HandlerFunc", kind: serve, executed: true, status: http.StatusOK, handler: h}
}

// apiError is the API's form of an error.
type apiError struct {
	Code    string
	Message string
}

// envelope returns the body {"Response":{…}}. The RequestId is last, as in most
// responses of the API.
func envelope(failure *apiError, data any, requestID string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"Response":{`)
	if failure != nil {
		encoded, err := json.Marshal(failure)
		if err != nil {
			return nil, err
		}
		b.WriteString(`"Error":`)
		b.Write(encoded)
		b.WriteByte(',')
	}
	if data != nil {
		encoded, err := json.Marshal(data)
		if err != nil {
			return nil, err
		}
		fields, found := bytes.CutPrefix(encoded, []byte("{"))
		if !found {
			return nil, fmt.Errorf("tctest: data %.40q is not an object", encoded)
		}
		if fields = bytes.TrimSuffix(fields, []byte("}")); len(fields) > 0 {
			b.Write(fields)
			b.WriteByte(',')
		}
	}
	fmt.Fprintf(&b, `"RequestId":%q}}`, requestID)
	return b.Bytes(), nil
}

func single(data []byte, err error) ([]stream.Part, error) { return []stream.Part{{Data: data}}, err }

func jsonHeader() http.Header { return http.Header{"Content-Type": {"application/json"}} }
