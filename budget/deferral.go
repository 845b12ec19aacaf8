package budget

import (
	"container/list"
	"time"
)

// deferral is one retry that is deferred.
type deferral struct {
	action   *actionTokens
	retry    int           // its number in the call, from 1
	deadline time.Time     // when it fails with ErrExhausted
	released chan struct{} // closed when it is released
	element  *list.Element // in its queue; nil once it has been released
}

// queues are the deferred retries of an action in FIFO queues by their number in the call:
// 1, 2, and higher.
type queues struct {
	lists [3]list.List // of *deferral
	size  int
}

func (q *queues) list(retry int) *list.List { return &q.lists[min(retry, len(q.lists))-1] }

func (q *queues) push(d *deferral) {
	d.element = q.list(d.retry).PushBack(d)
	q.size++
}

func (q *queues) remove(d *deferral) {
	q.list(d.retry).Remove(d.element)
	d.element = nil
	q.size--
}

// highestRetry returns the queue with the highest numbers that is not empty, if there is one.
func (q *queues) highestRetry() *list.List {
	i := len(q.lists) - 1
	for i > 0 && q.lists[i].Len() == 0 {
		i--
	}
	return &q.lists[i]
}

// acquire requests one retry: it may be made (no deferral, no error), it may not
// (ErrExhausted), or it is deferred until it is released or leaves.
func (h *hostTokens) acquire(r Request) (*deferral, error) {
	if !r.Latest.IsZero() && h.now.After(r.Latest) {
		return nil, ErrExhausted
	}
	a := h.action(r.Action)
	defer h.track(a)
	r.Retry = max(r.Retry, 1)
	if h.deferring(a) {
		if h.tryProbe(a, r.Retry) {
			return nil, nil
		}
	} else if a.queues.size == 0 && h.permit(a) {
		return nil, nil
	}
	limit := h.deferUntil(r)
	if !h.now.Before(limit) {
		return nil, ErrExhausted
	}
	d := &deferral{action: a, retry: r.Retry, deadline: limit, released: make(chan struct{})}
	a.queues.push(d)
	h.deferred++
	return d, nil
}

// deferUntil returns when a retry that is deferred from now on fails.
func (h *hostTokens) deferUntil(r Request) time.Time {
	if r.Start.IsZero() {
		r.Start = h.now
	}
	limit := r.Start.Add(h.maxDefer)
	if !r.Latest.IsZero() && r.Latest.Before(limit) {
		return r.Latest
	}
	return limit
}

// leave removes d from its queue, or returns its token if it was released but will not be
// made.
func (h *hostTokens) leave(d *deferral) {
	if d.element != nil {
		d.action.queues.remove(d)
		h.deferred--
	} else {
		h.recovery.ended(Report{}, false)
		h.addTokens(d.action, 1)
	}
	h.track(d.action)
	h.releaseAll()
}

func (h *hostTokens) release(d *deferral) {
	d.action.queues.remove(d)
	h.deferred--
	close(d.released)
}

// recovering reports that a circuit that deferred the retries of a has closed recently.
func (h *hostTokens) recovering(a *actionTokens) bool { return h.now.Before(h.recoveryEnd(a)) }

// recoveryEnd is maxDefer after a circuit that deferred the retries of a last closed.
func (h *hostTokens) recoveryEnd(a *actionTokens) time.Time {
	closed := h.circuit.closedAt
	if a.circuit.closedAt.After(closed) {
		closed = a.circuit.closedAt
	}
	return closed.Add(h.maxDefer)
}

// crowded reports that a is recovering, and that no other retry may be in flight meanwhile.
func (h *hostTokens) crowded(a *actionTokens) bool {
	return h.recovering(a) && float64(h.recovery.inFlight+1) > h.recovery.window
}

// permit reports whether a retry of an action with a closed circuit may be made, and counts it.
func (h *hostTokens) permit(a *actionTokens) bool {
	if h.crowded(a) || !h.consume(a) {
		return false
	}
	h.recovery.start(h.now)
	return true
}

