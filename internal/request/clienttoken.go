package request

import (
	"crypto/rand"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// clientTokens lists the actions that have a ClientToken, sorted, one per line. Its
// columns are the service, the action and, if a token does not make the action
// idempotent, the reason. alb and billing use the RequestId in place of a missing token,
// and honour one that is set.
// Source: the models.go files of the official Go SDK v1.3.166 and their comments on the
// field.
//
//go:embed clienttokens.tsv
var clientTokens string

// tokenAction is a line of clientTokens, without the action.
type tokenAction struct{ service, unprotected string }

// actionsWithToken returns the lines of clientTokens by action. It parses them at the first
// call.
var actionsWithToken = sync.OnceValue(func() map[string][]tokenAction {
	lines := map[string][]tokenAction{}
	_, text, _ := strings.Cut(clientTokens, "\n") // without the header
	for line := range strings.Lines(text) {
		service, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		action, unprotected, _ := strings.Cut(rest, "\t")
		lines[action] = append(lines[action], tokenAction{service, unprotected})
	}
	return lines
})

// HonoursToken reports whether the action is documented to execute once for all requests
// with the same ClientToken.
func HonoursToken(service, action string) bool {
	return slices.Contains(actionsWithToken()[action], tokenAction{service: service})
}

// ignoresToken reports whether the action is documented to execute again for a
// ClientToken that it has received before. The service "" may be any.
func ignoresToken(service, action string) bool {
	return slices.ContainsFunc(actionsWithToken()[action], func(a tokenAction) bool {
		return a.unprotected != "" && (service == "" || service == a.service)
	})
}

// KnownActions returns the actions of a service that this package lists by name, sorted.
func KnownActions(service string) []string {
	var actions []string
	for action, lines := range actionsWithToken() {
		if slices.ContainsFunc(lines, func(a tokenAction) bool { return a.service == service }) {
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

// NewClientToken returns a random UUID in upper case, as the official SDK sets it for an
// empty ClientToken. The API accepts up to 64 ASCII characters.
func NewClientToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never returns an error
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
