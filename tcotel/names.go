package tcotel

import (
	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/label"
)

// How many values get a name of their own. Callers choose the actions, and the
// API the codes: no program, and no response, fills a backend with names. The
// largest product has some five hundred actions; the API documents some hundred
// families.
const (
	maxMethods  = 1000
	maxFamilies = 200
)

// names limits the number of values that spans and metrics share.
type names struct{ methods, families label.Limiter }

func newNames() *names {
	return &names{methods: label.Limiter{Max: maxMethods}, families: label.Limiter{Max: maxFamilies}}
}

// method is the name of what a target asks for, by the conventions for
// rpc.method: "" if it has none, other if there are too many; original is the
// name that other stands for.
func (n *names) method(target tcretry.Operation) (method, original string) {
	if target.Action == "" {
		return "", ""
	}
	original = target.Action
	if target.Service != "" {
		original = target.Service + "/" + original
	}
	method = n.methods.Label(original)
	if method == label.Other {
		return other, original
	}
	return method, ""
}

// family is the family of a code, for a metric.
func (n *names) family(family string) string {
	if family = n.families.Label(family); family == label.Other {
		return other
	}
	return family
}

// spanName is the name of a call's span, by the conventions.
func spanName(method string) string {
	if method == "" || method == other {
		return system
	}
	return method
}
