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

// Explanation is the treatment of an outcome by a Transport, and the reason for it. It
// is for people and logs: to change the treatment, set rules. It is computed by the
// function that classifies the attempts of a call, for a Transport without a Classifier
// of the user, which can override it, and without a rate limiter, which sets the time of
// the retries of throttled attempts.
type Explanation struct {
	// Code is the explained code, status or transport error. Service and Action are
	// the scope that was given; "" means those that no rule of the policy names.
	Code    string `json:"code"`
	Service string `json:"service,omitempty"`
	Action  string `json:"action,omitempty"`
	// Class is the class of the outcome.
	Class Class `json:"class"`
	// Rule is the origin of the class: a rule of the policy, an entry or family of the
	// built-in catalogue, the HTTP status, the transport error, or none if the code is
	// unknown.
	Rule string `json:"rule"`
	// PolicyRules are the keys of all rules of the policy that cover the code,
	// the most specific first.
	PolicyRules []string `json:"policyRules,omitempty"`
	// ScopedRules are the keys of the rules for services and actions within the scope
	// that was given. They apply there, and their restrictions also to calls whose
	// service or action is not known.
	ScopedRules []string `json:"scopedRules,omitempty"`
	// Changes are the differences from the zero Policy, one line each:
	// "class: terminal → busy".
	Changes []string `json:"changes,omitempty"`
	// DidYouMean is the code of the catalogue that is most similar to an unknown code,
	// "" if none is similar.
	DidYouMean string `json:"didYouMean,omitempty"`
	// Reason is the cause of the outcome, in words.
	Reason string `json:"reason"`
	// Retry says which requests are retried and when, or why none is, in words.
	Retry string `json:"retry"`
	// MaxAttempts is the maximum number of attempts of one call with this outcome; 1
	// means no retry, and 0 no limit except MaxElapsed.
	MaxAttempts int `json:"maxAttempts"`
	// MaxElapsed is the time from the start of a call after which no attempt follows
	// one with this outcome; 0 means no limit except MaxAttempts, or no retry. In JSON
	// it is text, "2m".
	MaxElapsed time.Duration `json:"-"`
	// RateLimited reports that the rate limiter of a Transport that has one sets the time
	// of the retries, in place of the delays, and that such attempts do not count
	// against Policy.MaxAttempts.
	RateLimited bool `json:"rateLimited,omitempty"`
	// IdempotentOnly reports that only idempotent requests are retried.
	IdempotentOnly bool `json:"idempotentOnly,omitempty"`
	// Delays are the ranges of the delays before each retry, ten at most. It is empty
	// for a Backoff.New, whose delays are known only in a call.
	Delays []DelayRange `json:"delays,omitempty"`
	// Products are the products that document the code, if it is in the catalogue.
	Products []string `json:"products,omitempty"`
}

// DelayRange is the range of one delay with uniform jitter. In JSON both ends are
// text, "1s".
type DelayRange struct{ Min, Max time.Duration }

// Explain returns the treatment of a code by a Transport with the zero Policy. It never
// fails: an unknown text is explained as an unknown code. Valid are:
//
//   - a code, with a scope or without, as in [Policy.Codes]: "cvm:InternalError";
//   - a documented code with its message, "LimitExceeded: …": for a few codes the
//     message decides;
//   - an HTTP status, "502";
//   - a number of API 2.0, "4400";
//   - the name of a transport error, "EOF": see [TransportErrors].
func Explain(code string) Explanation { return Policy{}.explain(defaultRules(), code) }

// Explain is the function [Explain] for a Transport with the policy p. The Changes are
// those from the zero Policy.
func (p Policy) Explain(code string) Explanation {
	e := p.explain(p.compile(), code)
	e.Changes = e.changesSince(Explain(code))
	return e
}

func (p Policy) explain(r *rules, text string) Explanation {
	q := parseQuery(text)
	rule := r.judge(&q.outcome, Undecided)
	e := Explanation{
		Code: q.key.Code, Service: q.key.Service, Action: q.key.Action,
		Class:          rule.class,
		MaxAttempts:    r.attemptsOf(rule),
		MaxElapsed:     r.elapsedOf(rule),
		IdempotentOnly: rule.class.retryable() && (rule.idempotentOnly || rule.class == Ambiguous),
	}
	e.RateLimited = e.MaxAttempts != 1 && isRateLimited(rule, &q.outcome)
	e.Delays = rule.delays(cmp.Or(e.MaxAttempts, unlimitedAttempts) - 1)
	e.Rule, e.Reason = q.ruleAndReason(r, rule)
	if q.isCode() {
		p.explainCode(&e, q)
	}
	e.Retry = e.retry(rule)
	return e
}

