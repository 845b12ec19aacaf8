package budget

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// budgetRules are the numbers of a Tokens: its fields with their defaults.
type rules struct {
	capacity, earned    float64
	openAfter           int
	maxHold, probeEvery time.Duration
}

const (
	// refillTime is how long time alone takes to fill an empty bucket: half a
	// token per second, with the default capacity. More would be load on a service
	// that fails most of its attempts.
	refillTime = 100 * time.Second
	// maxTroubled is how many actions of a host are told apart: more than can have
	// spent a token, with the default capacity.
	maxTroubled = 128
)

// hostTokens is the retry budget of one host. It is a pure state machine: times
// are given, nothing waits, and its user holds a lock.
//
// Every action that had a failure has a bucket of tokens, a circuit and queues of
// deferred retries. All buckets share twice the capacity, and each may take as much
// as it leaves: one action alone gets the capacity, and of an action that always
// fails much is left to the others.
//
// The host has a circuit too, which opens on consecutive failures of several
// actions. While it is open the retries of every action that fails are deferred.
type hostTokens struct {
	rules
	circuit  circuit   // of the host
	now      time.Time // the latest that was given
	swept    time.Time // when sweep last ran
	row      int       // consecutive failures, whatever their actions, at most openAfter
	spent    float64   // by all actions together
	recovery recovery  // of retries after a circuit closed
	deferred int       // retries of all actions
	troubled int       // actions that are not calm
	actions  map[string]*actionTokens
}

// actionTokens is the budget of one action of a host.
type actionTokens struct {
	circuit circuit
	spent   float64   // 0 <= spent <= capacity
	filled  time.Time // until when time has refilled it
	queues  queues
	trouble bool // it is counted in hostTokens.troubled
}

// advance moves the time to now. It never goes back, so that no time refills twice:
// a reading that comes late counts as the latest.
func (h *hostTokens) advance(now time.Time) {
	if now.After(h.now) {
		h.now = now
	}
	if h.swept.IsZero() {
		h.swept = h.now
	}
	if !h.now.Before(h.swept.Add(staleAfter)) {
		h.sweep()
	}
}

// sweep forgets what is no evidence any more.
func (h *hostTokens) sweep() {
	h.swept = h.now
	if h.circuit.expire(h.now); !h.now.Before(h.circuit.tried.Add(staleAfter)) {
		h.row = 0
	}
	for name, a := range h.actions {
		a.circuit.expire(h.now)
		h.refill(a)
		if h.mark(a); !a.trouble {
			delete(h.actions, name)
		}
	}
}

// calm says that nothing has failed that a success would make good for.
func (h *hostTokens) calm() bool {
	return h.row == 0 && h.circuit.failures == 0 && h.troubled == 0 && h.recovery.inFlight == 0
}

// mark counts a among the troubled, or no more.
func (h *hostTokens) mark(a *actionTokens) {
	trouble := a.circuit.failures > 0 || a.spent > 0 || a.queues.size > 0
	switch {
	case trouble && !a.trouble:
		h.troubled++
	case a.trouble && !trouble:
		h.troubled--
	}
	a.trouble = trouble
	if h.troubled == 0 {
		h.spent = 0 // without what rounding left of it
	}
}

// isOpen says that the circuit of the host is open.
func (h *hostTokens) isOpen() bool { return h.circuit.failures >= h.openAfter }

// down says that the retries of a are deferred: by its own circuit, or by the
// host's if its own last attempt failed too.
func (h *hostTokens) down(a *actionTokens) bool {
	return a.circuit.failures >= h.openAfter || h.isOpen() && a.circuit.failures > 0
}

// action returns the state of an action, fresh if it has none.
func (h *hostTokens) action(name string) *actionTokens {
	a := h.actions[name]
	if a != nil {
		return a
	}
	if h.actions == nil {
		h.actions = make(map[string]*actionTokens)
	}
	if len(h.actions) >= maxTroubled {
		h.evict()
	}
	a = &actionTokens{filled: h.now}
	h.actions[strings.Clone(name)] = a
	return a
}

