package tcretry

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tcretry/tcretry/internal/codes"
	"github.com/tcretry/tcretry/internal/fields"
	"github.com/tcretry/tcretry/internal/request"
)

// PolicyWarning is something in a valid Policy that is probably not meant.
type PolicyWarning struct {
	// Path is where it is: Codes["InternalError"].MaxAttempts.
	Path string
	// Value is what stands there; nil for a key.
	Value any
	// Reason says what is odd about it.
	Reason string
	// DidYouMean is the name that was probably meant, "" if none is near.
	DidYouMean string
}

// String returns the text of w.
func (w PolicyWarning) String() string {
	text := (&PolicyError{Path: w.Path, Value: w.Value, Reason: w.Reason}).Error()
	text = strings.TrimPrefix(text, "tcretry: policy: ")
	if w.DidYouMean != "" {
		text += fmt.Sprintf("; did you mean %q?", w.DidYouMean)
	}
	return text
}

// InJSON returns w with its path as that is in JSON:
// codes["InternalError"].maxAttempts.
func (w PolicyWarning) InJSON() PolicyWarning {
	fields, key, rest := w.Path, "", ""
	if i := strings.IndexByte(fields, '['); i >= 0 {
		end := strings.LastIndexByte(fields, ']') + 1
		fields, key, rest = fields[:i], fields[i:end], fields[end:]
	}
	w.Path = smallFields(fields) + key + smallFields(rest)
	return w
}

// smallFields gives every field of a path a small first letter.
func smallFields(path string) string {
	fields := strings.Split(path, ".")
	for i, f := range fields {
		if f != "" {
			fields[i] = strings.ToLower(f[:1]) + f[1:]
		}
	}
	return strings.Join(fields, ".")
}

// Lint returns what is valid in p and probably not meant, in order: rules and
// fields that have no effect; codes, services and actions that are misspelled or
// not documented; and limits that contradict each other. It compares outcomes, so
// it knows a field without effect by leaving it out. What [Policy.Validate]
// reports is left to that.
//
// Names are compared with the catalogue of codes and with the first parts of
// codes, the services and the actions with a ClientToken of the official Go SDK
// v1.3.166. Products add codes and actions every week: one that is like none of
// these is not reported, a service or a first part is.
func (p Policy) Lint() []PolicyWarning {
	l := linter{policy: p}
	elapsed := orDefault(p.MaxElapsed, defaultMaxElapsed)
	if p.MaxDelay > elapsed {
		l.warn("MaxDelay", p.MaxDelay, fmt.Sprintf("has no effect: MaxElapsed, which is %s, ends a call before so long a delay", durationText(elapsed)))
	}
	for _, key := range slices.Sorted(maps.Keys(p.Codes)) {
		k, err := codes.ParseKey(key)
		var m mistakes
		if m.rule("", p.Codes[key]); err != nil || len(m.list) > 0 {
			continue
		}
		l.path = fields.KeyPath("Codes", key)
		near := l.names(k)
		l.limits(k)
		l.effects(k, near)
	}
	return l.warnings
}

// linter collects warnings about a policy.
type linter struct {
	policy   Policy
	path     string // of the rule
	warnings []PolicyWarning
}

// warn adds a warning about a field of the rule, or of the policy.
func (l *linter) warn(field string, value any, reason string) {
	l.warnings = append(l.warnings, PolicyWarning{Path: l.pathOf(field), Value: value, Reason: reason})
}

func (l *linter) pathOf(field string) string {
	if l.path != "" && field != "" {
		return l.path + "." + field
	}
	return l.path + field
}

