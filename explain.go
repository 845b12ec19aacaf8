package tcretry

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/tcretry/tcretry/internal/codes"
	"github.com/tcretry/tcretry/ratelimit"
)

// Explanation says what a Transport does about an outcome, and why. It is for
// people and logs: programs set rules, they do not read them here. It comes from
// the same function that judges the attempts of a call, for a Transport without a
// Classifier of yours, which may know better, and without a rate limiter, which
// sets the time of the retries of the API's own throttling.
type Explanation struct {
	// Code is what is explained; Service and Action are the scope that it was asked
	// for, "" for those that no rule of the policy names.
	Code    string `json:"code"`
	Service string `json:"service,omitempty"`
	Action  string `json:"action,omitempty"`
	// Class is what the code means.
	Class Class `json:"class"`
	// Rule is what decided the class: a rule of the policy, an entry or family of
	// the built-in catalogue, the HTTP status, the transport error, or that nothing
	// is known.
	Rule string `json:"rule"`
	// PolicyRules are the keys of all rules of the policy that cover the code,
	// the most specific first.
	PolicyRules []string `json:"policyRules,omitempty"`
	// ScopedRules are the keys of the rules for services and actions within the
	// scope that was asked for. They hold there, and their restrictions also for
	// calls whose service or action is not known.
	ScopedRules []string `json:"scopedRules,omitempty"`
	// Changes is what the policy changes, line by line: "class: terminal → busy".
	Changes []string `json:"changes,omitempty"`
	// DidYouMean is the code of the catalogue that is nearest to one that nothing is
	// known about, "" if none is near.
	DidYouMean string `json:"didYouMean,omitempty"`
	// Reason says what is behind the code, in words.
	Reason string `json:"reason"`
	// Retry says when the request is retried, or why not, in words.
	Retry string `json:"retry"`
	// MaxAttempts is how many attempts of one call may end with the code; 1 is
	// no retry, and 0 is no limit but MaxElapsed.
	MaxAttempts int `json:"maxAttempts"`
	// MaxElapsed is the time from the start of a call after which no attempt
	// follows one that ended with the code; 0 is no limit but MaxAttempts, or no
	// retry. In JSON it is text, "2m".
	MaxElapsed time.Duration `json:"-"`
	// RateLimited says that the rate limiter of a Transport that has one sets the time
	// of the retries, in place of the delays, and that such attempts do not count
	// against Policy.MaxAttempts.
	RateLimited bool `json:"rateLimited,omitempty"`
	// IdempotentOnly says that only idempotent requests are retried.
	IdempotentOnly bool `json:"idempotentOnly,omitempty"`
	// Delays are the delays to expect before each retry, ten at the most. There
	// are none for a Backoff.New, which only a call can ask.
	Delays []DelayRange `json:"delays,omitempty"`
	// Products are the products that document the code, if it is in the catalogue.
	Products []string `json:"products,omitempty"`
}

// DelayRange is what one delay is drawn from, uniformly.
type DelayRange struct{ Min, Max time.Duration }

// Explain says what a Transport without a policy does about a code. The code may
// be narrowed as in [Policy.Codes], "cvm:InternalError". In its place may be a
// number of API 2.0, "4400", an HTTP status, "502", or the name of a transport
// error, "EOF": see [TransportErrors]. A documented code may have its message behind
// a colon and a space, "LimitExceeded: …": of a few codes the text decides.
func Explain(code string) Explanation { return Policy{}.explain(defaultRules(), code) }

// Explain says what a Transport with the policy does about a code, a number, an
// HTTP status or a transport error, as the function of the same name does, and
// what the policy changes.
func (p Policy) Explain(code string) Explanation {
	e := p.explain(p.compile(), code)
	e.Changes = e.changesSince(Explain(code))
	return e
}

func (p Policy) explain(r *rules, text string) Explanation {
	s := subjectOf(text)
	rule := r.judge(&s.outcome, Undecided)
	e := Explanation{
		Code: s.key.Code, Service: s.key.Service, Action: s.key.Action,
		Class:          rule.class,
		MaxAttempts:    r.attemptsOf(rule),
		MaxElapsed:     r.elapsedOf(rule),
		IdempotentOnly: rule.class.repeated() && (rule.idempotentOnly || rule.class == Ambiguous),
	}
	e.RateLimited = e.MaxAttempts != 1 && isRateLimited(rule, &s.outcome)
	e.Delays = rule.delays(cmp.Or(e.MaxAttempts, unlimitedAttempts) - 1)
	e.Rule, e.Reason = s.because(r, rule)
	if s.isCode() {
		p.explainCode(&e, s)
	}
	e.Retry = e.retry(rule)
	return e
}

// explainCode adds what there is to say of a code of the API.
func (p Policy) explainCode(e *Explanation, s subject) {
	for _, k := range p.keys() {
		switch {
		case k.Covers(s.outcome.Operation.Service, s.outcome.Operation.Action, s.key.Code):
			e.PolicyRules = append(e.PolicyRules, k.String())
		case k.CoversCode(s.key.Code) && (s.key.Service == "" || k.Service == s.key.Service && s.key.Action == ""):
			e.ScopedRules = append(e.ScopedRules, k.String())
		}
	}
	products, _, listed := codes.Entry(s.key.Code)
	e.Products = products
	if !listed && codes.Lookup(s.key.Code).Size == 0 {
		e.DidYouMean = codes.Nearest(s.key.Code)
	}
}

// changesSince says in what e differs from the explanation of another policy.
func (e *Explanation) changesSince(other Explanation) []string {
	var changes []string
	change := func(what, from, to string) {
		if from != to {
			changes = append(changes, fmt.Sprintf("%s: %s → %s", what, from, to))
		}
	}
	change("class", other.Class.String(), e.Class.String())
	change("attempts", other.attemptText(), e.attemptText())
	if e.MaxAttempts != 1 && other.MaxAttempts != 1 {
		change("time", cmp.Or(durationText(other.MaxElapsed), "any"), cmp.Or(durationText(e.MaxElapsed), "any"))
		// Where they can be told, as many as both have, which are most of three.
		both := min(len(e.Delays), len(other.Delays), 3)
		if both == 0 || !slices.Equal(e.Delays[:both], other.Delays[:both]) {
			change("delays", other.delayText(), e.delayText())
		}
	}
	if e.MaxAttempts != 1 && other.MaxAttempts != 1 {
		change("rate limited", yesNo(other.RateLimited), yesNo(e.RateLimited))
	}
	change("retried", other.requestText(), e.requestText())
	return changes
}

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

// MarshalJSON writes both durations as text.
func (d DelayRange) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Min string `json:"min"`
		Max string `json:"max"`
	}{d.Min.String(), d.Max.String()})
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

// isRateLimited reports whether the rate limiter sets the time of the retry.
func isRateLimited(rule *resolved, o *Outcome) bool {
	return rule.class == Throttled && limiterResult(o, rule).Verdict == ratelimit.Throttled
}

// TransportErrors returns the names of the transport errors that [Explain] takes,
// sorted: failures of an attempt that no response came of, or not all of it. It
// takes the text of such an error as well, as a log has it, and the words reset,
// timeout, refused, dns, tls, certificate, scheme and goaway.
func TransportErrors() []string {
	names := make([]string, len(transportErrors))
	for i, e := range transportErrors {
		names[i] = e.name
	}
	slices.Sort(names)
	return names
}

// Codes returns the codes that the built-in table has a row for, sorted. A code
// that is not among them means what its family means; [Explain] tells.
func Codes() []string { return codes.All() }
