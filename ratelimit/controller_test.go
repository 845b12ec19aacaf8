package ratelimit

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// controllerStep is one event of a controller, and all that it must lead to.
type controllerStep struct {
	at       time.Duration // the reading of the clock
	try      int           // attempts that want to start, until one may not,
	ok       int           // or attempts that end accepted,
	throttle int           // or throttled,
	count    int           // with these numbers,
	limit    int
	lost     int  // or without evidence,
	undo     bool // or that were not made

	started  int           // of those that wanted
	next     time.Duration // when the next may start, if one may not; -1: never
	inFlight int
	mode     Mode
	known    int // the limit, 0 if it is not known
	guard    time.Duration
	rate     float64 // shared: to a hundredth
}

func TestController(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	for _, c := range []struct {
		name  string
		slow  bool
		steps []controllerStep
	}{
		{"open: everything starts", false, []controllerStep{
			{try: 5000, started: 5000, inFlight: 5000},
			{at: 50 * ms, ok: 4999, inFlight: 1},
			{at: 60 * ms, lost: 1},
			{at: 60 * ms, try: 1, started: 1, inFlight: 1},
		}},
		{"slow start: ten are in flight, and half a place more for each accepted attempt", true, []controllerStep{
			{try: 12, started: 10, next: -1, inFlight: 10},
			{at: 20 * ms, ok: 1, inFlight: 9},
			{at: 20 * ms, try: 2, started: 1, next: -1, inFlight: 10},
			{at: 30 * ms, ok: 1, inFlight: 9},
			{at: 30 * ms, try: 3, started: 2, next: -1, inFlight: 11},
			{at: 40 * ms, lost: 5, inFlight: 6},
			{at: 40 * ms, try: 6, started: 5, next: -1, inFlight: 11},
		}},
		{"a throttling response whose count we explain makes the limit ours", false, []controllerStep{
			{try: 10, started: 10, inFlight: 10},
			{at: 40 * ms, ok: 5, inFlight: 5},
			{at: 50 * ms, throttle: 1, count: 6, limit: 5, inFlight: 4, mode: Own, known: 5, guard: 8 * ms},
			{at: 50 * ms, throttle: 4, count: 10, limit: 5, mode: Own, known: 5, guard: 8 * ms},
			{at: 51 * ms, try: 1, next: 1008*ms - 500, mode: Own, known: 5, guard: 8*ms - 500},
		}},
		{"own: the limit may start in any second and a guard", false, []controllerStep{
			{try: 3, started: 3, inFlight: 3},
			{at: 50 * ms, ok: 2, inFlight: 1},
			{at: 50 * ms, throttle: 1, count: 3, limit: 2, mode: Own, known: 2, guard: 8 * ms},
			{at: 1050 * ms, try: 3, started: 2, next: 2057500 * time.Microsecond, inFlight: 2, mode: Own, known: 2, guard: 7500 * time.Microsecond},
			{at: 1060 * ms, ok: 2, mode: Own, known: 2, guard: 7495 * time.Microsecond},
			{at: 5060 * ms, try: 1, started: 1, inFlight: 1, mode: Own, known: 2, guard: 5495 * time.Microsecond},
			{at: 5560 * ms, try: 2, started: 1, next: 6065245 * time.Microsecond, inFlight: 2, mode: Own, known: 2, guard: 5245 * time.Microsecond},
			{at: 5570 * ms, undo: true, inFlight: 1, mode: Own, known: 2, guard: 5240 * time.Microsecond},
			{at: 5570 * ms, try: 1, started: 1, inFlight: 2, mode: Own, known: 2, guard: 5240 * time.Microsecond},
		}},
		{"own: an unexplained throttling response widens the guard, once per second, and pauses the key", false, []controllerStep{
			{try: 3, started: 3, inFlight: 3},
			{throttle: 1, count: 3, limit: 2, inFlight: 2, mode: Own, known: 2, guard: 8 * ms},
			{at: s, ok: 2, mode: Own, known: 2, guard: 7500 * time.Microsecond},
			{at: 2 * s, try: 2, started: 2, inFlight: 2, mode: Own, known: 2, guard: 7 * ms},
			{at: 2 * s, throttle: 1, count: 3, limit: 2, inFlight: 1, mode: Own, known: 2, guard: 15 * ms},
			{at: 2 * s, throttle: 1, count: 4, limit: 2, mode: Own, known: 2, guard: 15 * ms},
			{at: 4 * s, try: 1, started: 1, inFlight: 1, mode: Own, known: 2, guard: 14 * ms},
			{at: 4 * s, throttle: 1, count: 3, limit: 2, mode: Own, known: 2, guard: 22 * ms},
			{at: 4 * s, try: 1, next: 4050 * ms, mode: Own, known: 2, guard: 22 * ms},
			{at: 4050 * ms, try: 1, started: 1, inFlight: 1, mode: Own, known: 2, guard: 21975 * time.Microsecond},
			{at: 4050 * ms, ok: 1, mode: Own, known: 2, guard: 21975 * time.Microsecond},
			{at: 6050 * ms, try: 1, started: 1, inFlight: 1, mode: Own, known: 2, guard: 20975 * time.Microsecond},
			{at: 6050 * ms, throttle: 1, mode: Own, known: 2, guard: 28975 * time.Microsecond},
			{at: 6050 * ms, try: 1, next: 6075 * ms, mode: Own, known: 2, guard: 28975 * time.Microsecond},
		}},
		{"own: the later responses of the first second show the processes that started together", false, []controllerStep{
			{try: 20, started: 20, inFlight: 20},
			{at: 40 * ms, ok: 10, inFlight: 10},
			{at: 40 * ms, throttle: 1, count: 21, limit: 20, inFlight: 9, mode: Own, known: 20, guard: 8 * ms},
			{at: 50 * ms, throttle: 1, count: 25, limit: 20, inFlight: 8, mode: Own, known: 20, guard: 15995 * time.Microsecond},
			{at: 60 * ms, throttle: 1, count: 40, limit: 20, inFlight: 7, mode: Shared, known: 20, rate: 10},
		}},
		{"own: three throttling responses in a row pause until the second of the first one has ended", false, []controllerStep{
			{try: 3, started: 3, inFlight: 3},
			{at: 50 * ms, ok: 2, inFlight: 1},
			{at: 50 * ms, throttle: 1, count: 3, limit: 2, mode: Own, known: 2, guard: 8 * ms},
			{at: 5 * s, try: 1, started: 1, inFlight: 1, mode: Own, known: 2, guard: 5525 * time.Microsecond},
			{at: 5 * s, throttle: 1, count: 3, limit: 2, mode: Own, known: 2, guard: 13525 * time.Microsecond},
			{at: 5100 * ms, try: 1, started: 1, inFlight: 1, mode: Own, known: 2, guard: 13475 * time.Microsecond},
			{at: 5100 * ms, throttle: 1, count: 4, limit: 2, mode: Own, known: 2, guard: 13475 * time.Microsecond},
			{at: 5100 * ms, try: 1, next: 6013475 * time.Microsecond, mode: Own, known: 2, guard: 13475 * time.Microsecond},
		}},
		{"own: an explained one only states the limit", false, []controllerStep{
			{try: 20, started: 20, inFlight: 20},
			{ok: 19, inFlight: 1},
			{throttle: 1, count: 20, limit: 19, mode: Own, known: 19, guard: 8 * ms},
			{at: 2 * s, try: 19, started: 19, inFlight: 19, mode: Own, known: 19, guard: 7 * ms},
			{at: 2 * s, throttle: 1, count: 6, limit: 5, inFlight: 18, mode: Own, known: 5, guard: 7 * ms},
			{at: 2100 * ms, ok: 18, mode: Own, known: 5, guard: 6950 * time.Microsecond},
			{at: 2100 * ms, try: 2, started: 1, inFlight: 1, next: 3006950 * time.Microsecond, mode: Own, known: 5, guard: 6950 * time.Microsecond},
		}},
		{"own: now and then one attempt probes for a raised limit, when nothing is in flight", false, []controllerStep{
			{try: 6, started: 6, inFlight: 6},
			{ok: 5, inFlight: 1},
			{throttle: 1, count: 6, limit: 5, mode: Own, known: 5, guard: 8 * ms},
			{at: 20 * s, try: 6, started: 5, next: 21 * s, inFlight: 5, mode: Own, known: 5},
			{at: 20 * s, ok: 4, inFlight: 1, mode: Own, known: 5},
			{at: 20 * s, try: 1, next: 21 * s, inFlight: 1, mode: Own, known: 5},
			{at: 20050 * ms, ok: 1, mode: Own, known: 5},
			{at: 20050 * ms, try: 2, started: 1, next: 21 * s, inFlight: 1, mode: Own, known: 5},
			{at: 20100 * ms, throttle: 1, count: 6, limit: 5, mode: Own, known: 5},
			{at: 20100 * ms, try: 1, next: 21 * s, mode: Own, known: 5},
		}},
		{"own: a probe that succeeds goes on, at first only after a second", false, []controllerStep{
			{try: 6, started: 6, inFlight: 6},
			{ok: 5, inFlight: 1},
			{throttle: 1, count: 6, limit: 5, mode: Own, known: 5, guard: 8 * ms},
			{at: 20 * s, try: 5, started: 5, inFlight: 5, mode: Own, known: 5},
			{at: 20050 * ms, ok: 5, mode: Own, known: 5},
			{at: 20050 * ms, try: 1, started: 1, inFlight: 1, mode: Own, known: 5},
			{at: 20100 * ms, ok: 1, mode: Own, known: 6},
			{at: 20100 * ms, try: 1, next: 21 * s, mode: Own, known: 6},
			{at: 21100 * ms, try: 7, started: 6, next: 22100 * ms, inFlight: 6, mode: Own, known: 6},
			{at: 21150 * ms, ok: 6, mode: Own, known: 6},
			{at: 21150 * ms, try: 1, started: 1, inFlight: 1, mode: Own, known: 6},
			{at: 21200 * ms, ok: 1, mode: Own, known: 7},
			{at: 21200 * ms, try: 1, started: 1, inFlight: 1, mode: Own, known: 7},
			{at: 21250 * ms, ok: 1, mode: Own, known: 8},
			{at: 21250 * ms, try: 1, started: 1, inFlight: 1, mode: Own, known: 8},
			{at: 21300 * ms, throttle: 1, count: 9, limit: 8, mode: Own, known: 8},
			{at: 21300 * ms, try: 1, next: 22100 * ms, mode: Own, known: 8},
		}},
		{"own: six unexplained seconds within ten share the limit", false, []controllerStep{
			{try: 21, started: 21, inFlight: 21},
			{ok: 10, inFlight: 11},
			{throttle: 1, count: 21, limit: 20, inFlight: 10, mode: Own, known: 20, guard: 8 * ms},
			{at: 2 * s, throttle: 2, count: 22, limit: 20, inFlight: 8, mode: Own, known: 20, guard: 15 * ms},
			{at: 3 * s, throttle: 1, count: 22, limit: 20, inFlight: 7, mode: Own, known: 20, guard: 22500 * time.Microsecond},
			{at: 4 * s, throttle: 1, count: 22, limit: 20, inFlight: 6, mode: Own, known: 20, guard: 30 * ms},
			{at: 5 * s, throttle: 1, count: 22, limit: 20, inFlight: 5, mode: Own, known: 20, guard: 37500 * time.Microsecond},
			{at: 6 * s, throttle: 1, count: 22, limit: 20, inFlight: 4, mode: Own, known: 20, guard: 45 * ms},
			{at: 11 * s, try: 4, started: 4, inFlight: 8, mode: Own, known: 20, guard: 42500 * time.Microsecond},
			{at: 11999 * ms, throttle: 1, count: 40, limit: 20, inFlight: 7, mode: Shared, known: 20, rate: 2},
		}},
		{"own: a clock that leaps starts no more than the limit", false, []controllerStep{
			{try: 3, started: 3, inFlight: 3},
			{ok: 2, inFlight: 1},
			{throttle: 1, count: 3, limit: 2, mode: Own, known: 2, guard: 8 * ms},
			{at: 1e6 * s, try: 5, started: 2, next: 1e6*s + s, inFlight: 2, mode: Own, known: 2},
		}},
		{"own: a reading of the clock that is late neither hangs nor starts anything", false, []controllerStep{
			{at: 1000 * s, try: 3, started: 3, inFlight: 3},
			{at: 1000 * s, ok: 2, inFlight: 1},
			{at: 1000 * s, throttle: 1, count: 3, limit: 2, mode: Own, known: 2, guard: 8 * ms},
			{at: 10 * s, try: 1, next: 1001*s + 8*ms, mode: Own, known: 2, guard: 8 * ms},
			{at: 999 * s, try: 1, next: 1001*s + 8*ms, mode: Own, known: 2, guard: 8 * ms},
			{at: 1001*s + 8*ms, try: 3, started: 2, next: 1002015496 * time.Microsecond, inFlight: 2, mode: Own, known: 2, guard: 7496 * time.Microsecond},
		}},
	} {
		t.Run(c.name, func(t *testing.T) { runSteps(t, c.slow, c.steps) })
	}
}

// runSteps runs steps one after the other, and compares what each leads to.
func runSteps(t *testing.T, slow bool, steps []controllerStep) {
	t.Helper()
	p := newController(1, slow)
	for i, step := range steps {
		require.Equal(t, step, runStep(&p, step), "step %d", i)
	}
}

// runStep runs a step and returns it with what it led to.
func runStep(p *controller, step controllerStep) controllerStep {
	step.started, step.next = 0, 0
	p.advance(step.at)
	for range step.try {
		ok, next := p.tryAcquire(step.at)
		if !ok {
			if step.next = next; next == never {
				step.next = -1
			}
			break
		}
		step.started++
	}
	for range step.ok {
		p.done(step.at, Result{Verdict: Accepted})
	}
	for range step.throttle {
		p.done(step.at, Result{Verdict: Throttled, Count: step.count, Limit: step.limit})
	}
	for range step.lost {
		p.done(step.at, Result{})
	}
	if step.undo {
		p.undo()
	}
	step.inFlight, step.mode, step.known, step.guard, step.rate = p.inFlight, p.mode, p.limit, 0, 0
	switch p.mode {
	case Own:
		step.guard = p.guard
	case Shared:
		step.rate = math.Round(100*p.rate) / 100
	}
	return step
}