// explainCode sets the fields that only a code of the API has.
func (p Policy) explainCode(e *Explanation, q query) {
	op, code := q.outcome.Operation, q.key.Code
	for _, k := range p.keys() {
		switch {
		case k.Covers(op.Service, op.Action, code):
			e.PolicyRules = append(e.PolicyRules, k.String())
		case k.CoversCode(code) && (q.key.Service == "" || k.Service == q.key.Service && q.key.Action == ""):
			e.ScopedRules = append(e.ScopedRules, k.String())
		}
	}
	products, _, listed := codes.Entry(code)
	e.Products = products
	if !listed && codes.Lookup(code).Size == 0 {
		e.DidYouMean = codes.Nearest(code)
	}
}

// changesSince returns the differences of e from the explanation of another policy.
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
		// Compared are as many as both list, at most three; none for a Backoff.New.
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

// attemptsOf returns the maximum number of attempts of one call with the outcome of a
// rule; 0 is no limit.
func (r *rules) attemptsOf(rule *resolved) int {
	switch {
	case r.maxAttempts == 1 || !rule.class.retryable() || rule.exceedsMaxDelay():
		return 1
	case rule.maxAttempts == unlimitedAttempts:
		return 0
	}
	return cmp.Or(rule.maxAttempts, r.maxAttempts)
}

// elapsedOf returns the time from the start of a call after which no attempt follows one
// with the outcome of a rule; 0 is no limit, or no retry.
func (r *rules) elapsedOf(rule *resolved) time.Duration {
	if r.attemptsOf(rule) == 1 || rule.maxElapsed == unlimitedElapsed {
		return 0
	}
	return cmp.Or(rule.maxElapsed, r.maxElapsed)
}

// MarshalJSON returns the fields of e as JSON, durations as text.
func (e Explanation) MarshalJSON() ([]byte, error) {
	type fields Explanation // without this method
	return json.Marshal(struct {
		fields
		MaxElapsed string `json:"maxElapsed,omitempty"`
	}{fields(e), durationText(e.MaxElapsed)})
}

// MarshalJSON returns both durations as text.
func (d DelayRange) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Min string `json:"min"`
		Max string `json:"max"`
	}{d.Min.String(), d.Max.String()})
}

// maxListedDelays limits the delays that an Explanation lists.
const maxListedDelays = 10

// delays returns the ranges of the delays before the first n retries.
func (r *resolved) delays(n int) []DelayRange {
	if r.backoff.New != nil {
		return nil
	}
	// Without jitter the delays are the intervals.
	noJitter := r.backoff
	noJitter.Jitter = NoJitter
	intervals := noJitter.exponential()
	jitter := max(r.backoff.Jitter, 0)
	var all []DelayRange
	for range min(n, maxListedDelays) {
		interval := float64(intervals.NextBackOff())
		from, to := time.Duration(interval*(1-jitter)), time.Duration(interval*(1+jitter))
		all = append(all, DelayRange{r.bound(from), r.bound(to)})
	}
	return all
}

// bound returns a delay within the limits that newBackOff sets.
func (r *resolved) bound(delay time.Duration) time.Duration {
	one := bounded{BackOff: backoff.NewConstantBackOff(delay), least: r.leastDelay, most: r.maxDelay}
	return one.NextBackOff()
}

// isRateLimited reports whether the rate limiter sets the time of the retries.
func isRateLimited(rule *resolved, o *Outcome) bool {
	return rule.class == Throttled && limiterResult(o, rule).Verdict == ratelimit.Throttled
}

// TransportErrors returns the names of the transport errors that [Explain] recognizes,
// sorted: errors of an attempt without a complete response. Explain also recognizes the
// full text of such an error, as in a log line, and the words reset, timeout, refused,
// dns, tls, certificate, scheme and goaway.
func TransportErrors() []string {
	names := make([]string, len(transportErrors))
	for i, e := range transportErrors {
		names[i] = e.name
	}
	slices.Sort(names)
	return names
}

// Codes returns the codes with an entry in the built-in catalogue, sorted. Any other
// code has the class of its family, see [Explain].
func Codes() []string { return codes.All() }
