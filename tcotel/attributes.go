package tcotel

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/tcretry/tcretry"
)

// The attributes that the conventions have no name for.
const (
	classKey      = attribute.Key("tcretry.class")
	stopReasonKey = attribute.Key("tcretry.stop_reason")
	attemptsKey   = attribute.Key("tcretry.attempts")
	delayKey      = attribute.Key("tcretry.delay")           // seconds
	waitedKey     = attribute.Key("tcretry.waited")          // seconds, of a call
	limitWaitKey  = attribute.Key("tcretry.rate_limit_wait") // seconds
	waitKindKey   = attribute.Key("tcretry.wait.kind")       // backoff, budget or rate_limit
	requestIDKey  = attribute.Key("tencentcloud.request_id")
)

// other stands for every value over a limit, as the conventions want it.
const other = "_OTHER"

// system is the value of rpc.system.name: the conventions name none for this API.
const system = "tencentcloud"

var systemName = semconv.RPCSystemNameKey.String(system)

func attemptAttributes(i tcretry.AttemptInfo) []attribute.KeyValue {
	attrs := []attribute.KeyValue{classKey.String(i.Class.String())}
	if i.RateLimitWait > 0 {
		attrs = append(attrs, limitWaitKey.Float64(i.RateLimitWait.Seconds()))
	}
	return append(attrs, responseAttributes(i.Code, i.RequestID, i.Status)...)
}

func retryAttributes(i tcretry.RetryInfo) []attribute.KeyValue {
	return append([]attribute.KeyValue{
		classKey.String(i.Class.String()),
		delayKey.Float64(i.Delay.Seconds()),
	}, responseAttributes(i.Code, i.RequestID, i.Status)...)
}

func callAttributes(i tcretry.CallInfo) []attribute.KeyValue {
	attrs := []attribute.KeyValue{stopReasonKey.String(i.Reason.String()), attemptsKey.Int(i.Attempts)}
	if i.Waited > 0 {
		attrs = append(attrs, waitedKey.Float64(i.Waited.Seconds()))
	}
	return append(attrs, responseAttributes(i.Code, i.RequestID, i.Status)...)
}

// responseAttributes are the attributes of a response that are known.
func responseAttributes(code, requestID string, status int) []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, 3)
	if code != "" {
		attrs = append(attrs, semconv.RPCResponseStatusCode(code))
	}
	if requestID != "" {
		attrs = append(attrs, requestIDKey.String(requestID))
	}
	if status != 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(status))
	}
	return attrs
}

// failureOf is the error.type of an attempt, "" if it did not fail.
func failureOf(class tcretry.Class, code string, status int, err error) string {
	switch {
	case class == tcretry.Success:
		return ""
	case code != "":
		return code
	}
	if ended := endedBy(err); ended != "" {
		return ended
	}
	if status >= http.StatusBadRequest {
		return strconv.Itoa(status)
	}
	return class.String()
}

// callFailure is the error.type of a call, "" if it did not fail.
func callFailure(i tcretry.CallInfo) string {
	switch {
	case i.Reason == tcretry.StopSuccess:
		return ""
	case i.Reason == tcretry.StopCanceled:
		return cmp.Or(endedBy(i.Err), "canceled") // by a cause of the caller's own
	case i.Class == tcretry.Undecided:
		return i.Reason.String()
	}
	return failureOf(i.Class, i.Code, i.Status, i.Err)
}

// endedBy returns whether a deadline or the caller ended what returned err, or "".
func endedBy(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return ""
}

// maxText is the longest text of an error, in bytes.
const maxText = 256

// description is the text of a failure: the message of the API, or the error without
// the address that a *url.Error has, because the query of a GET is signed.
func description(message string, err error) string {
	if err == nil {
		return message
	}
	var address *url.Error
	if errors.As(err, &address) && address.Err != nil {
		err = address.Err
	}
	text := err.Error()
	return strings.ToValidUTF8(text[:min(len(text), maxText)], "")
}
