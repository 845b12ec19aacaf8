package ratelimit

import (
	"math"
	"time"
)

// The numbers of a shared pace. They were chosen on the scenes 1 to 800 of
// scene.DrawShared, and hold for ten processes, which the first ones are weighed
// against.
const (
	// blindCut is what a throttling response without numbers leaves of a rate.
	blindCut = 0.9
	// rowCut is what each further one in a row leaves, since nothing gets through:
	// where throttled attempts count too, all are throttled until the load falls.
	rowCut = 0.8
	// cutRest is the longest rest after a response that cut a rate. A whole second
	// would be sure to see the next one of the server, and costs two processes 8 %
	// of the time, ten 1 %, for 1 % fewer throttled attempts.
	cutRest = limitWindow / 2
	// blindRest is that after one without numbers: they come often, since only
	// they tell where the limit is, and half a second each would cost 7 %.
	blindRest = limitWindow / 4
	// rowRest is the least rest after two in a row; it doubles with each, up to a
	// window: whatever the responses say, a waiting call tries about that often.
	rowRest = limitWindow / 4
	// rowRests doublings of half of it make a window.
	rowRests = 4
	// jitter keeps processes that were throttled together from coming back
	// together.
	jitter = 0.25

	// A rate leads back to what it was at the last cut, its target. Each cut leaves
	// targetDecay of the target at least: trouble that lasts is more than a burst.
	targetDecay = 0.75
	// targetReach is the least target, in rates: something must be tried.
	targetReach = 2
	// The way back takes firstRecovery at first, and then as long as the trouble has
	// lasted, up to lastRecovery: a burst of others costs seconds, and processes that
	// share a limit for long rarely try it.
	firstRecovery = time.Second
	lastRecovery  = 24 * time.Second
	// floorPart bounds the distance of two attempts to a window, and to that part of
	// the time that the trouble has lasted: a storm of others costs no more than
	// about its own length.
	floorPart = 0.25
	// Trouble is over after so long without a throttling response, and half as long
	// as it had lasted.
	troubleOver = 8 * time.Second

	// creepStep and creepShare are what a rate gains in a second besides. What all
	// gain alike makes the rates of processes equal, what they gain in proportion
	// does not.
	creepStep  = 0.045
	creepShare = 0.002
	// openRate is the rate above which a pace whose limit is not known is open
	// again: it does not wait in any sense.
	openRate = 1000
)

// shared is what a pace knows while it shares its limit with others that it knows
// nothing of, or does not know the limit: attempts start at rate, the next one at
// turn.
//
// A rate that was cut recovers along a cubic, as the congestion window of a TCP
// connection does (RFC 9438): fast at first, slowly around its target, where the
// cut came from, and then faster and faster.
type shared struct {
	rate   float64 // per second
	turn   time.Duration
	burst  int           // attempts of the second before
	cut    time.Duration // when the rate was last cut
	full   time.Duration // since when rate is limit; never if it is less
	target float64
	gap    float64       // target less the rate that the last cut left
	began  time.Duration // when the trouble began
	first  time.Duration // when something was first accepted in it
	calm   time.Duration // when something was first accepted since the last throttling response
	calms  int           // attempts accepted since then
}

// accepted counts the attempts that were accepted, by seconds of its own.
type accepted struct {
	second       time.Duration // when the present one began
	here, before int           // in the present one, and in the one before
}

func (a *accepted) add(now time.Duration) {
	switch age := now - a.second; {
	case age >= 2*limitWindow:
		*a = accepted{second: now}
	case age >= limitWindow:
		*a = accepted{second: now, before: a.here}
	}
	a.here++
}

// lately returns how many there were in a second of the last two.
func (a *accepted) lately(now time.Duration) int {
	switch age := now - a.second; {
	case age >= 2*limitWindow:
		return 0
	case age >= limitWindow:
		return a.here
	}
	return max(a.here, a.before)
}

// share starts to share the limit, at the rate of the last second or, if that tells
// nothing, at the rate that the API accepted.
func (p *pace) share(ours int, r Result, known bool) {
	proved := p.accepted.lately(p.now)
	p.mode, p.since = Shared, p.now
	p.shared = shared{burst: max(ours, 1), began: p.now, first: never}
	p.rate = float64(p.burst)
	if !known {
		p.rate = float64(max(proved, 1))
	}
	p.cutRate(r, known)
	p.target = 0
	if proved > 1 {
		p.target = float64(proved)
	}
	p.aim()
}

// aim makes the present rate that of the last cut.
func (p *pace) aim() {
	p.target = max(p.target, targetReach*p.rate)
	p.gap = p.target - p.rate
}

