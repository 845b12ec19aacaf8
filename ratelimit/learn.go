package ratelimit

import "time"

// done tells how an attempt that started has ended.
func (p *pace) done(now time.Duration, r Result) {
	p.tick(now)
	if p.inFlight = max(0, p.inFlight-1); p.inFlight == 0 {
		p.quiet = p.now
	}
	switch r.Verdict {
	case Accepted:
		p.accept()
	case Throttled:
		p.reject(r)
	}
}

func (p *pace) accept() {
	p.accepted.add(p.now)
	p.misses, p.row = 0, 0
	switch p.mode {
	case Open:
		p.gained += slowStartGain
	case Own:
		if p.extra > 0 {
			if p.extra--; p.extra == 0 {
				p.raise()
			}
		}
	case Shared:
		p.acceptShared()
	}
}

// reject learns from an attempt that was throttled.
func (p *pace) reject(r Result) {
	known := 0 < r.Limit && r.Limit < r.Count && r.Limit <= maxLimit
	if known {
		p.limit = r.Limit
		p.rate = min(p.rate, float64(p.limit))
	}
	if p.row == 0 || p.now-p.rejected >= firstHold {
		p.row++
	}
	ours := p.begun.after(p.now - limitWindow)
	switch p.mode {
	case Open:
		switch {
		case ours <= 1 && p.row == 1:
			// One attempt says nothing of our load, and may be the only one that is
			// ever throttled: it is tried once more.
			p.rest = p.now + p.random(cutRest)
		case known && float64(ours) >= ownShare*float64(r.Count):
			p.own()
			p.takeRest()
		default:
			p.share(ours, r, known)
		}
	case Own:
		p.rejectOwn(ours, r, known)
	case Shared:
		p.rejectShared(r, known)
	}
	p.rejected = p.now
}

// own makes the limit all ours.
func (p *pace) own() {
	p.mode, p.since = Own, p.now
	p.guard, p.rest, p.misses, p.looks = guardStep, 0, 0, 0
	for i := range p.missed {
		p.missed[i] = p.now - missMemory - 1
	}
	p.lookLater()
}

// raise goes on after a probe that succeeded: immediately, but after the first one
// only once a whole second went well. That probe may have met the next second of
// the server, which the regular attempts then find used.
func (p *pace) raise() {
	p.limit = min(p.limit+1, maxLimit)
	p.look = p.now
	if p.raised == 0 {
		p.look += limitWindow + p.guard
	}
	p.raised++
}

func (p *pace) rejectOwn(ours int, r Result, known bool) {
	if known && p.now-p.since < limitWindow && float64(ours) < ownShare*float64(r.Count) {
		p.share(ours, r, known)
		return
	}
	if p.extra > 0 || p.raised > 0 {
		p.lookLater()
	}
	p.takeRest()
	last := &p.missed[missWindows-1]
	if known && r.Count <= ours || p.now-*last < limitWindow/2 {
		return
	}
	p.guard = min(p.guard+guardStep, maxGuard)
	copy(p.missed[:], p.missed[1:])
	*last = p.now
	if p.now-p.missed[0] < missMemory {
		p.share(ours, r, known)
	}
}

// takeRest lets nothing start for a while: a throttled attempt counts too.
func (p *pace) takeRest() {
	if p.now < p.rest {
		return
	}
	p.rest = p.now + firstHold<<p.misses
	p.misses = min(p.misses+1, maxHolds)
}

// lookEvery is how long it is until the next probe.
func (p *pace) lookEvery() time.Duration {
	return min(max(lookEvery, lookCost/time.Duration(p.limit)), firstLook<<min(p.looks, 16))
}

// lookLater puts off the next probe for a raised limit, by a random time so that
// processes do not probe together.
func (p *pace) lookLater() {
	every := p.lookEvery()
	p.looks++
	p.extra, p.raised = 0, 0
	p.look = p.now + every*3/4 + p.random(every/2)
}
