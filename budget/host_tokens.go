package budget

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// settings are the fields of a Tokens with their defaults.
type settings struct {
	capacity, perSuccess    float64
	openAfter               int
	maxDefer, probeInterval time.Duration
}

const (
	// refillTime is how long time alone takes to fill an empty bucket: half a token per
	// second, with the default capacity. More would be load on a service that fails most
	// of its attempts.
	refillTime = 100 * time.Second
	// maxActions is how many actions of a host have a bucket of their own: more than can
	// have consumed a token, with the default capacity.
	maxActions = 128
)

// hostTokens is the retry budget of one host. It is a pure state machine: times are given,
// nothing waits, and its user holds a lock.
//
// Every action that had a failure has a bucket of tokens, a circuit and queues of
// deferred retries. All buckets share twice the capacity, and each may consume as much as
// the others leave: one action alone gets the capacity, and an action that always fails
// leaves much to the others.
//
// The host has a circuit too, which opens on consecutive failures of several
// actions. While it is open the retries of every action that fails are deferred.
type hostTokens struct {
	settings
	circuit       circuit   // of the host
	now           time.Time // the latest time given
	sweptAt       time.Time // when sweep last ran
	failuresInRow int       // failures in a row, whatever their actions, at most openAfter
	consumed      float64   // by all actions together
	recovery      recovery  // of retries after a circuit closed
	deferred      int       // retries of all actions
	impaired      int       // actions that are impaired
	actions       map[string]*actionTokens
}

// actionTokens is the budget of one action of a host.
type actionTokens struct {
	circuit    circuit
	consumed   float64   // 0 <= consumed <= capacity
	refilledAt time.Time // when time last refilled it
	queues     queues
	impaired   bool // it had a failure, consumed tokens or defers retries; counted in hostTokens.impaired
}

// advance moves the time to now. Time never goes back, so that no time refills twice: a
// reading of the clock that comes late counts as the latest one.
func (h *hostTokens) advance(now time.Time) {
	if now.After(h.now) {
		h.now = now
	}
	if !h.now.Before(h.sweptAt.Add(staleAfter)) {
		h.sweep()
	}
}

// sweep removes what is no evidence any more.
func (h *hostTokens) sweep() {
	h.sweptAt = h.now
	if h.circuit.expire(h.now); !h.now.Before(h.circuit.lastAttempt.Add(staleAfter)) {
		h.failuresInRow = 0
	}
	for name, a := range h.actions {
		a.circuit.expire(h.now)
		h.refillByTime(a)
		if h.track(a); !a.impaired {
			delete(h.actions, name)
		}
	}
}

// healthy reports that a success would change nothing.
func (h *hostTokens) healthy() bool {
	return h.failuresInRow == 0 && h.circuit.failures == 0 && h.impaired == 0 && h.recovery.inFlight == 0
}

// track updates whether a is counted as impaired.
func (h *hostTokens) track(a *actionTokens) {
	impaired := a.circuit.failures > 0 || a.consumed > 0 || a.queues.size > 0
	switch {
	case impaired && !a.impaired:
		h.impaired++
	case a.impaired && !impaired:
		h.impaired--
	}
	a.impaired = impaired
	if h.impaired == 0 {
		h.consumed = 0 // without what rounding left of it
	}
}

// isOpen reports that the circuit of the host is open.
func (h *hostTokens) isOpen() bool { return h.circuit.failures >= h.openAfter }

// deferring reports that retries of a are deferred: by its own circuit, or by that of the
// host if the last attempt of a failed too.
func (h *hostTokens) deferring(a *actionTokens) bool {
	return a.circuit.failures >= h.openAfter || h.isOpen() && a.circuit.failures > 0
}

// action returns the state of an action, and creates it if there is none.
func (h *hostTokens) action(name string) *actionTokens {
	a := h.actions[name]
	if a != nil {
		return a
	}
	if h.actions == nil {
		h.actions = make(map[string]*actionTokens)
	}
	if len(h.actions) >= maxActions {
		h.evict()
	}
	a = &actionTokens{refilledAt: h.now}
	h.actions[strings.Clone(name)] = a
	return a
}

