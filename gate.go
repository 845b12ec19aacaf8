package tcretry

import (
	"container/list"
	"time"
)

// gateRules are the numbers of a gate, as TokenBudget's fields say them.
type gateRules struct {
	capacity, earned float64
	downAfter        int
	maxHold          time.Duration
	probeEvery       time.Duration
}

// gate is what a TokenBudget knows of one host: the tokens that are spent, and
// whether the host is down. It is a pure state machine: times are given, nothing
// waits, and its user holds a lock.
//
// It is up, down (the last attempts all failed) or, for maxHold after it was
// down, recovering: then a retry that no token is left for is still held, because
// the retries of the outage have just spent them all and the successes that
// bring new ones are on their way.
//
// What the held retries add to the load may be too much for a host that has just
// come back: then it goes down again, and each time that it does so its successes
// bring half as many tokens as before.
type gate struct {
	gateRules
	spent  float64   // 0 <= spent <= capacity
	failed int       // attempts that failed in a row, at most downAfter
	opened time.Time // when the host last stopped being down
	fell   int       // how often it went down again soon after, at most maxFalls
	tried  time.Time // when an attempt last ended or a probe was let out
	held   list.List // of *hold, in the order of their asking
}

// hold is one retry that is held.
type hold struct {
	limit time.Time     // when it is given up
	out   chan struct{} // closed when it is let out: its token is paid
	place *list.Element // in gate.held; nil once it is let out
}

func (g *gate) down() bool { return g.failed >= g.downAfter }

func (g *gate) recovering(now time.Time) bool { return now.Before(g.opened.Add(g.maxHold)) }

// calm says that nothing has failed that a success would make good for. Nothing is
// held then: a success lets out what there are tokens for.
func (g *gate) calm() bool { return g.failed == 0 && g.spent == 0 }

// record tells of an attempt that ended.
func (g *gate) record(now time.Time, failed bool) {
	down := g.down()
	g.tried = now
	if failed {
		if g.failed = min(g.failed+1, g.downAfter); g.failed == g.downAfter && !down {
			g.fall(now)
		}
		return
	}
	if down {
		g.opened = now
	} else if g.fell > 0 && !now.Before(g.opened.Add(fallMemory)) {
		g.fell = 0
	}
	g.failed = 0
	g.spent = max(0, g.spent-g.earned/float64(uint(1)<<g.fell))
	g.letOut()
}

const (
	// fallMemory is how soon going down again is the fault of the retries: their
	// load is gone after maxHold and the longest delay.
	fallMemory = 30 * time.Second
	// maxFalls halvings leave a sixteenth of a token a success: no host that
	// serves its first attempts is brought down by that.
	maxFalls = 3
)

// fall counts that the host has gone down.
func (g *gate) fall(now time.Time) {
	if !g.opened.IsZero() && now.Before(g.opened.Add(fallMemory)) {
		g.fell = min(g.fell+1, maxFalls)
		return
	}
	g.fell = 0
}

// withdraw asks for one retry: it may be made (no hold, no error), it may not
// (ErrBudgetSpent), or it is held, until its hold is let out or leaves.
func (g *gate) withdraw(now time.Time, w Withdrawal) (*hold, error) {
	if !w.Latest.IsZero() && now.After(w.Latest) {
		return nil, ErrBudgetSpent
	}
	if !g.down() && g.held.Len() == 0 && g.pay() {
		return nil, nil
	}
	limit := g.limit(now, w)
	if !now.Before(limit) || !g.down() && !g.recovering(now) {
		return nil, ErrBudgetSpent
	}
	h := &hold{limit: limit, out: make(chan struct{})}
	h.place = g.held.PushBack(h)
	return h, nil
}

// limit is when a retry that is held from now on is given up.
func (g *gate) limit(now time.Time, w Withdrawal) time.Time {
	if w.Start.IsZero() {
		w.Start = now
	}
	limit := w.Start.Add(g.maxHold)
	if !w.Latest.IsZero() && w.Latest.Before(limit) {
		return w.Latest
	}
	return limit
}

// leave takes h out of the queue, or gives its token back if it was let out but
// will not be made.
func (g *gate) leave(h *hold) {
	if h.place != nil {
		g.held.Remove(h.place)
		return
	}
	g.spent = max(0, g.spent-1)
	if !g.down() {
		g.letOut()
	}
}

// probe lets the first retry out if nobody has tried the host for a while. It
// returns when to look again: never, the zero time, if nothing is held.
func (g *gate) probe(now time.Time) time.Time {
	if g.held.Len() == 0 {
		return time.Time{}
	}
	if next := g.tried.Add(g.probeEvery); now.Before(next) {
		return next
	}
	if g.pay() {
		g.tried = now
		g.letOutFirst()
	}
	return now.Add(g.probeEvery)
}

// letOut lets held retries out in order, a token each.
func (g *gate) letOut() {
	for g.held.Len() > 0 && g.pay() {
		g.letOutFirst()
	}
}

func (g *gate) letOutFirst() {
	h := g.held.Remove(g.held.Front()).(*hold)
	h.place = nil
	close(h.out)
}

// pay spends a token if there is one.
func (g *gate) pay() bool {
	if g.spent+1 > g.capacity {
		return false
	}
	g.spent++
	return true
}
