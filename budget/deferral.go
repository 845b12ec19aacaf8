package budget

import (
	"container/list"
	"time"
)

const (
	// firstWindow is how many retries may be in flight at once after a circuit
	// closed. More kept a back end down that had room for 1.3 times the load.
	firstWindow = 12
	// A retry that succeeds widens the window by a tenth, one that fails narrows it
	// by one, until the call succeeds after all.
	windowGain, windowLoss = 0.1, 1
)

// recovery limits how many retries are in flight at once while a host recovers, for
// maxHold after a circuit closed: what was deferred in an outage must not bring down
// again what has just come back, and what is slow to respond gets less.
type recovery struct {
	window   float64   // how many may be in flight
	inFlight int       // permitted retries whose end was not reported
	last     time.Time // when one of them was permitted
	begun    time.Time // when a circuit last closed
}

// begin is called when a circuit closes. A window that shrank stays as it is if the
// circuit closed before within staleAfter.
func (r *recovery) begin(now time.Time) {
	if r.begun.IsZero() || !now.Before(r.begun.Add(staleAfter)) {
		r.window = firstWindow
	}
	r.begun = now
}

// ended counts a retry that ended, as evidence if the host is recovering.
func (r *recovery) ended(report Report, evidence bool) {
	r.inFlight = max(0, r.inFlight-1)
	switch {
	case !evidence:
	case report.Result == Success:
		r.window += windowGain + windowLoss*float64(max(0, report.Returned-1))
	case report.Result == Failure:
		r.window = max(1, r.window-windowLoss)
	}
}

// start counts a retry that is permitted.
func (r *recovery) start(now time.Time) {
	if !now.Before(r.last.Add(staleAfter)) {
		r.inFlight = 0 // nobody reports them any more
	}
	r.inFlight++
	r.last = now
}

// deferral is one retry that is deferred.
type deferral struct {
	action *actionTokens
	retry  int           // its number in the call, from 1
	limit  time.Time     // when it is given up
	out    chan struct{} // closed when it is released
	place  *list.Element // in its queue; nil once it is released
}

// queues are the deferred retries of an action: by their number in the call, the
// last list those that have come furthest, and each in the order of asking.
type queues struct {
	lists [3]list.List // of *deferral
	size  int
}

func (q *queues) list(retry int) *list.List { return &q.lists[min(retry, len(q.lists))-1] }

func (q *queues) push(d *deferral) {
	d.place = q.list(d.retry).PushBack(d)
	q.size++
}

func (q *queues) remove(d *deferral) {
	q.list(d.retry).Remove(d.place)
	d.place = nil
	q.size--
}

// furthest are the retries that have come furthest, if there are any.
func (q *queues) furthest() *list.List {
	i := len(q.lists) - 1
	for i > 0 && q.lists[i].Len() == 0 {
		i--
	}
	return &q.lists[i]
}

// withdraw requests one retry: it may be made (no deferral, no error), it may not
// (ErrExhausted), or it is deferred, until it is released or leaves.
func (h *hostTokens) acquire(w Request) (*deferral, error) {
	if !w.Latest.IsZero() && h.now.After(w.Latest) {
		return nil, ErrExhausted
	}
	a := h.action(w.Action)
	defer h.mark(a)
	w.Retry = max(w.Retry, 1)
	if h.down(a) {
		if h.probeWith(a, w.Retry) {
			return nil, nil
		}
	} else if a.queues.size == 0 && h.permit(a) {
		return nil, nil
	}
	limit := h.limit(w)
	if !h.now.Before(limit) {
		return nil, ErrExhausted
	}
	d := &deferral{action: a, retry: w.Retry, limit: limit, out: make(chan struct{})}
	a.queues.push(d)
	h.deferred++
	return d, nil
}

// limit is when a retry that is deferred from now on is given up.
func (h *hostTokens) limit(w Request) time.Time {
	if w.Start.IsZero() {
		w.Start = h.now
	}
	limit := w.Start.Add(h.maxHold)
	if !w.Latest.IsZero() && w.Latest.Before(limit) {
		return w.Latest
	}
	return limit
}

