package tcretry

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Explanation says what a code means to a policy, and why. It is for people and
// logs: programs set rules, they do not read them here. It is made for an answer
// with HTTP status 200, without a pacer, which sets the pace of the API's own
// throttles, and without a Classifier of yours, which may know better.
type Explanation struct {
	// Code is the code that is explained, Service and Action the scope that it
	// was asked for, "" for any.
	Code    string `json:"code"`
	Service string `json:"service,omitempty"`
	Action  string `json:"action,omitempty"`
	// Class is what the code means.
	Class Class `json:"class"`
	// Rule is what decided the class: a rule of the policy, a row or family of
	// the built-in table, or that nothing is known.
	Rule string `json:"rule"`
	// PolicyRules are the keys of all rules of the policy that cover the code,
	// the most specific first.
	PolicyRules []string `json:"policyRules,omitempty"`
	// Reason says what is behind the code, in words.
	Reason string `json:"reason"`
	// Repeat says when another attempt is made, or why none is, in words.
	Repeat string `json:"repeat"`
	// MaxAttempts is how many attempts of one call may end with the code; 1 is
	// no retry, and 0 is no limit but MaxElapsed.
	MaxAttempts int `json:"maxAttempts"`
	// MaxElapsed is the time from the start of a call after which no attempt
	// follows one that ended with the code; 0 is no limit but MaxAttempts, or no
	// retry. In JSON it is text, "2m".
	MaxElapsed time.Duration `json:"-"`
	// IdempotentOnly says that it is repeated only if that is harmless.
	IdempotentOnly bool `json:"idempotentOnly,omitempty"`
	// Delays are the delays to expect before each retry, ten at the most. There
	// are none for a Backoff.New, which only a call can ask.
	Delays []DelayRange `json:"delays,omitempty"`
	// Products are the products that document the code, if it is in the table.
	Products []string `json:"products,omitempty"`
}

// DelayRange is what one delay is drawn from, uniformly.
type DelayRange struct{ Min, Max time.Duration }

// String returns the range as text, "1s to 1.5s".
func (d DelayRange) String() string {
	if d.Min == d.Max {
		return d.Min.String()
	}
	return fmt.Sprintf("%v to %v", d.Min, d.Max)
}

// MarshalJSON writes both durations as text.
func (d DelayRange) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Min string `json:"min"`
		Max string `json:"max"`
	}{d.Min.String(), d.Max.String()})
}

// Explain says what a code means without a policy. The code may be narrowed as
// in [Policy.Codes], "cvm:InternalError".
func Explain(code string) Explanation { return Policy{}.explain(defaultRules(), code) }

// Explain says what a code means to p. The code may be narrowed as in
// [Policy.Codes]: "cvm:InternalError", "cvm.RunInstances:InternalError".
func (p Policy) Explain(code string) Explanation { return p.explain(p.compile(), code) }

func (p Policy) explain(r *rules, code string) Explanation {
	key, err := parseKey(code)
	if err != nil {
		key = ruleKey{code: code} // whatever it is, it is not known
	}
	// Not narrowed means another than those that the rules name.
	target := Target{Service: cmp.Or(key.service, noOther), Action: cmp.Or(key.action, noOther)}
	table := codes().lookup(key.code)
	v := r.variant(target, key.code)
	rule, known := v.resolve(table)
	e := Explanation{
		Code: key.code, Service: key.service, Action: key.action,
		Class:          rule.class,
		Rule:           v.decider(key.code, table),
		MaxAttempts:    r.attemptsOf(rule),
		MaxElapsed:     r.elapsedOf(rule),
		IdempotentOnly: rule.class.repeated() && (rule.idempotentOnly || rule.class == Ambiguous),
	}
	for _, k := range p.keys() {
		if k.covers(target, key.code) {
			e.PolicyRules = append(e.PolicyRules, k.String())
		}
	}
	if row, ok := codes().find(key.code); ok {
		if products := row.columns().products; products != "" {
			e.Products = strings.Split(products, ",")
		}
	}
	e.Delays = rule.delays(cmp.Or(e.MaxAttempts, unlimitedAttempts) - 1)
	e.Reason = meaning(key.code, table, known)
	e.Repeat = e.repeat(rule)
	return e
}

// decider names what decided the class of a code.
func (v *variant) decider(code string, table verdict) string {
	family, _ := familyOf(code)
	switch {
	case v.overrules(table):
		return fmt.Sprintf("policy, rule %q", v.classKey)
	case table.size == 0:
		return "none, terminal by default"
	case table.size == len(family):
		return "built in, family " + family
	}
	return "built in, code " + code[:table.size]
}

// meaning says what the table knows of a code: the reason of its row, else that
// of the code or family that decided.
func meaning(code string, table verdict, known bool) string {
	for _, name := range []string{code, code[:table.size]} {
		if row, ok := codes().find(name); ok && row.columns().reason != "" {
			return row.columns().reason
		}
	}
	switch {
	case table.size > 0 && table.class == Terminal:
		return "documented as a failure that does not pass by itself"
	case table.size > 0:
		return "documented as a failure that passes by itself"
	case known:
		return "what it means is for the policy to say"
	}
	return "not known to pass by itself; a rule in the policy can say that it does"
}