// evict removes the action that has consumed the fewest tokens, of those without deferred
// retries.
func (h *hostTokens) evict() {
	var name string
	var least *actionTokens
	for n, a := range h.actions {
		if a.queues.size == 0 && (least == nil || a.consumed < least.consumed) {
			name, least = n, a
		}
	}
	if least == nil {
		return
	}
	delete(h.actions, name)
	h.addTokens(least, least.consumed)
	least.circuit.failures = 0
	h.track(least)
}

// record counts an attempt that ended, or a retry that was not made.
func (h *hostTokens) record(r Report) {
	a := h.actions[r.Action]
	if r.Retry > 0 {
		h.recovery.ended(r, a != nil && h.recovering(a) && !h.deferring(a))
	}
	switch r.Result {
	case Success:
		h.succeed(a, r.Returned)
	case Failure:
		h.fail(h.action(r.Action))
	case Unused:
		if a != nil {
			h.addTokens(a, float64(r.Returned))
			h.track(a)
		}
	}
	if h.deferred > 0 {
		h.releaseAll()
	}
}

func (h *hostTokens) fail(a *actionTokens) {
	h.failuresInRow = min(h.failuresInRow+1, h.openAfter)
	h.circuit.failed(h.now)
	a.circuit.failed(h.now)
	a.circuit.expire(h.now)
	// No action is more than half of the evidence against a host.
	if a.circuit.failures < h.openAfter/2 || h.isOpen() {
		h.circuit.fail(h.now, h.openAfter)
	}
	a.circuit.fail(h.now, h.openAfter)
	h.track(a)
}

// succeed counts a success of a call that returns so many tokens. a is nil for an action
// without a failure.
func (h *hostTokens) succeed(a *actionTokens, returned int) {
	h.failuresInRow = 0
	if h.circuit.close(h.now, h.openAfter, h.probeInterval/momentaryPart) {
		h.recovery.begin(h.now)
	}
	if a == nil {
		return
	}
	if a.circuit.close(h.now, h.openAfter, h.probeInterval/momentaryPart) {
		h.recovery.begin(h.now)
	}
	h.addTokens(a, float64(returned)+h.perSuccess)
	h.track(a)
}

// consume consumes a token of a if there is one.
func (h *hostTokens) consume(a *actionTokens) bool {
	h.refillByTime(a)
	if h.tokens(a) < 1 {
		// Time may have refilled tokens of others, which a may use too.
		consumed := 0.0
		for _, other := range h.actions {
			h.refillByTime(other)
			h.track(other)
			consumed += other.consumed
		}
		h.consumed = consumed // without what rounding left of it
	}
	if h.tokens(a) < 1 {
		return false
	}
	a.consumed++
	h.consumed++
	return true
}

// tokens is how many retries a may make: it may consume as much as it then leaves to others.
func (h *hostTokens) tokens(a *actionTokens) float64 {
	return max(0, h.capacity-(h.consumed+a.consumed)/2)
}

// refillByTime adds the tokens for the time since the last refill.
func (h *hostTokens) refillByTime(a *actionTokens) {
	passed := h.now.Sub(a.refilledAt)
	a.refilledAt = h.now
	h.addTokens(a, h.capacity*passed.Seconds()/refillTime.Seconds())
}

// addTokens adds tokens to the bucket of a, which holds no more than its capacity.
func (h *hostTokens) addTokens(a *actionTokens, tokens float64) {
	tokens = min(tokens, a.consumed)
	a.consumed -= tokens
	h.consumed -= tokens
}

// state returns the state of the host, which has that name.
func (h *hostTokens) state(name string) HostState {
	r := HostState{Host: name, Tokens: h.capacity, Open: h.failuresInRow >= h.openAfter, Deferred: h.deferred}
	for action, a := range h.actions {
		h.refillByTime(a)
		if h.track(a); a.impaired {
			r.Actions = append(r.Actions, ActionState{Action: action, Open: h.deferring(a), Deferred: a.queues.size})
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
