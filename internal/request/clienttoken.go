package request

import (
	"crypto/rand"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// clientTokens is the table of the actions that have a ClientToken, sorted, one
// a line. Its columns are the service, the action and, for those that a token
// does not protect, why. alb and billing take the RequestId for a token when
// there is none, and honour one that is there.
// Source: the models.go files of the official Go SDK v1.3.166 and what they say
// of the field.
//
//go:embed clienttokens.tsv
var clientTokens string

// tokenAction is a row of the table, less the action.
type tokenAction struct{ service, unprotected string }

// tokenActions are the rows by action. They are made on first use.
var tokenActions = sync.OnceValue(func() map[string][]tokenAction {
	rows := map[string][]tokenAction{}
	_, text, _ := strings.Cut(clientTokens, "\n") // less the header
	for line := range strings.Lines(text) {
		service, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		action, unprotected, _ := strings.Cut(rest, "\t")
		rows[action] = append(rows[action], tokenAction{service, unprotected})
	}
	return rows
})

// HonoursToken reports whether the action is known to execute once for all
// requests with one ClientToken.
func HonoursToken(service, action string) bool {
	return slices.Contains(tokenActions()[action], tokenAction{service: service})
}

// ignoresToken reports whether the action is known to execute however often a
// ClientToken comes. A service that is not known may be any.
func ignoresToken(service, action string) bool {
	return slices.ContainsFunc(tokenActions()[action], func(a tokenAction) bool {
		return a.unprotected != "" && (service == "" || service == a.service)
	})
}

// KnownActions returns the actions of a service that are known by name.
func KnownActions(service string) []string {
	var actions []string
	for action, rows := range tokenActions() {
		if slices.ContainsFunc(rows, func(a tokenAction) bool { return a.service == service }) {
			actions = append(actions, action)
		}
	}
	for _, e := range writers {
		if e.service == service && !strings.Contains(e.action, "*") {
			actions = append(actions, e.action)
		}
	}
	slices.Sort(actions)
	return actions
}

// NewClientToken returns what the official SDK puts into an empty ClientToken: a
// random UUID in upper case. The API takes up to 64 ASCII characters.
func NewClientToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never returns an error
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