// repeats says when another attempt follows each class.
var repeats = [classCount]string{
	Success:   "no, it is taken for a success",
	Terminal:  "no",
	Throttled: "for every action, after a wait: it was refused before execution",
	Busy:      "for every action, after longer waits: something is in progress or occupied",
	Transient: "for every action: it failed in passing",
	Ambiguous: onlyIfHarmless,
}

// atThePace says it of the codes by which a pacer learns the quota.
const atThePace = "for every action, at the pace of the quota, or after the delays without a pacer: it was refused before execution"

const onlyIfHarmless = "only if that is harmless, as it is for a read or with a ClientToken: it may have been executed"

// repeat says when another attempt is made, or why none is.
func (e *Explanation) repeat(rule *resolved) string {
	switch {
	case rule.class.repeated() && rule.tooSlow():
		return fmt.Sprintf("no, it cannot pass within MaxDelay, which is %v", rule.maxDelay)
	case rule.class.repeated() && e.MaxAttempts == 1:
		return "no, one attempt is all that the policy allows"
	case e.IdempotentOnly:
		return onlyIfHarmless
	case e.Class == Throttled && slices.Contains(pacedCodes, e.Code):
		return atThePace
	}
	return repeats[e.Class]
}

// repeated reports whether outcomes of the class may be repeated at all.
func (c Class) repeated() bool { return c >= Throttled && c < classCount }

// attemptsOf returns how many attempts of one call may end with a rule's codes, 0
// for any number.
func (r *rules) attemptsOf(rule *resolved) int {
	switch {
	case r.maxAttempts == 1 || !rule.class.repeated() || rule.tooSlow():
		return 1
	case rule.maxAttempts == unlimitedAttempts:
		return 0
	}
	return cmp.Or(rule.maxAttempts, r.maxAttempts)
}

// elapsedOf returns how long after the start of a call they may start, 0 for any
// time or if there is no retry.
func (r *rules) elapsedOf(rule *resolved) time.Duration {
	if r.attemptsOf(rule) == 1 || rule.maxElapsed == unlimitedElapsed {
		return 0
	}
	return cmp.Or(rule.maxElapsed, r.maxElapsed)
}

// MarshalJSON writes durations as text.
func (e Explanation) MarshalJSON() ([]byte, error) {
	type fields Explanation // without this method
	return json.Marshal(struct {
		fields
		MaxElapsed string `json:"maxElapsed,omitempty"`
	}{fields(e), durationText(e.MaxElapsed)})
}

// explained bounds the delays that an Explanation lists.
const explained = 10

// delays returns what the delays before the first n retries are drawn from.
func (r *resolved) delays(n int) []DelayRange {
	if r.backoff.New != nil {
		return nil
	}
	// Without jitter the sequence is that of the intervals.
	still := r.backoff
	still.Jitter = NoJitter
	intervals := still.exponential()
	jitter := max(r.backoff.Jitter, 0)
	var all []DelayRange
	for range min(n, explained) {
		interval := float64(intervals.NextBackOff())
		from, to := time.Duration(interval*(1-jitter)), time.Duration(interval*(1+jitter))
		all = append(all, DelayRange{r.bound(from), r.bound(to)})
	}
	return all
}

// bound returns a delay as newBackOff bounds it.
func (r *resolved) bound(delay time.Duration) time.Duration {
	one := bounded{BackOff: backoff.NewConstantBackOff(delay), least: r.leastDelay, most: r.maxDelay}
	return one.NextBackOff()
}

// String returns the explanation as lines of text, without a newline at the end.
func (e Explanation) String() string {
	var b strings.Builder
	// The code may be one that came from the network.
	code := printable(ruleKey{e.Service, e.Action, e.Code}.String(), 3*maxCode)
	fmt.Fprintf(&b, "%s: %s\n", code, e.Class)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %s\t%s\n", name, value)
		}
	}
	line("reason", e.Reason)
	line("repeat", e.Repeat)
	line("rule", e.Rule)
	if len(e.PolicyRules) > 1 || len(e.PolicyRules) == 1 && !strings.HasPrefix(e.Rule, "policy") {
		line("policy", strings.Join(e.PolicyRules, ", "))
	}
	if e.MaxAttempts != 1 {
		line("attempts", e.limitText())
		line("delays", e.delayText())
	}
	line("products", strings.Join(e.Products, ", "))
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// limitText says how many attempts there are, and how long they may take.
func (e Explanation) limitText() string {
	switch {
	case e.MaxAttempts == 0:
		return fmt.Sprintf("any number within %s of the start of the call", durationText(e.MaxElapsed))
	case e.MaxElapsed == 0:
		return fmt.Sprintf("%d at most", e.MaxAttempts)
	}
	return fmt.Sprintf("%d at most, within %s of the start of the call", e.MaxAttempts, durationText(e.MaxElapsed))
}

func (e Explanation) delayText() string {
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
