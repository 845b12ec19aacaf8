package tcretry

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/tcretry/tcretry/internal/codes"
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
