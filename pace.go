package tcretry

import (
	"math"
	"math/rand/v2"
	"time"
)

// PaceMode is how a lane of an [AdaptivePacer] says when an attempt may start.
type PaceMode uint8

const (
	// PaceOpen: nothing was rejected yet, and nothing waits.
	PaceOpen PaceMode = iota
	// PaceOwn: the quota is known and this process alone seems to use it: that
	// many attempts start in any second.
	PaceOwn
	// PaceShared: others use the quota too, or it is not known: attempts start at
	// a rate that falls with rejections and creeps up without them.
	PaceShared
)

// String returns the name of the mode in lower case.
func (m PaceMode) String() string {
	return [...]string{"open", "own", "shared"}[min(m, PaceShared)]
}

// MarshalText returns the name of the mode in lower case.
func (m PaceMode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// The numbers of a pace.
const (
	// slowStartPlaces is how many attempts of a lane with SlowStart are in flight
	// at first: half of the usual quota, so that a first burst stays below it.
	slowStartPlaces = 10
	// slowStartGain is how many more each accepted attempt allows: in flight they
	// double every two answers, so that a lane without quota is free within 0.1 s.
	slowStartGain = 0.5

	// ownShare is the part of the count that our own attempts must explain for the
	// quota to be all ours: the rest is attempts at the edges of the second. All
	// rejections of the first second have a say: processes that start together
	// meet, and whoever is rejected first is told of hardly anybody else.
	ownShare = 0.8

	// guardStep is what a guard grows by: attempts of one second that arrive with
	// those of another are kept apart by it, and four steps add up to more than
	// the usual jitter of a network.
	guardStep = 8 * time.Millisecond
	// maxGuard bounds what a guard costs, 6 % of the quota.
	maxGuard = 60 * time.Millisecond
	// guardMelt is what a guard loses in a second. A server that counts the last
	// second, whenever it began, rejects one bunch of attempts each time that the
	// guard is gone: twice as fast costs 1 % more of the time there, and gains
	// 0.1 % where seconds have fixed ends.
	guardMelt = guardStep / 16

	// firstHold is how long a lane rests after a rejection: less than the distance
	// of two attempts at the usual quota, so that one miss costs nothing.
	firstHold = 25 * time.Millisecond
	// maxHolds doublings make firstHold most of a second: then the quota has
	// turned over, and to wait longer gains nothing.
	maxHolds = 5

	// lookEvery is how often a lane that uses its whole quota looks for a raised
	// one: one attempt of 240 at the usual quota. A quota that falls to a quarter
	// for half a minute then costs two thousand calls 4 % of their time.
	lookEvery = 12 * time.Second
	// lookCost keeps the looks of small quotas at one attempt of sixty.
	lookCost = 60 * time.Second

	// missWindows unexplained seconds within missMemory prove that others use the
	// quota: jitter alone is outrun by the guard after four.
	missWindows = 6
	missMemory  = 10 * time.Second

	// blindCut is what a rejection without numbers leaves of a rate.
	blindCut = 0.9
	// cutRest is the longest rest after a rejection that cut a rate. A whole second
	// would be sure to see the next one of the server, and costs two processes 8 %
	// of the time, ten 1 %, for 1 % fewer rejections.
	cutRest = quotaSecond / 2
	// blindRest is that after one without numbers: they come often, since only
	// they tell where the quota is, and half a second each would cost 7 %.
	blindRest = quotaSecond / 4
	// usedRest is the least rest after rejections in a row. Half a second loses
	// 2 % more of the time where the last second counts.
	usedRest = quotaSecond / 4
	// usedRow rejections in a row say that nothing comes through: the second of
	// the first one is let pass, and after that one attempt goes in each, so that no
	// call has all its attempts in one that others have used up. Without it 1 of
	// 10,000 calls failed where two to ten processes share a quota.
	usedRow = 3
	// creepStep and creepShare are what a rate gains in a second. What all gain
	// alike makes rates equal and rejections more, what they gain in proportion
	// does not: a third of this step shares no better than a Jain's index of 0.989
	// between ten processes. Ten at the usual quota add one attempt a second in
	// a second and a half.
	creepStep  = 0.06
	creepShare = 0.004
	// After creepSteady without a rejection a rate gains twice as much every
	// creepDouble: one of two processes takes over what the other leaves within 15
	// seconds. At once, whoever has luck for seconds gains what is not his.
	creepSteady = 4 * time.Second
	creepDouble = 2 * time.Second
	// maxDoublings bounds the growth; a rate is at any bound long before.
	maxDoublings = 32
	// minRate keeps a lane alive whatever the rejections say.
	minRate = 0.05
	// openRate is the rate above which a lane whose quota is not known is open
	// again: it does not wait in any sense.
	openRate = 1000

	// never is a moment that does not come.
	never time.Duration = math.MaxInt64
)

// pace says when the attempts of one lane may start. It is a pure state machine:
// times are given, nothing waits, and its user holds a lock.
//
// Times are readings of a clock that may jump. Its own time, now, is their sum
// of steps forward: where the clock goes back it stands still, so nothing waits
// for the clock to catch up.
type pace struct {
	mode     PaceMode
	since    time.Duration // when the mode became own or shared
	slow     bool          // start slowly
	clock    time.Duration // the last reading
	now      time.Duration
	begun    starts
	inFlight int
	limit    int           // the quota a second; 0 if it is not known
	accepted uint64        // attempts
	others   uint64        // rejections because attempts of others were accepted
	took     time.Duration // when an attempt was last accepted, unless open
	gained   float64       // places that accepted attempts added, while slow and open

	// Rejections in a row, at most usedRow, those of one bunch together; and when
	// the second of the first of them, or of the last one since usedRow, has passed.
	row  int
	over time.Duration

	// Own: at most limit attempts start in any second and guard.
	guard  time.Duration // 0 <= guard <= maxGuard
	rest   time.Duration // nothing starts before
	misses int           // rejections in a row that led to a rest
	missed [missWindows]time.Duration
	look   time.Duration // when to look for a raised quota
	extra  int           // answers to come until a look has succeeded; 0: no look
	raised int           // looks in a row that succeeded
	quiet  time.Duration // when something was last, or nothing was at last, in flight

	// Shared: attempts start at rate, the next one at turn.
	rate     float64
	turn     time.Duration
	burst    int           // attempts of the second before
	cut      time.Duration // when the rate was last cut
	rejected time.Duration // when an attempt was last rejected
	taken    int           // attempts accepted since, at most maxDoublings
	full     time.Duration // since when rate is limit; never if it is less
	unproved bool          // rate is that of attempts whose answers were not known
	proof    uint64        // what was accepted before those attempts, if unproved

	rng rand.PCG
}

// newPace returns an open pace whose random moments follow from seed.
func newPace(seed uint64, slow bool) pace {
	return pace{slow: slow, rng: *rand.NewPCG(seed, seed)}
}

// progress grows as long as the quota goes to somebody.
func (p *pace) progress() uint64 { return p.accepted + p.others }

// random returns a random part of d.
func (p *pace) random(d time.Duration) time.Duration {
	return time.Duration(float64(p.rng.Uint64()>>11) / (1 << 53) * float64(d))
}

// tick moves the time to the reading clock, with all that passes by itself.
func (p *pace) tick(clock time.Duration) {
	step := max(0, clock-p.clock)
	p.clock = clock
	p.now += step
	switch p.mode {
	case PaceOwn:
		p.guard = max(0, p.guard-time.Duration(float64(guardMelt)*step.Seconds()))
	case PaceShared:
		p.creep(step)
	}
}

// tryAcquire starts an attempt if one may start. If not, it returns at which
// reading of the clock the next one may: never, if only an answer can tell.
func (p *pace) tryAcquire(clock time.Duration) (bool, time.Duration) {
	p.tick(clock)
	next, extra := p.next()
	if next > p.now {
		return false, p.reading(next)
	}
	if p.inFlight == 0 {
		p.quiet = p.now
	}
	p.inFlight++
	p.begun.add(p.now)
	if extra {
		p.extra = p.inFlight
	}
	if p.mode == PaceShared {
		p.turn = max(p.turn, p.now) + p.interval()
	}
	return true, 0
}

// undo takes back the last attempt that tryAcquire started: it was not made.
func (p *pace) undo() {
	p.inFlight = max(0, p.inFlight-1)
	p.begun.undo()
	p.extra = 0
	if p.mode == PaceShared {
		p.turn -= p.interval()
	}
}

// reading returns the reading of the clock at the own time t, if it does not jump.
func (p *pace) reading(t time.Duration) time.Duration {
	if t == never {
		return never
	}
	return t - p.now + p.clock
}

// next returns when the next attempt may start, and whether it is a look for a
// raised quota.
func (p *pace) next() (at time.Duration, extra bool) {
	switch p.mode {
	case PaceOpen:
		if p.slow && float64(p.inFlight+1) > slowStartPlaces+p.gained {
			return never, false
		}
		return p.now, false
	case PaceShared:
		return max(p.turn, p.now), false
	}
	at = p.ownTurn(0)
	if at <= p.now || p.extra > 0 {
		return at, false
	}
	// A lane that has been busy all the time since it should have looked does it
	// with others in flight.
	quiet := p.inFlight == 0 && p.quiet == p.now || p.now-p.quiet >= p.lookEvery()
	if quiet && max(p.look, p.rest) <= p.now {
		return p.now, true
	}
	return at, false
}

// ownTurn returns when the attempt after n others may start, while own.
func (p *pace) ownTurn(n int) time.Duration {
	span := quotaSecond + p.guard
	rounds := time.Duration(n / p.limit)
	at := max(p.now, p.rest)
	if k := p.limit - n%p.limit; k <= p.begun.size {
		at = max(at, p.begun.back(k)+span)
	}
	return at + rounds*span
}

// estimate returns the reading of the clock at which the attempt after n others
// may start, as things stand.
func (p *pace) estimate(n int) time.Duration {
	switch p.mode {
	case PaceOwn:
		return p.reading(p.ownTurn(n))
	case PaceShared:
		wait := float64(n) / p.rate * float64(time.Second)
		if wait > float64(never/2) {
			return never
		}
		return p.reading(max(p.turn, p.now) + time.Duration(wait))
	}
	return p.reading(p.now)
}

// interval is the time from one turn to the next while shared.
func (p *pace) interval() time.Duration {
	return time.Duration(float64(time.Second) / p.rate)
}

// perSecond is how many attempts a second may start, 0 for any number.
func (p *pace) perSecond() float64 {
	switch p.mode {
	case PaceOwn:
		return float64(p.limit) / (quotaSecond + p.guard).Seconds()
	case PaceShared:
		return p.rate
	}
	return 0
}
