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

// PolicyWarning is a value in a valid Policy that is probably unintended.
type PolicyWarning struct {
	// Path is the place of the value: Codes["InternalError"].MaxAttempts.
	Path string
	// Value is the value; nil for a key.
	Value any
	// Reason says what is probably wrong with the value.
	Reason string
	// DidYouMean is the name that was probably meant, "" if none is similar.
	DidYouMean string
}

// String returns the warning as one line: the path, the value, the reason and the name
// that was probably meant.
func (w PolicyWarning) String() string {
	text := (&PolicyError{Path: w.Path, Value: w.Value, Reason: w.Reason}).Error()
	text = strings.TrimPrefix(text, "tcretry: policy: ")
	if w.DidYouMean != "" {
		text += fmt.Sprintf("; did you mean %q?", w.DidYouMean)
	}
	return text
}

// InJSON returns w with the path of the value in JSON:
// codes["InternalError"].maxAttempts.
func (w PolicyWarning) InJSON() PolicyWarning {
	fields, key, rest := w.Path, "", ""
	if i := strings.IndexByte(fields, '['); i >= 0 {
		end := strings.LastIndexByte(fields, ']') + 1
		fields, key, rest = fields[:i], fields[i:end], fields[end:]
	}
	w.Path = lowerFields(fields) + key + lowerFields(rest)
	return w
}

// lowerFields returns a path whose fields begin with a small letter.
func lowerFields(path string) string {
	fields := strings.Split(path, ".")
	for i, f := range fields {
		if f != "" {
			fields[i] = strings.ToLower(f[:1]) + f[1:]
		}
	}
	return strings.Join(fields, ".")
}

// Lint returns warnings about valid values of p that are probably unintended, sorted by
// the key of the rule: rules and fields without effect; codes, services and actions
// that are misspelled or not documented; and limits that contradict each other. A field
// has no effect if every outcome is treated the same without it. Lint does not report
// invalid values: see [Policy.Validate].
//
// Names are compared with the catalogue of codes, and with the code families, the
// services and the actions with a ClientToken of the official Go SDK v1.3.166. Products
// add codes and actions every week: an unknown code or action is reported only if it is
// similar to a known one, an unknown service or family always.
func (p Policy) Lint() []PolicyWarning {
	l := linter{policy: p}
	elapsed := orDefault(p.MaxElapsed, defaultMaxElapsed)
	if p.MaxDelay > elapsed {
		l.warn("MaxDelay", p.MaxDelay, fmt.Sprintf("has no effect: MaxElapsed, which is %s, ends a call before such a delay", durationText(elapsed)))
	}
	for _, key := range slices.Sorted(maps.Keys(p.Codes)) {
		k, err := codes.ParseKey(key)
		var found policyErrors
		if found.rule("", p.Codes[key]); err != nil || len(found.list) > 0 {
			continue
		}
		l.path = fields.KeyPath("Codes", key)
		near := l.names(k)
		l.limits(k)
		l.effects(k, near)
	}
	for _, key := range slices.Sorted(maps.Keys(p.Limits)) {
		l.path = fields.KeyPath("Limits", key)
		service, action, _ := strings.Cut(key, ".")
		l.scope(service, action)
	}
	return l.warnings
}

// linter collects warnings about a policy.
type linter struct {
	policy   Policy
	path     string // of the rule that is being checked
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

// names warns of a code, a service or an action that is misspelled or not documented.
// It reports whether the code is.
func (l *linter) names(k codes.Key) (misspelled bool) {
	family, rest, _ := strings.Cut(k.Code, ".")
	switch near := codes.Nearest(k.Code); {
	case !slices.Contains(codes.Families(), family):
		if near == "" {
			if near = codes.NearestName(family, codes.Families(), min(3, len(family)/6)); near != "" && rest != "" {
				near += "." + rest
			}
		}
		l.unknown(fmt.Sprintf("unknown code %q: no family %q is documented", k.Code, family), near)
		misspelled = true
	case near != "" && !slices.Contains(codes.Families(), k.Code):
		l.unknown(fmt.Sprintf("unknown code %q", k.Code), near)
		misspelled = true
	}
	l.scope(k.Service, k.Action)
	return misspelled
}

// scope warns of a service or an action that is misspelled or not documented.
func (l *linter) scope(service, action string) {
	if service != "" && !slices.Contains(codes.Services(), service) {
		l.unknown(fmt.Sprintf("unknown service %q", service), codes.NearestName(service, codes.Services(), 1))
	}
	if near := codes.NearestName(action, request.KnownActions(service), 2); near != "" {
		l.unknown(fmt.Sprintf("unknown action %q of %s", action, service), near)
	}
}

// unknown warns of a name that is not documented; near is a similar one, or "".
func (l *linter) unknown(reason, near string) {
	l.warn("", nil, reason)
	l.warnings[len(l.warnings)-1].DidYouMean = near
}

// limits warns of limits of the rule that other limits keep from being reached.
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

// reach warns of a number of attempts whose delays take longer than MaxElapsed.
func (l *linter) reach(r *resolved, rule Rule, attempts int, elapsed time.Duration) {
	total, delays := r.total(attempts-1, elapsed, func(d DelayRange) time.Duration { return d.Min })
	if total <= elapsed {
		return
	}
	reason := fmt.Sprintf("%d attempts cannot be reached: MaxElapsed, which is %s, leaves time for at most %d", attempts, durationText(elapsed), delays)
	if rule.MaxAttempts > 0 {
		l.warn("MaxAttempts", rule.MaxAttempts, reason)
		return
	}
	l.warn("MaxElapsed", rule.MaxElapsed, reason)
}

// total adds the first n delays of r, each as returned by of, until the sum exceeds
// enough. It returns the sum and the number of delays added.
func (r *resolved) total(n int, enough time.Duration, of func(DelayRange) time.Duration) (sum time.Duration, added int) {
	delays := r.delays(n)
	for added < n && sum <= enough {
		// Later delays are as long as the last one listed.
		d := of(delays[min(added, len(delays)-1)])
		if added >= len(delays) && d == 0 {
			return sum, n
		}
		sum += d
		added++
	}
	return sum, added
}

// firstRetried returns the rule for the first retryable outcome in the scope of a key;
// nil if there is none.
func (r *rules) firstRetried(k codes.Key) *resolved {
	op := Operation{Service: k.Service, Action: k.Action}.withOther()
	for _, code := range r.coveredBy(k) {
		for _, v := range codes.LookupAll(code) {
			if rule, _ := r.ofVerdict(op, code, v); rule.class.retryable() {
				return rule
			}
		}
	}
	return nil
}
