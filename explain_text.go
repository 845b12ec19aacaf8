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
	"text/tabwriter"

	"github.com/tcretry/tcretry/internal/codes"
	"github.com/tcretry/tcretry/internal/watch"
)

// String returns the range as text: "1s to 1.5s", or "1s" if it is one value.
func (d DelayRange) String() string {
	if d.Min == d.Max {
		return d.Min.String()
	}
	return fmt.Sprintf("%v to %v", d.Min, d.Max)
}

// origin returns the origin of the class of a code: Explanation.Rule.
func (v *variant) origin(code string, verdict codes.Verdict) string {
	switch {
	case v.overrides(verdict):
		return fmt.Sprintf("policy, rule %q", v.classKey)
	case verdict.ByText:
		return "built in, message of " + code
	case verdict.Size == 0:
		return "none, terminal by default"
	case verdict.Size == len(codes.Family(code)):
		return "built in, family " + codes.Family(code)
	}
	return "built in, code " + code[:verdict.Size]
}

// reasonOf returns the reason of a code: that of its catalogue entry, else that of the
// code or family that decided.
func reasonOf(code string, verdict codes.Verdict, known bool) string {
	if verdict.ByText {
		return "the message is that of a rate limit per second of the action"
	}
	for _, name := range []string{code, code[:verdict.Size]} {
		if _, reason, _ := codes.Entry(name); reason != "" {
			return reason
		}
	}
	switch {
	case verdict.Size > 0:
		return "documented as " + meaningClasses[verdict.Means].String()
	case known:
		return "defined by the policy"
	}
	return "unknown code: not retried unless a policy rule says so"
}

// retryTexts are the values of Explanation.Retry by class.
var retryTexts = [classCount]string{
	Success:   "no: it counts as a success",
	Terminal:  "no",
	Throttled: "every request, after the delays: it was rejected before execution",
	Busy:      "every request, after the delays: it was rejected because something else is in progress",
	Transient: "every request, after the delays",
	Ambiguous: idempotentOnlyText,
}

const (
	// rateLimitedText is for the outcomes that the rate limiter handles.
	rateLimitedText    = "every request, at the learned rate limit, or after the delays without a rate limiter: it was rejected before execution"
	idempotentOnlyText = "only idempotent requests, such as reads and those with a ClientToken: it may have been executed"
)

// retry returns Explanation.Retry.
func (e *Explanation) retry(rule *resolved) string {
	switch {
	case rule.class.retryable() && rule.exceedsMaxDelay():
		return fmt.Sprintf("no: its minimum delay is %v, and MaxDelay is %v", rule.leastDelay, rule.maxDelay)
	case rule.class.retryable() && e.MaxAttempts == 1:
		return "no: the policy allows one attempt"
	case e.IdempotentOnly:
		return idempotentOnlyText
	case e.RateLimited:
		return rateLimitedText
	}
	return retryTexts[e.Class]
}

// String returns the explanation as lines of printable text of limited length, without
// a newline at the end.
func (e Explanation) String() string {
	var b strings.Builder
	// The code may be from the network: not printable, or long.
	code := printable(codes.Key{Service: e.Service, Action: e.Action, Code: e.Code}.String(), 3*maxCode)
	fmt.Fprintf(&b, "%s: %s\n", code, e.Class)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %s\t%s\n", name, value)
		}
	}
	line("reason", e.Reason)
	line("did you mean", e.DidYouMean)
	line("retry", e.Retry)
	line("rule", e.Rule)
	if len(e.PolicyRules) > 1 || len(e.PolicyRules) == 1 && !strings.HasPrefix(e.Rule, "policy") {
		line("rules", strings.Join(e.PolicyRules, ", "))
	}
	line("scoped rules", strings.Join(e.ScopedRules, ", "))
	if e.MaxAttempts != 1 {
		line("attempts", e.limitText())
		line("delays", e.delayText())
	}
	for i, change := range e.Changes {
		label := ""
		if i == 0 {
			label = "changes"
		}
		line(label, change)
	}
	line("products", strings.Join(e.Products, ", "))
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// limitText returns the limits of the attempts: their number and their time.
func (e *Explanation) limitText() string {
	text := e.attemptText()
	if e.MaxAttempts != 0 {
		text += " at most"
	}
	if e.MaxElapsed != 0 {
		text += ", within " + durationText(e.MaxElapsed) + " of the start of the call"
	}
	return text
}