// leave takes d out of its queue, or gives its token back if it was released but
// will not be made.
func (h *hostTokens) leave(d *deferral) {
	if d.place != nil {
		d.action.queues.remove(d)
		h.deferred--
	} else {
		h.recovery.ended(Report{}, false)
		h.giveBack(d.action, 1)
	}
	h.mark(d.action)
	h.releaseAll()
}

func (h *hostTokens) release(d *deferral) {
	d.action.queues.remove(d)
	h.deferred--
	close(d.out)
}

// recovering says that a circuit that deferred the retries of a closed lately.
func (h *hostTokens) recovering(a *actionTokens) bool {
	return h.now.Before(h.circuit.closed.Add(h.maxHold)) || h.now.Before(a.circuit.closed.Add(h.maxHold))
}

// permit says whether a retry of an action that is up may be made, and counts it.
func (h *hostTokens) permit(a *actionTokens) bool {
	if h.recovering(a) && float64(h.recovery.inFlight+1) > h.recovery.window || !h.pay(a) {
		return false
	}
	h.recovery.start(h.now)
	return true
}

// releaseAll releases what may be made of what is deferred: of each action those
// that have come furthest first, in the order of asking.
func (h *hostTokens) releaseAll() {
	for _, a := range h.actions {
		for a.queues.size > 0 && !h.down(a) && h.permit(a) {
			h.release(a.queues.furthest().Front().Value.(*deferral))
		}
	}
}

// tick releases what time alone releases. It returns when to look again; the zero
// time if nothing is deferred.
func (h *hostTokens) tick() (next time.Time) {
	if h.deferred == 0 {
		return time.Time{}
	}
	h.releaseAll()
	for _, a := range h.actions {
		at := h.now.Add(h.untilToken(a))
		if a.queues.size > 0 && h.down(a) {
			if !h.now.Before(h.circuitOf(a).probeAt(h.probeEvery)) {
				best := h.candidate(a)
				h.release(best)
				h.probed(best.action)
			}
			at = h.circuitOf(a).probeAt(h.probeEvery)
		}
		if a.queues.size == 0 {
			continue
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// untilToken is how long time alone takes to bring a the next token, at most an
// interval of the probes: others may bring it sooner.
func (h *hostTokens) untilToken(a *actionTokens) time.Duration {
	wait := time.Duration((1 - h.tokens(a)) / h.capacity * float64(refillTime))
	return min(max(wait, time.Millisecond), h.probeEvery)
}

// circuitOf is the circuit that defers the retries of an action that is down.
func (h *hostTokens) circuitOf(a *actionTokens) *circuit {
	if h.isOpen() {
		return &h.circuit
	}
	return &a.circuit
}

// probeWith says whether the retry of that number in a call to a probes now. It
// releases a deferred one in its place if that is the better probe.
func (h *hostTokens) probeWith(a *actionTokens, retry int) bool {
	if h.now.Before(h.circuitOf(a).probeAt(h.probeEvery)) {
		return false
	}
	best := h.candidate(a)
	if best != nil && (best.action.circuit.failures < a.circuit.failures || best.action == a && best.retry > retry) {
		h.release(best)
		h.probed(best.action)
		return false
	}
	h.probed(a)
	return true
}

// candidate is the deferred retry that is the best probe for a, nil if there is
// none: of the action with the fewest failures, if the host's circuit is open; of
// these the one that has come furthest, as first attempts may all fail where a later
// one succeeds; and the youngest of those, which has most time left.
func (h *hostTokens) candidate(a *actionTokens) *deferral {
	if h.isOpen() {
		for _, other := range h.actions {
			if other.queues.size > 0 && h.down(other) && (a.queues.size == 0 || other.circuit.failures < a.circuit.failures) {
				a = other
			}
		}
	}
	if a.queues.size == 0 {
		return nil
	}
	return a.queues.furthest().Back().Value.(*deferral)
}

// probed counts a probe by a. It takes a token if there is one, and needs none: what
// ends an open circuit must not depend on what it defers.
func (h *hostTokens) probed(a *actionTokens) {
	h.circuit.probe(h.now)
	a.circuit.probe(h.now)
	h.pay(a)
	h.recovery.start(h.now)
}
