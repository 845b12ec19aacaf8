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

// An Reply is what the API does with one attempt. Answers are values: one may
// be given to several actions and APIs, and the functions that take an Answer
// return a changed copy.
type Reply struct {
	// name is the function that made the answer, for the record of calls.
	name string
	kind kind
	// executed says that the API does what the attempt asks for.
	executed bool
	status   int
	header   http.Header
	trailer  http.Header
	code     string
	// data is the result of an execution; a repeated ClientToken is answered
	// with that of the first.
	data any
	// parts makes the body, once the RequestId and the result are known.
	parts func(requestID string, data any) ([]stream.Part, error)
	// delay is the time before the first byte of the answer.
	delay    time.Duration
	encoding string
	chunked  bool
	// cut says that the body ends, in an error, after keep bytes.
	cut     bool
	keep    int
	handler http.Handler
	// pick, if set, makes the answer anew for each attempt; all else is unset.
	pick func(Attempt) Reply
}

// kind is what becomes of the connection.
type kind uint8

const (
	// respond: an answer is sent, as far as Truncate lets it.
	respond kind = iota
	// refuse: the connection is not made.
	refuse
	// drop: the connection is closed without an answer.
	drop
	// reset: the connection is reset in the middle of the answer's headers.
	reset
	// serve: the handler answers.
	serve
)

// OK answers with a success: executed, status 200, the envelope
// {"Response":{…data…,"RequestId":"…"}}. The data is a map or a struct that
// encoding/json makes an object of; nil means no data.
func OK(data any) Reply {
	return Reply{
		name: "OK", status: http.StatusOK, executed: true, data: data, header: jsonHeader(),
		parts: func(id string, data any) ([]stream.Part, error) { return one(envelope(nil, data, id)) },
	}
}

// Fail answers with an error of the API: not executed, status 200, the envelope
// {"Response":{"Error":{"Code":…,"Message":…},"RequestId":"…"}}.
func Fail(code, message string) Reply {
	a := FailTask(code, message, nil)
	a.name, a.executed = "Fail", false
	return a
}

// FailTask answers with the report of a failed task: executed, status 200, an
// error with data beside it, as lkeap's GetSplitDocumentResult has it.
func FailTask(code, message string, data any) Reply {
	return Reply{
		name: "FailTask", status: http.StatusOK, executed: true, code: code, data: data, header: jsonHeader(),
		parts: func(id string, data any) ([]stream.Part, error) {
			return one(envelope(&apiError{Code: code, Message: message}, data, id))
		},
	}
}

// Throttle answers as the API does over a quota: not executed, status 200, code
// RequestLimitExceeded, and the text with the count 21 and the limit 20.
func Throttle(opts ...ThrottleOption) Reply {
	t := throttle{count: 21, limit: 20}
	for _, o := range opts {
		o(&t)
	}
	a := Fail(t.code(), t.message())
	a.name = "Throttle"
	return a
}

// Status answers with an HTTP status and a body that is sent as it is: not
// executed. The Content-Type follows from the body's first byte: HTML, JSON or
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

// GatewayError answers with the HTML page of the gateway before the API, for a
// status such as 502: not executed. [Executed] makes it the page of a gateway
// that lost the answer.
func GatewayError(status int) Reply {
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	a := Status(status, "<html>\r\n<head><title>"+text+"</title></head>\r\n<body>\r\n<center><h1>"+text+
		"</h1></center>\r\n<hr><center>stgw</center>\r\n</body>\r\n</html>\r\n")
	a.name = "Gateway"
	return a
}

// RawBody answers with status 200 and a body that is sent as it is: executed.
func RawBody(contentType string, body []byte) Reply {
	return Reply{
		name: "RawBody", status: http.StatusOK, executed: true, header: http.Header{"Content-Type": {contentType}},
		parts: func(string, any) ([]stream.Part, error) { return one(body, nil) },
	}
}

// Stream answers with an event stream: executed, chunked, one "data:" line an
// event, every apart. [Header] sets another Content-Type, such as one with
// parameters.
func Stream(every time.Duration, events ...string) Reply {
	header := http.Header{"Content-Type": {"text/event-stream"}, "Cache-Control": {"no-cache"}}
	return Reply{
		name: "Stream", status: http.StatusOK, executed: true, chunked: true, header: header,
		parts: func(string, any) ([]stream.Part, error) {
			parts := make([]stream.Part, len(events))
			for i, event := range events {
				parts[i].Data = []byte("data: " + event + "\n\n")
				if i > 0 {
					parts[i].Wait = every
				}
			}
			return parts, nil
		},
	}
}

// DropBeforeExecution closes the connection before execution, without an answer.
func DropBeforeExecution() Reply { return Reply{name: "DropBefore", kind: drop} }

// DropAfterExecution closes the connection after execution, without an answer.
func DropAfterExecution() Reply { return Reply{name: "DropAfter", kind: drop, executed: true} }

// ResetInHeaders resets the connection after execution, in the middle of the
// answer's headers.
func ResetInHeaders() Reply { return Reply{name: "ResetInHeaders", kind: reset, executed: true} }

// RefuseConnection refuses the connection: nothing is written. On a socket, where the
// connection exists before the action is known, it is [DropBeforeExecution]; so it is
// when a [Func] says it. In memory it is known before the body is read if the
// request tells its action in the header or the query, or has GetBody.
func RefuseConnection() Reply { return Reply{name: "Refuse", kind: refuse} }

// Func makes the answer for each attempt from what the API saw of it. It is
// called from many goroutines at once. The fields of the Call that tell of the
// answer are not set yet.
func Func(pick func(Attempt) Reply) Reply { return Reply{pick: pick} }

// HandlerFunc answers with a handler of your own: executed. The request's body
// is there to read, however it was read before.
func HandlerFunc(h http.HandlerFunc) Reply {
	return Reply{name: "HandlerFunc", kind: serve, executed: true, status: http.StatusOK, handler: h}
}

// apiError is the API's form of an error.
type apiError struct {
	Code    string
	Message string
}

// envelope is the body {"Response":{…}}, with the RequestId last, as the API
// mostly has it.
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

func one(data []byte, err error) ([]stream.Part, error) { return []stream.Part{{Data: data}}, err }

func jsonHeader() http.Header { return http.Header{"Content-Type": {"application/json"}} }
