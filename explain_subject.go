package tcretry

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/tcretry/tcretry/internal/codes"
	"github.com/tcretry/tcretry/internal/watch"
)

// subject is what is explained: the outcome of an attempt that is like it.
type subject struct {
	key     codes.Key // of a code; the text of all others is its code
	outcome Outcome
	failure *transportError // nil for all others
}

// transportError is a failure of an attempt that has a name.
type transportError struct {
	name string
	// short is a word for it, "" for none.
	short string
	// err is such an error, as net/http returns it.
	err error
	// written says that it comes after the request was sent.
	written bool
	reason  string
}

// transportErrors are the failures that Explain knows by name. The texts are
// those of net/http, so that a name is found in a line of a log.
var transportErrors = [...]transportError{
	{"EOF", "", io.EOF, true, "the connection ended before a response came"},
	{"unexpected EOF", "", io.ErrUnexpectedEOF, true, "the connection ended before the end of the response"},
	{"connection reset by peer", "reset", &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, true, "the connection was reset before a response came"},
	{"broken pipe", "", &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.EPIPE)}, true, "the connection ended while the request was being sent"},
	{"attempt timed out", "timeout", watch.ErrTimeout, true, "no response came within the time of WithAttemptTimeout"},
	{"timeout awaiting response headers", "", errors.New("net/http: timeout awaiting response headers"), true, "no response came within ResponseHeaderTimeout of the http.Transport"},
	{"connection refused", "refused", &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, false, "nothing listens at the address: the request was never sent"},
	{"dial timeout", "", &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}, false, "no connection came about in time: the request was never sent"},
	{"no such host", "dns", &net.DNSError{Err: "no such host", IsNotFound: true}, false, "the name of the host was not resolved: the request was never sent"},
	{"TLS handshake timeout", "tls", errors.New("net/http: TLS handshake timeout"), false, "the TLS handshake took too long: the request was never sent"},
	{"failed to verify certificate", "certificate", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, false, "the certificate of the server is not trusted"},
	{"unsupported protocol scheme", "scheme", errors.New("unsupported protocol scheme"), false, "the URL of the request is wrong"},
	{"REFUSED_STREAM", "", errors.New("stream error: stream ID 1; REFUSED_STREAM; received from peer"), true, "the HTTP/2 server did not process the request (RFC 9113, section 8.7)"},
	{"server's graceful shutdown GOAWAY", "goaway", errors.New("http2: Transport received Server's graceful shutdown GOAWAY"), true, "the HTTP/2 server did not process the request (RFC 9113, section 6.8)"},
}

// subjectOf reads what is to be explained. A code of the catalogue goes first, and so
// does one that is documented and has its message behind it; a text that is none of these is an unknown code.
func subjectOf(text string) subject {
	code, message := cutMessage(text)
	key, err := codes.ParseKey(code)
	if err != nil {
		key = codes.Key{Code: text}
	}
	// Not narrowed means others than those that the rules name.
	s := subject{key: key, outcome: Outcome{
		Operation: Operation{Service: key.Service, Action: key.Action}.known(),
		Response:  &http.Response{StatusCode: http.StatusOK},
		MaybeSent: true,
	}}
	_, _, listed := codes.Entry(key.Code)
	listed = listed || message != ""
	number, notNumber := strconv.Atoi(key.Code)
	failure := transportErrorNamed(text)
	switch {
	case !listed && failure != nil:
		s.key, s.failure = codes.Key{Code: failure.name}, failure
		s.outcome.Response, s.outcome.Err, s.outcome.MaybeSent = nil, failure.err, failure.written
	case notNumber == nil && number >= 100 && number <= 599:
		s.outcome.Response.StatusCode = number
	default:
		// No code at all is one that nobody knows.
		s.outcome.APIError = &APIError{Code: cmp.Or(key.Code, noOther), Message: message}
		if notNumber == nil {
			s.outcome.legacy = number
		}
	}
	return s
}

// transportErrorNamed returns the transport error of a name or a word for it,
// without regard to case, or the one whose name a text with a space holds, such as a line of a log:
// the longest, as "EOF" is a part of another. nil if there is none.
func transportErrorNamed(text string) *transportError {
	var found *transportError
	for i := range transportErrors {
		e := &transportErrors[i]
		if strings.EqualFold(text, e.name) || text != "" && strings.EqualFold(text, e.short) {
			return e
		}
		_, err := codes.ParseKey(text)
		if err != nil && codes.ContainsWords(text, e.name) && (found == nil || len(e.name) > len(found.name)) {
			found = e
		}
	}
	return found
}

// isCode says that the subject is a code of the API, or may be one.
func (s *subject) isCode() bool { return s.outcome.APIError != nil && s.outcome.legacy == 0 }

// because names what decided the class of the subject, and says what is behind it.
func (s *subject) because(r *rules, rule *resolved) (decider, reason string) {
	switch status := s.outcome.Response; {
	case s.failure != nil:
		return "built in, transport error", s.failure.reason
	case s.outcome.APIError == nil:
		text := cmp.Or(http.StatusText(status.StatusCode), "not a registered status")
		return fmt.Sprintf("built in, HTTP status %d", status.StatusCode), text + ": " + statusMeanings[rule.class]
	}
	code, target := s.key.Code, s.outcome.Operation
	table := verdictOf(s.outcome.APIError)
	if _, known := r.ofVerdict(target, code, table); !known && s.outcome.legacy != 0 {
		return "built in, number of API 2.0", legacyMeaning(s.outcome.legacy)
	}
	v := r.variant(target, code)
	_, known := v.resolve(table)
	return v.decider(code, table), meaningOf(code, table, known)
}

// statusMeanings say what an HTTP status without an API error means.
var statusMeanings = [classCount]string{
	Success:   "not an error",
	Terminal:  "another attempt would be refused as well",
	Throttled: "rejected for its rate, before execution",
	Ambiguous: "not from the API but from a gateway in between, and the request may have been executed",
}

// legacyMeaning says what a number of API 2.0 means.
// Source: cloud.tencent.com/document/product/406/5881.
func legacyMeaning(number int) string {
	switch {
	case number == legacyQuota:
		return "API 2.0: the rate limit is exceeded"
	case number >= 5000:
		return "API 2.0: an error of the service; its codeDesc, if there is one, decides"
	}
	return "API 2.0: the request was refused; its codeDesc, if there is one, decides"
}

// cutMessage returns the code that a text begins with, before a colon and a space,
// and the message after them; all of the text and "" if it begins with none that is
// documented.
func cutMessage(text string) (code, message string) {
	code, message, found := strings.Cut(text, ": ")
	k, err := codes.ParseKey(code)
	if !found || err != nil {
		return text, ""
	}
	family, _, _ := strings.Cut(k.Code, ".")
	if _, _, listed := codes.Entry(k.Code); !listed && !slices.Contains(codes.Families(), family) {
		return text, ""
	}
	return code, message
}
