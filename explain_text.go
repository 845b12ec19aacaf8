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

// String returns the range as text, "1s to 1.5s".
func (d DelayRange) String() string {
	if d.Min == d.Max {
		return d.Min.String()
	}
	return fmt.Sprintf("%v to %v", d.Min, d.Max)
}

// decider names what decided the class of a code.
func (v *variant) decider(code string, table codes.Verdict) string {
	switch {
	case v.overrules(table):
		return fmt.Sprintf("policy, rule %q", v.classKey)
	case table.ByText:
		return "built in, text of " + code
	case table.Size == 0:
		return "none, terminal by default"
	case table.Size == len(codes.Family(code)):
		return "built in, family " + codes.Family(code)
	}
	return "built in, code " + code[:table.Size]
}

// meaningOf says what the catalogue knows of a code: the reason of its entry, else
// that of the code or family that decided.
func meaningOf(code string, table codes.Verdict, known bool) string {
	if table.ByText {
		return "the text is that of a limit per second of the action"
	}
	for _, name := range []string{code, code[:table.Size]} {
		if _, reason, _ := codes.Entry(name); reason != "" {
			return reason
		}
	}
	switch {
	case table.Size > 0:
		return "documented as " + meaningClasses[table.Means].String()
	case known:
		return "defined by the policy"
	}
	return "unknown code: not retried unless a policy rule says so"
}

// retries says when the request is retried after an outcome of each class.
var retries = [classCount]string{
	Success:   "no: it counts as a success",
	Terminal:  "no",
	Throttled: "every request, after the delays: it was rejected before execution",
	Busy:      "every request, after the delays: it was rejected while something else is in progress",
	Transient: "every request, after the delays",
	Ambiguous: idempotentOnly,
}

const (
	// atTheRateLimit is for the outcomes by which the rate limiter learns.
	atTheRateLimit = "every request, at the learned rate limit, or after the delays without a rate limiter: it was rejected before execution"
	idempotentOnly = "only idempotent requests, such as reads and those with a ClientToken: it may have been executed"
)

// retry says when the request is retried, or why not.
func (e *Explanation) retry(rule *resolved) string {
	switch {
	case rule.class.repeated() && rule.tooSlow():
		return fmt.Sprintf("no: it lasts %v at least, and MaxDelay is %v", rule.leastDelay, rule.maxDelay)
	case rule.class.repeated() && e.MaxAttempts == 1:
		return "no: the policy allows one attempt"
	case e.IdempotentOnly:
		return idempotentOnly
	case e.RateLimited:
		return atTheRateLimit
	}
	return retries[e.Class]
}

// String returns the explanation as lines of text, without a newline at the end.
func (e Explanation) String() string {
	var b strings.Builder
	// The code may be one that came from the network.
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

// limitText says how many attempts there are, and how long they may take.
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

// requestText says which requests are retried.
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
		return "as Backoff.New makes them"
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
	{"attempt timed out", "timeout", watch.TimeoutError{}, true, "no response came within the time of WithAttemptTimeout"},
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
