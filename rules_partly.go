package tcretry

import (
	"slices"

	"github.com/tcretry/tcretry/internal/codes"
)

// A call whose service or action is not known may be one that a scoped rule is
// about. It is treated as strictly as any call that it may be: a rule that forbids
// a retry is not lifted because nothing says for which service the call is, and a
// rule that permits more is for those who are known to be meant.

// noOther stands for every service or action that no rule names. It cannot be one.
const noOther = "*"

// partlyKnown returns what holds for a code in the scopes of which the service,
// the action or both are not known; their keys have "" in that place. own is what
// holds in the scopes that are known, the narrowest first.
func (p Policy) partlyKnown(code string, own []*variant) []*variant {
	services, actions := []string{noOther}, []string{noOther}
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

// with returns a list that has the name, unless that is empty.
func with(list []string, name string) []string {
	if name == "" || slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}

// strictest returns what holds for a call that may be for any of the services and
// actions: what holds where no rule names them, as strictly as for the strictest.
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
	// The first of both lists is noOther, or the only one that it can be.
	strict := *inScope(own, Operation{Service: services[0], Action: actions[0]})
	strict.key, strict.possible = at, possible
	for _, v := range possible {
		p.tighten(&strict.merged, v.merged)
	}
	strict.complete(p)
	return &strict
}

// inScope returns the variant of the narrowest scope that a target is in. The last
// one is for any.
func inScope(own []*variant, t Operation) *variant {
	return own[slices.IndexFunc(own, func(v *variant) bool { return v.key.InScope(t.Service, t.Action) })]
}

// tighten takes over the limits of other that are tighter than those of r.
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

// partly returns what the rules say of a code that they name, for a target that is
// known in part; nil if that part tells that no scoped rule is about it.
func (r *rules) partly(t Operation, code string) *variant {
	var other *variant
	for _, v := range r.byPart[code] {
		switch {
		case v.key.Service != t.Service:
		case v.key.Action == t.Action:
			return v
		case v.key.Action == noOther && t.Action != "":
			other = v
		}
	}
	return other
}

// stricter returns the class of a code, and whether anything is known about it, for
// calls that have class so far and may be those of p as well.
func stricter(class Class, known bool, p *variant, table codes.Verdict) (Class, bool) {
	other, says := p.classOf(table)
	switch {
	case !says || other.repeated():
		return class, known
	case class.repeated():
		return Terminal, true
	}
	return class, true
}