// names warns of a code, a service or an action that is misspelled or not
// documented, and reports whether the code is.
func (l *linter) names(k codes.Key) (wrongCode bool) {
	name := func(what, near string) {
		l.warn("", nil, what)
		if near != "" {
			l.warnings[len(l.warnings)-1].DidYouMean = near
		}
	}
	family, rest, _ := strings.Cut(k.Code, ".")
	switch near := codes.Nearest(k.Code); {
	case !slices.Contains(codes.Families(), family):
		if near == "" {
			if near = codes.NearestName(family, codes.Families(), min(3, len(family)/6)); near != "" && rest != "" {
				near += "." + rest
			}
		}
		name(fmt.Sprintf("the code %q is not in the catalogue, and no documented code begins so", k.Code), near)
		wrongCode = true
	case near != "" && !slices.Contains(codes.Families(), k.Code):
		name(fmt.Sprintf("the code %q is not in the catalogue", k.Code), near)
		wrongCode = true
	}
	if k.Service != "" && !slices.Contains(codes.Services(), k.Service) {
		name(fmt.Sprintf("the service %q is not known", k.Service), codes.NearestName(k.Service, codes.Services(), 1))
	}
	if near := codes.NearestName(k.Action, request.KnownActions(k.Service), 2); near != "" {
		name(fmt.Sprintf("the action %q of %s is not known", k.Action, k.Service), near)
	}
	return wrongCode
}

// limits warns of limits of the rule that cannot be reached, by reason of others.
func (l *linter) limits(k codes.Key) {
	rule, compiled := l.policy.Codes[k.String()], l.policy.compile()
	for _, d := range []struct {
		field string
		value time.Duration
	}{{"Backoff.Initial", rule.Backoff.Initial}, {"Backoff.Max", rule.Backoff.Max}} {
		if d.value > compiled.maxDelay {
			l.warn(d.field, d.value, fmt.Sprintf("delays are cut to MaxDelay, which is %s", durationText(compiled.maxDelay)))
		}
	}
	r := compiled.firstRetried(k)
	if r == nil || r.backoff.New != nil {
		return
	}
	attempts, elapsed := compiled.attemptsOf(r), compiled.elapsedOf(r)
	if attempts > 1 && elapsed > 0 && (rule.MaxAttempts > 0 || rule.MaxElapsed > 0) {
		l.reach(r, rule, attempts, elapsed)
	}
	if longest := compiled.maxElapsed; rule.MaxElapsed > longest && attempts > 1 {
		if total, _ := r.total(attempts-1, longest, func(d DelayRange) time.Duration { return d.Max }); total < longest {
			l.warn("MaxElapsed", rule.MaxElapsed, fmt.Sprintf("the delays of %d attempts add up to %v at most: raise MaxAttempts as well", attempts, total))
		}
	}
}

// reach warns of a number of attempts whose delays take longer than there is time.
func (l *linter) reach(r *resolved, rule Rule, attempts int, elapsed time.Duration) {
	total, delays := r.total(attempts-1, elapsed, func(d DelayRange) time.Duration { return d.Min })
	if total <= elapsed {
		return
	}
	reason := fmt.Sprintf("%d attempts cannot be reached: MaxElapsed, which is %s, leaves time for the delays of %d at most", attempts, durationText(elapsed), delays)
	if rule.MaxAttempts > 0 {
		l.warn("MaxAttempts", rule.MaxAttempts, reason)
		return
	}
	l.warn("MaxElapsed", rule.MaxElapsed, reason)
}

// total adds up to n delays of r, as of says them, until they exceed enough. It
// returns the sum, and how many were added.
func (r *resolved) total(n int, enough time.Duration, of func(DelayRange) time.Duration) (sum time.Duration, added int) {
	delays := r.delays(n)
	for added < n && sum <= enough {
		// The last one that is listed is as long as those that follow.
		d := of(delays[min(added, len(delays)-1)])
		if added >= len(delays) && d == 0 {
			return sum, n
		}
		sum += d
		added++
	}
	return sum, added
}

// firstRetried returns what holds for the first outcome in the scope of a key that
// is retried at all; nil if there is none.
func (r *rules) firstRetried(k codes.Key) *resolved {
	target := Operation{Service: k.Service, Action: k.Action}.known()
	for _, code := range r.coveredBy(k) {
		for _, v := range codes.LookupAll(code) {
			if rule, _ := r.ofVerdict(target, code, v); rule.class.repeated() {
				return rule
			}
		}
	}
	return nil
}
