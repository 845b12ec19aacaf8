package ratelimit

import (
	"math"
	"math/rand/v2"
	"time"
)

// Mode is how an [Adaptive] limits the attempts of one key.
type Mode uint8

const (
	// Open: nothing was throttled yet, and nothing waits.
	Open Mode = iota
	// Own: the limit is known and this process alone seems to use it: that
	// many attempts start in any second.
	Own
	// Shared: others use the limit too, or it is not known: attempts start at a
	// rate that throttling responses cut and that recovers without them.
	Shared
)

// String returns the name of the mode in lower case.
func (m Mode) String() string {
	return [...]string{"open", "own", "shared"}[min(m, Shared)]
}

// MarshalText returns the name of the mode in lower case.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

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

	// lookEvery is how often a lane that uses its whole limit probes for a raised
	// one in the end: one attempt of 240 at the usual limit. A limit that falls to a
	// quarter for half a minute then costs two thousand calls 4 % of their time.
	lookEvery = 12 * time.Second
	// firstLook is when it does so first, and the time doubles from then on: a limit
	// that one stray response stated, and nobody enforces, slows a program for no
	// longer than that.
	firstLook = time.Second
	// lookCost keeps the looks of small quotas at one attempt of sixty.
	lookCost = 60 * time.Second

	// missWindows unexplained seconds within missMemory prove that others use the
	// quota: jitter alone is outrun by the guard after four.
	missWindows = 6
	missMemory  = 10 * time.Second

	// never is a moment that does not come.
	never time.Duration = math.MaxInt64
)

// pace says when the attempts of one key may start. It is a pure state machine:
// times are given, nothing waits, and its user holds a lock. A time that is told late,
// after a later one, is taken for that: time never goes back, and no time counts
// twice.
type pace struct {
	mode     Mode
	since    time.Duration // when the mode became own or shared
	slow     bool          // start slowly
	now      time.Duration // the latest time that it was told
	begun    starts
	inFlight int
	limit    int     // per second; 0 if it is not known
	gained   float64 // places that accepted attempts added, while slow and open
	accepted accepted
	rejected time.Duration // when an attempt was last throttled
	row      int           // attempts throttled since one was accepted, those of one burst as one

	// Own: at most limit attempts start in any second and guard.
	guard  time.Duration // 0 <= guard <= maxGuard
	rest   time.Duration // nothing starts before
	misses int           // throttling responses in a row that led to a rest
	missed [missWindows]time.Duration
	look   time.Duration // when to probe for a raised limit
	looks  int           // probes in vain since the limit was last news
	extra  int           // responses to come until a probe has succeeded; 0: no probe
	raised int           // probes in a row that succeeded
	quiet  time.Duration // when something was last, or nothing was at last, in flight

	shared
	rng rand.PCG
}

// newPace returns an open pace whose random moments follow from seed.
func newPace(seed uint64, slow bool) pace {
	return pace{slow: slow, rng: *rand.NewPCG(seed, seed)}
}

// random returns a random part of d.
func (p *pace) random(d time.Duration) time.Duration {
	return time.Duration(float64(p.rng.Uint64()>>11) / (1 << 53) * float64(d))
}

// tick moves the time on to now, with all that passes by itself. A time in the past
// changes nothing.
func (p *pace) tick(now time.Duration) {
	step := now - p.now
	if step <= 0 {
		return
	}
	p.now = now
	switch p.mode {
	case Own:
		p.guard = max(0, p.guard-time.Duration(float64(guardMelt)*step.Seconds()))
	case Shared:
		p.recover(step)
	}
}

// tryAcquire starts an attempt if one may start. If not, it returns when the next one
// may: never, if only a response can tell.
func (p *pace) tryAcquire(now time.Duration) (bool, time.Duration) {
	p.tick(now)
	next, extra := p.next()
	if next > p.now {
		return false, next
	}
	if p.inFlight == 0 {
		p.quiet = p.now
	}
	p.inFlight++
	p.begun.add(p.now)
	if extra {
		p.extra = p.inFlight
	}
	if p.mode == Shared {
		p.turn = max(p.turn, p.now) + p.interval()
	}
	return true, 0
}

// undo takes back the last attempt that tryAcquire started: it was not made.
func (p *pace) undo() {
	p.inFlight = max(0, p.inFlight-1)
	p.begun.undo()
	p.extra = 0
	if p.mode == Shared {
		p.turn -= p.interval()
	}
}

// next returns when the next attempt may start, and whether it is a look for a
// raised quota.
func (p *pace) next() (at time.Duration, extra bool) {
	switch p.mode {
	case Open:
		if p.slow && float64(p.inFlight+1) > slowStartPlaces+p.gained {
			return never, false
		}
		return max(p.now, p.rest), false
	case Shared:
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
	span := limitWindow + p.guard
	rounds := time.Duration(n / p.limit)
	at := max(p.now, p.rest)
	if k := p.limit - n%p.limit; k <= p.begun.size {
		at = max(at, p.begun.back(k)+span)
	}
	return at + rounds*span
}

// earliest returns when the attempt after n others may start at the earliest: if all
// of the limit is ours from now on. A rate that was cut is no certain thing, so it
// makes nobody late.
func (p *pace) earliest(n int) time.Duration {
	if p.mode == Open || p.limit == 0 {
		return p.now
	}
	return p.now + time.Duration(n/p.limit)*limitWindow
}

// perSecond is how many attempts a second may start, 0 for any number.
func (p *pace) perSecond() float64 {
	switch p.mode {
	case Own:
		return float64(p.limit) / (limitWindow + p.guard).Seconds()
	case Shared:
		return p.rate
	}
	return 0
}