func (e *Explanation) attemptText() string {
	if e.MaxAttempts == 0 {
		return "any number"
	}
	return strconv.Itoa(e.MaxAttempts)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// requestText returns which requests are retried.
func (e *Explanation) requestText() string {
	switch {
	case e.MaxAttempts == 1:
		return "no request"
	case e.IdempotentOnly:
		return "idempotent requests"
	}
	return "every request"
}

func (e *Explanation) delayText() string {
	if len(e.Delays) == 0 {
		return "those of Backoff.New"
	}
	texts := make([]string, len(e.Delays))
	for i, d := range e.Delays {
		texts[i] = d.String()
	}
	text := strings.Join(texts, ", ")
	if e.MaxAttempts == 0 || e.MaxAttempts-1 > len(e.Delays) {
		text += " and so on"
	}
	return text
}

// query is the argument of Explain, parsed.
type query struct {
	key     codes.Key       // for a status, a number or an error the Code is its text
	outcome Outcome         // the outcome that is explained
	failure *transportError // nil if it is none
}

// transportError is an error of the underlying RoundTripper that has a name.
type transportError struct {
	name string
	// short is a word for it, "" for none.
	short string
	// err is such an error, as net/http returns it.
	err error
	// maybeSent reports that the error occurs after the request was sent.
	maybeSent bool
	reason    string
}

// transportErrors are the errors that Explain recognizes. The names are texts of
// net/http, so that a name is found in a log line.
var transportErrors = [...]transportError{
	{"EOF", "", io.EOF, true, "the connection ended before a response came"},
	{"unexpected EOF", "", io.ErrUnexpectedEOF, true, "the connection ended before the end of the response"},
	{"connection reset by peer", "reset", &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, true, "the connection was reset before a response came"},
	{"broken pipe", "", &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.EPIPE)}, true, "the connection ended while the request was being sent"},
	{"attempt timed out", "timeout", watch.TimeoutError{}, true, "no response came within the time of WithAttemptTimeout"},
	{"timeout awaiting response headers", "", errors.New("net/http: timeout awaiting response headers"), true, "no response came within ResponseHeaderTimeout of the http.Transport"},
	{"connection refused", "refused", &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, false, "nothing listens at the address: the request was never sent"},
	{"dial timeout", "", &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}, false, "the connection was not established in time: the request was never sent"},
	{"no such host", "dns", &net.DNSError{Err: "no such host", IsNotFound: true}, false, "the host name was not resolved: the request was never sent"},
	{"TLS handshake timeout", "tls", errors.New("net/http: TLS handshake timeout"), false, "the TLS handshake took too long: the request was never sent"},
	{"failed to verify certificate", "certificate", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, false, "the certificate of the server is not trusted"},
	{"unsupported protocol scheme", "scheme", errors.New("unsupported protocol scheme"), false, "the URL of the request is invalid"},
	{"REFUSED_STREAM", "", errors.New("stream error: stream ID 1; REFUSED_STREAM; received from peer"), true, "the HTTP/2 server did not process the request (RFC 9113, section 8.7)"},
	{"server's graceful shutdown GOAWAY", "goaway", errors.New("http2: Transport received Server's graceful shutdown GOAWAY"), true, "the HTTP/2 server did not process the request (RFC 9113, section 6.8)"},
}

// parseQuery parses the argument of Explain. A code of the catalogue, and a documented
// code with its message, take precedence over a transport error of the same text. Any
// other text is an unknown code.
func parseQuery(text string) query {
	code, message := cutMessage(text)
	key, err := codes.ParseKey(code)
	if err != nil {
		key = codes.Key{Code: text}
	}
	// Without a scope: a service and an action that no rule names.
	q := query{key: key, outcome: Outcome{
		Operation: Operation{Service: key.Service, Action: key.Action}.withOther(),
		Response:  &http.Response{StatusCode: http.StatusOK},
		MaybeSent: true,
	}}
	_, _, listed := codes.Entry(key.Code)
	listed = listed || message != ""
	number, notNumber := strconv.Atoi(key.Code)
	failure := transportErrorNamed(text)
	switch {
	case !listed && failure != nil:
		q.key, q.failure = codes.Key{Code: failure.name}, failure
		q.outcome.Response, q.outcome.Err, q.outcome.MaybeSent = nil, failure.err, failure.maybeSent
	case notNumber == nil && number >= 100 && number <= 599:
		q.outcome.Response.StatusCode = number
	default:
		// An empty text is an unknown code.
		q.outcome.APIError = &APIError{Code: cmp.Or(key.Code, otherName), Message: message}
		if notNumber == nil {
			q.outcome.legacy = number
		}
	}
	return q
}

// transportErrorNamed returns the transport error with a name or short word, whatever
// its case. In a text that cannot be a code, such as a log line, it finds the longest
// name, because "EOF" is a part of another. It returns nil if there is none.
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

// isCode reports whether the query is a code of the API, or may be one.
func (q *query) isCode() bool { return q.outcome.APIError != nil && q.outcome.legacy == 0 }

// ruleAndReason returns Explanation.Rule and Explanation.Reason.
func (q *query) ruleAndReason(r *rules, rule *resolved) (origin, reason string) {
	switch status := q.outcome.Response; {
	case q.failure != nil:
		return "built in, transport error", q.failure.reason
	case q.outcome.APIError == nil:
		text := cmp.Or(http.StatusText(status.StatusCode), "not a registered status")
		return fmt.Sprintf("built in, HTTP status %d", status.StatusCode), text + ": " + statusReasons[rule.class]
	}
	op, code := q.outcome.Operation, q.key.Code
	verdict := verdictOf(q.outcome.APIError)
	if _, known := r.ofVerdict(op, code, verdict); !known && q.outcome.legacy != 0 {
		return "built in, number of API 2.0", legacyReason(q.outcome.legacy)
	}
	v := r.variant(op, code)
	_, known := v.resolve(verdict)
	return v.origin(code, verdict), reasonOf(code, verdict, known)
}

// statusReasons are the values of Explanation.Reason for an HTTP status without an API
// error, by class.
var statusReasons = [classCount]string{
	Success:   "not an error",
	Terminal:  "another attempt would fail as well",
	Throttled: "rate limit exceeded, rejected before execution",
	Ambiguous: "from a gateway, not from the API: the request may have been executed",
}

// legacyReason is Explanation.Reason for a number of API 2.0.
// Source: cloud.tencent.com/document/product/406/5881.
func legacyReason(number int) string {
	switch {
	case number == legacyRateLimit:
		return "API 2.0: the rate limit is exceeded"
	case number >= 5000:
		return "API 2.0: an error of the service; its codeDesc decides if there is one"
	}
	return "API 2.0: the request was rejected; its codeDesc decides if there is one"
}

// cutMessage returns the documented code at the beginning of a text, before a colon and
// a space, and the message after it. Without such a code it returns the text and "".
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
