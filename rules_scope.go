package tcretry

import (
	"slices"

	"github.com/tcretry/tcretry/internal/codes"
)

// Scoped rules and calls whose service or action is not known: each rule that may apply
// restricts the call. A rule that forbids a retry also forbids it if the service is
// unknown; a rule that permits more needs a known scope.

// otherName stands for every service or action that no rule names. No service or
// action has this name.
const otherName = "*"

// unknownScopes returns the variants of a code for calls whose service, action or both
// are not known; the keys of these variants have "" in that place. own holds the
// variants for known scopes, the narrowest first.
func (p Policy) unknownScopes(code string, own []*variant) []*variant {
	services, actions := []string{otherName}, []string{otherName}
	for _, v := range own {
		services, actions = with(services, v.key.Service), with(actions, v.key.Action)
	}
	if len(services) == 1 {
		return nil // no rule has a scope
	}
	all := []*variant{p.strictest(codes.Key{Code: code}, own, services, actions)}
	for _, action := range actions {
		all = append(all, p.strictest(codes.Key{Action: action, Code: code}, own, services, []string{action}))
	}
	for _, service := range services[1:] {
		all = append(all, p.strictest(codes.Key{Service: service, Code: code}, own, []string{service}, actions))
	}
	return all
}

// with returns the list with the name, if that is not empty, added once.
func with(list []string, name string) []string {
	if name == "" || slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}

// strictest returns the variant for a call to one of the services and actions: the
// variant for those that no rule names, with the limits of the strictest one.
func (p Policy) strictest(at codes.Key, own []*variant, services, actions []string) *variant {
	var possible []*variant
	for _, service := range services {
		for _, action := range actions {
			v := inScope(own, Operation{Service: service, Action: action})
			if !slices.Contains(possible, v) {
				possible = append(possible, v)
			}
		}
	}
	// The first of both lists is otherName, or the only name that it can be.
	strict := *inScope(own, Operation{Service: services[0], Action: actions[0]})
	strict.key, strict.possible = at, possible
	for _, v := range possible {
		p.tighten(&strict.merged, v.merged)
	}
	strict.complete(p)
	return &strict
}

// inScope returns the variant of the narrowest scope that an operation is in. The last
// variant is for any operation.
func inScope(own []*variant, t Operation) *variant {
	return own[slices.IndexFunc(own, func(v *variant) bool { return v.key.InScope(t.Service, t.Action) })]
}

// tighten replaces the limits of r by those of other that are tighter.
func (p Policy) tighten(r *resolved, other resolved) {
	attempts, elapsed := orDefault(p.MaxAttempts, defaultMaxAttempts), orDefault(p.MaxElapsed, defaultMaxElapsed)
	if orDefault(other.maxAttempts, attempts) < orDefault(r.maxAttempts, attempts) {
		r.maxAttempts, r.counter = other.maxAttempts, other.counter
	}
	if orDefault(other.maxElapsed, elapsed) < orDefault(r.maxElapsed, elapsed) {
		r.maxElapsed = other.maxElapsed
	}
	r.idempotentOnly = r.idempotentOnly || other.idempotentOnly
}

// unknownScope returns the variant of a code for an operation that is known in part;
// nil if no scoped rule can apply to that part.
func (r *rules) unknownScope(t Operation, code string) *variant {
	var other *variant
	for _, v := range r.byUnknownScope[code] {
		switch {
		case v.key.Service != t.Service:
		case v.key.Action == t.Action:
			return v
		case v.key.Action == otherName && t.Action != "":
			other = v
		}
	}
	return other
}

// stricter returns the class of a code, and whether it has one, for calls that have
// class so far and that p may apply to as well.
func stricter(class Class, known bool, p *variant, verdict codes.Verdict) (Class, bool) {
	other, otherKnown := p.classOf(verdict)
	switch {
	case !otherKnown || other.retryable():
		return class, known
	case class.retryable():
		return Terminal, true
	}
	return class, true
}