// acceptShared learns from an attempt that was accepted.
func (p *pace) acceptShared() {
	if p.calms++; p.calms == 1 {
		if p.isOver() {
			p.restart()
			return
		}
		p.calm = p.now
		p.first = min(p.first, p.now)
	}
	// What was on its way when the sharing began is proof, too.
	if here := float64(p.accepted.here); p.now-p.since < limitWindow && here > 1 {
		p.target = max(p.target, here)
		if p.limit == 0 {
			p.rate = max(p.rate, here*blindCut)
		}
		p.gap = max(p.target-p.rate, 0)
	}
}

// isOver says that nothing was throttled for so long that the trouble is over.
func (p *pace) isOver() bool {
	return p.now-p.rejected >= max(troubleOver, (p.rejected-p.began)/2)
}

// restart forgets what others did: nothing was tried since their trouble ended, and
// then the first attempt was accepted. A batch that comes an hour later need not
// recover from it.
func (p *pace) restart() {
	if p.mode = Open; p.limit > 0 {
		p.own()
	}
}

// rejectShared cuts the rate once a second. The responses of the first second all
// tell of the burst that it follows from, and the largest count is the nearest to
// all of it.
func (p *pace) rejectShared(r Result, known bool) {
	if p.isOver() {
		p.began, p.first = p.now, never
	}
	switch {
	case p.now-p.cut >= limitWindow:
		p.cutRate(r, known)
	case known && p.now-p.since < limitWindow:
		p.rate = max(min(p.rate, float64(p.burst)*part(r, known)), p.floor())
		p.aim()
	}
	if p.calms == 0 {
		// Nothing got through since the last one: this second is used up, and
		// whoever is first in the queue would be throttled again.
		if p.row > 1 && p.now-p.rejected >= firstHold { // those of one burst as one
			p.rate = max(p.rate*rowCut, p.floor())
			p.gap = max(p.target-p.rate, 0)
		}
		p.turn = max(p.turn, p.now+p.spread(time.Duration(math.Exp2(float64(min(p.row, rowRests)-2))*float64(rowRest))))
	}
	p.calms = 0
}

// part is what a throttling response leaves of a rate.
func part(r Result, known bool) float64 {
	if known {
		return float64(r.Limit) / float64(r.Count)
	}
	return blindCut
}

// cutRate lowers the rate and rests until a random moment. Nothing starts before the
// last attempt has used its interval up, either.
func (p *pace) cutRate(r Result, known bool) {
	p.target = max(p.rate, p.target*targetDecay)
	p.rate = max(p.rate*part(r, known), p.floor())
	p.gap = max(p.target-p.rate, 0)
	p.cut, p.full = p.now, never
	rest := blindRest
	if known {
		rest = cutRest
	}
	p.turn = p.now + p.random(rest)
	if p.begun.size > 0 {
		p.turn = max(p.turn, p.begun.back(1)+p.spread(p.interval()))
	}
}

// floor is the least rate that a cut leaves of the present one.
func (p *pace) floor() float64 {
	lasted := (p.now - p.began).Seconds()
	return min(p.rate, 1/max(limitWindow.Seconds(), floorPart*lasted))
}

// spread returns d, more or less.
func (p *pace) spread(d time.Duration) time.Duration {
	return time.Duration(float64(d)*(1-jitter)) + p.random(time.Duration(2*jitter*float64(d)))
}

// recover raises the rate by what a step of time brings. How many steps there
// are hardly matters: the cubic is exact, the creep compounds. Of silence alone it
// learns nothing: it takes attempts that are accepted.
func (p *pace) recover(step time.Duration) {
	if p.calms == 0 {
		return
	}
	span := min(max(firstRecovery, p.calm-p.first), lastRecovery).Seconds()
	cube := func(t time.Duration) float64 { return math.Pow(max(0, t.Seconds())/span-1, 3) }
	calm := p.now - p.calm
	p.rate += p.gap*(cube(calm)-cube(calm-step)) + (creepStep+creepShare*p.rate)*step.Seconds()
	top := float64(maxLimit)
	if p.limit > 0 {
		top = float64(p.limit)
	}
	p.rate = min(p.rate, top)
	switch {
	case p.limit == 0 && p.rate >= openRate:
		p.mode = Open
	case p.limit == 0 || p.rate < top:
		p.full = never
	case p.full == never:
		p.full = p.now
	case p.now-p.full >= limitWindow:
		p.own()
	}
}

// interval is the time from one turn to the next.
func (p *pace) interval() time.Duration {
	return time.Duration(float64(time.Second) / p.rate)
}
