package tcretry

import (
	"math"
	"time"
)

// done tells how an attempt that started has ended.
func (p *pace) done(clock time.Duration, r PaceResult) {
	p.tick(clock)
	if p.inFlight = max(0, p.inFlight-1); p.inFlight == 0 {
		p.quiet = p.now
	}
	switch r.Verdict {
	case PaceAccepted:
		p.accept()
	case PaceRejected:
		p.reject(r)
	}
}

func (p *pace) accept() {
	p.accepted++
	p.took = p.now
	p.taken = min(p.taken+1, maxDoublings)
	p.misses = 0
	switch p.mode {
	case PaceOpen:
		p.gained += slowStartGain
	case PaceOwn:
		if p.extra > 0 {
			if p.extra--; p.extra == 0 {
				p.raise()
			}
		}
	}
}

// reject learns from an attempt that was over the quota.
func (p *pace) reject(r PaceResult) {
	known := 0 < r.Limit && r.Limit < r.Count && r.Limit <= maxLimit
	if known {
		p.limit = r.Limit
	}
	ours := p.begun.after(p.now - quotaSecond)
	if p.othersTook(ours, r, known) {
		p.others++
	}
	switch p.mode {
	case PaceOpen:
		if known && float64(ours) >= ownShare*float64(r.Count) {
			p.own()
			p.takeRest()
		} else {
			p.share(ours, r, known)
		}
	case PaceOwn:
		p.rejectOwn(ours, r, known)
	case PaceShared:
		p.rejectShared(r, known)
	}
	p.letPass()
	p.rejected, p.taken = p.now, 0
}

// othersTook says that the quota, of which attempts of ours were accepted before,
// went to others: their part of the count is proof of that. Without numbers it is
// taken to be so for two seconds, since a quota is one of seconds.
func (p *pace) othersTook(ours int, r PaceResult, known bool) bool {
	if known {
		return p.accepted > 0 && ours < r.Limit
	}
	return p.accepted > 0 && p.now-p.took <= 2*quotaSecond
}

// letPass counts rejections in a row, and lets the second pass that others have
// used up.
func (p *pace) letPass() {
	switch {
	case p.row == 0 || p.taken > 0:
		// A whole second later the next one is about as used up again.
		p.row, p.over = 1, p.now+quotaSecond+p.random(quotaSecond/2)
		return
	case p.now-p.rejected < firstHold: // of one bunch
		return
	}
	if p.row = min(p.row+1, usedRow); p.row < usedRow {
		return
	}
	if p.mode == PaceShared {
		p.turn = max(p.turn, p.over)
	} else {
		p.rest = max(p.rest, p.over)
	}
	p.over += quotaSecond + p.random(quotaSecond/2)
}

// own makes the quota all ours.
func (p *pace) own() {
	p.mode, p.since = PaceOwn, p.now
	p.guard, p.rest, p.misses = guardStep, 0, 0
	for i := range p.missed {
		p.missed[i] = p.now - missMemory - 1
	}
	p.lookLater()
}

// raise goes on after a look that succeeded: at once, but after the first one
// only once a whole second went well. That look may have met the next second of
// the server, which the regular attempts then find used.
func (p *pace) raise() {
	p.limit = min(p.limit+1, maxLimit)
	p.look = p.now
	if p.raised == 0 {
		p.look += quotaSecond + p.guard
	}
	p.raised++
}

func (p *pace) rejectOwn(ours int, r PaceResult, known bool) {
	if known && p.now-p.since < quotaSecond && float64(ours) < ownShare*float64(r.Count) {
		p.share(ours, r, known)
		return
	}
	if p.extra > 0 || p.raised > 0 {
		p.lookLater()
	}
	p.takeRest()
	last := &p.missed[missWindows-1]
	if known && r.Count <= ours || p.now-*last < quotaSecond/2 {
		return
	}
	p.guard = min(p.guard+guardStep, maxGuard)
	copy(p.missed[:], p.missed[1:])
	*last = p.now
	if p.now-p.missed[0] < missMemory {
		p.share(ours, r, known)
	}
}

