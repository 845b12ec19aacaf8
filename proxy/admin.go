package proxy

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
)

// ownPages are the pages of the admin address that are the proxy's.
var ownPages = map[string]bool{"/healthz": true, "/state": true}

// State is what a proxy does now and has done, and what its rate limiter and its
// retry budget have learned. It is the JSON of the page /state. More fields may be
// added.
type State struct {
	// Draining is true once the proxy accepts no more connections.
	Draining bool `json:"draining"`
	// Calls counts calls.
	Calls CallCounts `json:"calls"`
	// BufferedBytes are the bytes of request bodies that are kept now.
	BufferedBytes int64 `json:"bufferedBytes"`
	// RateLimits are the keys that the rate limiter knows.
	RateLimits []RateLimit `json:"rateLimits"`
	// Budgets are the hosts that the retry budget knows.
	Budgets []HostBudget `json:"budgets"`
}

// CallCounts counts calls, since the proxy started but for InProgress.
type CallCounts struct {
	InProgress int64 `json:"inProgress"` // now, those that wait included
	Max        int64 `json:"max"`        // Config.MaxCalls
	Total      int64 `json:"total"`      // forwarded
	Failed     int64 `json:"failed"`     // without a response, or with one that was cut short
	Abandoned  int64 `json:"abandoned"`  // the client has gone before the end
	Refused    int64 `json:"refused"`    // responses of the proxy's own
	Overloaded int64 `json:"overloaded"` // those of them that say 503
}

// RateLimit is a ratelimit.State.
type RateLimit struct {
	Host     string  `json:"host"`
	Action   string  `json:"action"`
	Mode     string  `json:"mode"`
	Limit    int     `json:"limit"` // a second; 0: not known
	Rate     float64 `json:"rate"`  // a second; 0: any
	Waiting  int     `json:"waiting"`
	InFlight int     `json:"inFlight"`
}

// HostBudget is a budget.HostState.
type HostBudget struct {
	Host     string         `json:"host"`
	Tokens   float64        `json:"tokens"`
	Open     bool           `json:"open"`
	Deferred int            `json:"deferred"`
	Actions  []ActionBudget `json:"actions"`
}

// ActionBudget is a budget.ActionState.
type ActionBudget struct {
	Action   string  `json:"action"`
	Tokens   float64 `json:"tokens"`
	Open     bool    `json:"open"`
	Deferred int     `json:"deferred"`
}

// State returns the state of the proxy.
func (p *Proxy) State() State {
	s := State{
		Draining: p.draining.Load(),
		Calls: CallCounts{
			InProgress: p.counts.calls.Load(), Max: int64(p.config.MaxCalls), Total: p.counts.total.Load(),
			Failed: p.counts.failed.Load(), Abandoned: p.counts.abandoned.Load(),
			Refused: p.counts.refused.Load(), Overloaded: p.counts.overload.Load(),
		},
		BufferedBytes: p.counts.buffered.Load(),
		RateLimits:    []RateLimit{}, Budgets: []HostBudget{},
	}
	for _, l := range p.transport.RateLimits() {
		s.RateLimits = append(s.RateLimits, RateLimit{l.Host, l.Action, l.Mode.String(), l.Limit, l.Rate, l.Waiting, l.InFlight})
	}
	for _, b := range p.transport.Budgets() {
		host := HostBudget{b.Host, b.Tokens, b.Open, b.Deferred, []ActionBudget{}}
		for _, a := range b.Actions {
			host.Actions = append(host.Actions, ActionBudget(a))
		}
		s.Budgets = append(s.Budgets, host)
	}
	return s
}

// AdminHandler serves the admin address: /healthz is 200, and 503 while the proxy
// drains; /state is the [State] in JSON; and Config.AdminPages. On a loopback address it
// refuses requests for a host that is a name other than localhost, so that no page in a
// browser can read it by having its own name lead here.
func (p *Proxy) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if p.draining.Load() {
			http.Error(w, "draining", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(p.State())
	})
	for path, page := range p.config.AdminPages {
		mux.Handle(path, page)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.config.DangerouslyListenBeyondLoopback && !isAddress(r.Host) {
			http.Error(w, "the host is a name: use the address, or localhost", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// isAddress reports whether a Host header is an address, localhost or nothing.
func isAddress(authority string) bool {
	host, _, ok := splitHost(authority, "")
	return authority == "" || ok && (strings.EqualFold(host, "localhost") || net.ParseIP(host) != nil)
}