// evict forgets the action with the fewest spent tokens, of those without deferred
// retries.
func (h *hostTokens) evict() {
	var name string
	var least *actionTokens
	for n, a := range h.actions {
		if a.queues.size == 0 && (least == nil || a.spent < least.spent) {
			name, least = n, a
		}
	}
	if least == nil {
		return
	}
	delete(h.actions, name)
	h.giveBack(least, least.spent)
	least.circuit.failures = 0
	h.mark(least)
}

// record counts an attempt that ended, or a retry that was not made.
func (h *hostTokens) record(r Report) {
	a := h.actions[r.Action]
	if r.Retry > 0 {
		h.recovery.ended(r, a != nil && h.recovering(a) && !h.down(a))
	}
	switch r.Result {
	case Success:
		h.succeed(a, r.Returned)
	case Failure:
		h.fail(h.action(r.Action))
	case Unused:
		if a != nil {
			h.giveBack(a, float64(r.Returned))
			h.mark(a)
		}
	}
	if h.deferred > 0 {
		h.releaseAll()
	}
}

func (h *hostTokens) fail(a *actionTokens) {
	h.row = min(h.row+1, h.openAfter)
	h.circuit.ended(h.now)
	a.circuit.ended(h.now)
	a.circuit.expire(h.now)
	// No action is more than half of the evidence against a host.
	if a.circuit.failures < h.openAfter/2 || h.isOpen() {
		h.circuit.fail(h.now, h.openAfter)
	}
	a.circuit.fail(h.now, h.openAfter)
	h.mark(a)
}

// succeed counts a response to a call that has withdrawn so many tokens. a is nil
// for an action without a failure.
func (h *hostTokens) succeed(a *actionTokens, withdrawn int) {
	h.row = 0
	h.circuit.ended(h.now)
	if h.circuit.close(h.now, h.openAfter, h.probeEvery/momentary) {
		h.recovery.begin(h.now)
	}
	if a == nil {
		return
	}
	a.circuit.ended(h.now)
	if a.circuit.close(h.now, h.openAfter, h.probeEvery/momentary) {
		h.recovery.begin(h.now)
	}
	h.giveBack(a, float64(withdrawn)+h.earned)
	h.mark(a)
}

// pay spends a token of a if there is one.
func (h *hostTokens) pay(a *actionTokens) bool {
	h.refill(a)
	if h.tokens(a) < 1 {
		// Others may hold tokens that time has refilled since.
		for _, other := range h.actions {
			h.refill(other)
			h.mark(other)
		}
	}
	if h.tokens(a) < 1 {
		return false
	}
	a.spent++
	h.spent++
	return true
}

// tokens is how many retries a may make: as many as leave what it has spent then.
func (h *hostTokens) tokens(a *actionTokens) float64 {
	return max(0, h.capacity-(h.spent+a.spent)/2)
}

// refill adds what time has brought a since it was last refilled.
func (h *hostTokens) refill(a *actionTokens) {
	passed := h.now.Sub(a.filled)
	a.filled = h.now
	h.giveBack(a, h.capacity*passed.Seconds()/refillTime.Seconds())
}

// giveBack adds tokens to the bucket of a, which holds no more than its capacity.
func (h *hostTokens) giveBack(a *actionTokens, tokens float64) {
	tokens = min(tokens, a.spent)
	a.spent -= tokens
	h.spent -= tokens
}

// report returns the state of the host by that name.
func (h *hostTokens) report(name string) HostState {
	r := HostState{Host: name, Tokens: h.capacity, Open: h.row >= h.openAfter, Deferred: h.deferred}
	for action, a := range h.actions {
		h.refill(a)
		if h.mark(a); a.trouble {
			r.Actions = append(r.Actions, ActionState{Action: action, Open: h.down(a), Deferred: a.queues.size})
		}
	}
	for i := range r.Actions {
		a := &r.Actions[i]
		a.Tokens = h.tokens(h.actions[a.Action]) // once all are refilled
		r.Tokens = min(r.Tokens, a.Tokens)
	}
	slices.SortFunc(r.Actions, func(x, y ActionState) int { return cmp.Compare(x.Action, y.Action) })
	return r
}