// takeRest lets nothing start for a while: a rejected attempt counts too.
func (p *pace) takeRest() {
	if p.now < p.rest {
		return
	}
	p.rest = p.now + firstHold<<p.misses
	p.misses = min(p.misses+1, maxHolds)
}

func (p *pace) lookEvery() time.Duration { return max(lookEvery, lookCost/time.Duration(p.limit)) }

// lookLater puts off the next look for a raised quota, by a random time so that
// processes do not look together.
func (p *pace) lookLater() {
	p.extra, p.raised = 0, 0
	every := p.lookEvery()
	p.look = p.now + every*3/4 + p.random(every/2)
}

// share starts to share the quota, at the rate of the last second.
func (p *pace) share(ours int, r PaceResult, known bool) {
	p.mode, p.since = PaceShared, p.now
	p.burst = max(ours, 1)
	p.rate = float64(p.burst)
	p.cutRate(r, known)
	if !known {
		// The answers to what is in flight are the proof.
		p.turn += usedRest
		p.unproved = true
		p.proof = p.accepted - min(p.accepted, uint64(max(0, ours-1-p.inFlight)))
	}
}

// rejectShared cuts the rate once a second. Those of the first second all tell of
// the burst that it follows from, and the largest count is the nearest to all of it.
func (p *pace) rejectShared(r PaceResult, known bool) {
	switch {
	case p.now-p.cut >= quotaSecond:
		p.cutRate(r, known)
	case known && p.now-p.since < quotaSecond:
		part := float64(r.Limit) / float64(r.Count)
		p.rate = max(min(p.rate, float64(p.burst)*part), minRate)
	}
	if p.taken == 0 {
		// Nothing came through since the last rejection: this second is used
		// up, and whoever is first in the queue would be rejected again.
		p.turn = max(p.turn, p.now+usedRest)
	}
}

// prove bounds a rate that followed from attempts alone by what was accepted of
// them: without numbers a burst tells nothing else of the quota.
func (p *pace) prove() {
	p.unproved = false
	p.rate = max(min(p.rate, float64(p.accepted-p.proof)), 1)
}

// cutRate lowers the rate and rests until a random moment, so that processes which
// were rejected together do not come back together.
func (p *pace) cutRate(r PaceResult, known bool) {
	part, rest := blindCut, blindRest
	if known {
		part, rest = float64(r.Limit)/float64(r.Count), cutRest
	}
	p.rate = max(p.rate*part, minRate)
	p.cut = p.now
	p.full = never
	p.turn = p.now + p.random(rest)
}

// creep raises the rate by what a step of time without rejections brings. It is
// the closed form of rate' = (creepStep + creepShare*rate) * 2^t, where t is the
// quiet time after creepSteady in creepDoubles, so that it does not depend on how
// often it is asked. Each doubling needs an attempt that was accepted since: of
// silence alone a slow lane learns nothing.
func (p *pace) creep(step time.Duration) {
	if p.unproved && p.now >= p.turn {
		p.prove()
	}
	top := float64(maxLimit)
	if p.limit > 0 {
		top = float64(p.limit)
	}
	quiet := (p.now - p.rejected - creepSteady).Seconds() / creepDouble.Seconds()
	grown := doubled(quiet, p.taken) - doubled(quiet-step.Seconds()/creepDouble.Seconds(), p.taken)
	grown *= creepShare * creepDouble.Seconds()
	p.rate = min(max(p.rate, (p.rate+creepStep/creepShare)*math.Exp(grown)-creepStep/creepShare), top)
	switch {
	case p.limit == 0 && p.rate >= openRate:
		p.mode = PaceOpen
	case p.limit == 0 || p.rate < top:
		p.full = never
	case p.full == never:
		p.full = p.now
	case p.now-p.full >= quotaSecond:
		p.own()
	}
}

// doubled is the integral from 0 to t of 2^t, but of 1 before 0 and of at most
// 2^most.
func doubled(t float64, most int) float64 {
	bend := min(max(t, 0), float64(most))
	return min(t, 0) + (math.Exp2(bend)-1)/math.Ln2 + math.Exp2(float64(most))*(max(t, 0)-bend)
}