// releaseAll releases the deferred retries that may be made: of each action those with the
// highest number in their call first, in FIFO order.
func (h *hostTokens) releaseAll() {
	for _, a := range h.actions {
		for a.queues.size > 0 && !h.deferring(a) && h.permit(a) {
			h.release(a.queues.highestRetry().Front().Value.(*deferral))
		}
	}
}

// releaseDue releases what is due by time alone. It returns when to call it again; the zero
// time if nothing is deferred.
func (h *hostTokens) releaseDue() (next time.Time) {
	if h.deferred == 0 {
		return time.Time{}
	}
	h.releaseAll()
	for _, a := range h.actions {
		if a.queues.size > 0 && h.deferring(a) && !h.now.Before(h.circuitOf(a).probeAt(h.probeInterval)) {
			best := h.probeCandidate(a)
			h.release(best)
			h.countProbe(best.action)
		}
	}
	for _, a := range h.actions {
		if a.queues.size == 0 {
			continue
		}
		if at := h.nextRelease(a); next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// nextRelease is when time alone may release a deferred retry of a: it is never sooner, or
// the timer would spin.
func (h *hostTokens) nextRelease(a *actionTokens) time.Time {
	switch {
	case h.deferring(a):
		return h.circuitOf(a).probeAt(h.probeInterval)
	case h.crowded(a):
		return h.recoveryEnd(a)
	}
	return h.now.Add(h.untilToken(a))
}

// untilToken is how long time alone takes to refill the next token of a. It refills all
// buckets that are not full at the same rate, and what others refill a may use too.
func (h *hostTokens) untilToken(a *actionTokens) time.Duration {
	refilled := 0.0 // to each of them until then
	// What is lacking falls the more slowly the more buckets are full. Each step goes on to
	// the time at which nothing would be lacking if no more became full.
	for range len(h.actions) + 1 {
		lacking, rate := 2*(1-h.capacity), 0.0 // see tokens: twice those of a
		for _, other := range h.actions {
			left, weight := other.consumed-refilled, 1.0
			if other == a {
				weight = 2
			}
			if left > 0 {
				lacking, rate = lacking+weight*left, rate+weight
			}
		}
		if lacking <= 0 {
			break
		}
		refilled += lacking / rate
	}
	// A microsecond refills more than rounding takes.
	return time.Duration(refilled/h.capacity*float64(refillTime)) + time.Microsecond
}

// circuitOf returns the circuit that defers the retries of a.
func (h *hostTokens) circuitOf(a *actionTokens) *circuit {
	if h.isOpen() {
		return &h.circuit
	}
	return &a.circuit
}

// tryProbe reports whether the retry with that number in a call to a is a probe now. If a
// deferred retry is the better probe, it is released instead.
func (h *hostTokens) tryProbe(a *actionTokens, retry int) bool {
	if h.now.Before(h.circuitOf(a).probeAt(h.probeInterval)) {
		return false
	}
	best := h.probeCandidate(a)
	if best != nil && (best.action.circuit.failures < a.circuit.failures || best.action == a && best.retry > retry) {
		h.release(best)
		h.countProbe(best.action)
		return false
	}
	h.countProbe(a)
	return true
}

// probeCandidate returns the deferred retry that is the best probe for a, nil if there is
// none: of the action with the fewest failures, if the circuit of the host is open; of those
// the one with the highest number in its call, as first attempts may all fail where a later
// one succeeds; and the youngest of those, which has most time left.
func (h *hostTokens) probeCandidate(a *actionTokens) *deferral {
	if h.isOpen() {
		for _, other := range h.actions {
			if other.queues.size > 0 && h.deferring(other) && (a.queues.size == 0 || other.circuit.failures < a.circuit.failures) {
				a = other
			}
		}
	}
	if a.queues.size == 0 {
		return nil
	}
	return a.queues.highestRetry().Back().Value.(*deferral)
}

// countProbe counts a probe of a. It consumes a token if there is one and needs none: closing
// a circuit must not depend on the retries that it defers.
func (h *hostTokens) countProbe(a *actionTokens) {
	h.circuit.probe(h.now)
	a.circuit.probe(h.now)
	h.consume(a)
	h.recovery.start(h.now)
}
