package budget

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tokenStep is one thing that happens to the tokens of a host, and all that it must
// lead to.
type tokenStep struct {
	at     time.Duration // since the start of the case
	action string        // of all below
	ok     int           // attempts that end with success,
	paid   int           // each of a call that has withdrawn so many,
	failed int           // or fail,
	ask    string        // or a retry by this name asks,
	retry  int           // by this number in its call; 0 means 1
	start  time.Duration // whose call started then
	latest time.Duration // and that must start by then; 0: any time
	leave  string        // or it gives up,
	tick   bool          // or the timer runs

	answer string        // of ask: "", "spent" or "deferred 3s" (until when)
	out    string        // who is released, in the order of their asking
	next   time.Duration // of tick: when to look again; 0: never
	tokens float64       // of the action
	open   bool          // its retries are deferred
	held   int           // of all actions
}

const ms, s = time.Millisecond, time.Second

// small has a capacity of 3, of which time brings none that counts.
var small = rules{capacity: 3, earned: 0.5, openAfter: 4, maxHold: 5 * s, probeEvery: s}

var tokenCases = []struct {
	name  string
	steps []tokenStep
}{
	{"a retry consumes a token, and is deferred without one", []tokenStep{
		{ask: "a", tokens: 2},
		{failed: 1, tokens: 2},
		{ask: "b", tokens: 1},
		{ask: "c", tokens: 0},
		{ask: "d", answer: "deferred 5s", tokens: 0, held: 1},
		{ok: 2, out: "d", tokens: 0},
	}},
	{"two successes refill a token, and no more than the capacity", []tokenStep{
		{ask: "a", tokens: 2},
		{ok: 1, tokens: 2.5},
		{ok: 1, tokens: 3},
		{ok: 1, tokens: 3},
	}},
	{"a call that succeeds gets all its tokens back", []tokenStep{
		{ask: "a", tokens: 2},
		{failed: 1, tokens: 2},
		{ask: "a", retry: 2, tokens: 1},
		{ok: 1, paid: 2, tokens: 3},
	}},
	{"time refills the bucket in 100 seconds", []tokenStep{
		{ask: "a", tokens: 2},
		{ask: "b", tokens: 1},
		{ask: "c", tokens: 0},
		{at: 10 * s, ask: "d", start: 10 * s, answer: "deferred 15s", tokens: 0.3, held: 1},
		{at: 10 * s, leave: "d", tokens: 0.3},
		{at: 40 * s, ask: "e", tokens: 0.2},
		{at: 500 * s, ask: "f", tokens: 2},
	}},
	{"and releases what waits for a token", []tokenStep{
		{ask: "a", tokens: 2},
		{ask: "b", tokens: 1},
		{ask: "c", tokens: 0},
		{at: 30 * s, ask: "d", start: 30 * s, answer: "deferred 35s", tokens: 0.9, held: 1},
		{at: 30 * s, tick: true, next: 31 * s, tokens: 0.9, held: 1},
		{at: 34 * s, tick: true, out: "d", tokens: 0.02},
	}},
	{"a success among the failures keeps the circuit closed", []tokenStep{
		{failed: 3, tokens: 3},
		{ok: 1, tokens: 3},
		{failed: 3, tokens: 3},
		{ask: "a", tokens: 2},
		{failed: 1, tokens: 2, open: true},
	}},
	{"an open circuit defers, and the first success releases in order", []tokenStep{
		{failed: 4, tokens: 3, open: true},
		{ask: "a", answer: "deferred 5s", tokens: 3, open: true, held: 1},
		{at: 100 * ms, ask: "b", start: s, answer: "deferred 6s", tokens: 3, open: true, held: 2},
		{at: 200 * ms, ok: 1, out: "a b", tokens: 1},
	}},
	{"those that have come furthest first", []tokenStep{
		{ask: "x", tokens: 2},
		{ask: "y", tokens: 1},
		{failed: 4, tokens: 1, open: true},
		{ask: "a", answer: "deferred 5s", tokens: 1, open: true, held: 1},
		{ask: "b", retry: 2, answer: "deferred 5s", tokens: 1, open: true, held: 2},
		{ok: 1, out: "b", tokens: 0.5, held: 1},
	}},
	{"nobody overtakes the deferred ones", []tokenStep{
		{ask: "x", tokens: 2},
		{ask: "y", tokens: 1},
		{ask: "z", tokens: 0},
		{ask: "a", answer: "deferred 5s", tokens: 0, held: 1},
		{ok: 1, tokens: 0.5, held: 1},
		{ask: "b", answer: "deferred 5s", tokens: 0.5, held: 2},
		{ok: 1, out: "a", tokens: 0, held: 1},
	}},
	{"a retry is deferred from the start of its call, and never past its latest time", []tokenStep{
		{at: 2 * s, failed: 4, tokens: 3, open: true},
		{at: 2 * s, ask: "a", start: s, answer: "deferred 6s", tokens: 3, open: true, held: 1},
		{at: 2 * s, ask: "b", start: s, latest: 5 * s, answer: "deferred 5s", tokens: 3, open: true, held: 2},
		{at: 2 * s, ask: "c", start: s, latest: 60 * s, answer: "deferred 6s", tokens: 3, open: true, held: 3},
		{at: 2 * s, ask: "d", start: -3 * s, answer: "spent", tokens: 3, open: true, held: 3},
		{at: 2 * s, ask: "e", start: s, latest: 2 * s, answer: "spent", tokens: 3, open: true, held: 3},
	}},
	{"a retry that is too late gets no token", []tokenStep{
		{at: s, ask: "a", latest: s - 1, answer: "spent", tokens: 3},
		{at: s, ask: "b", latest: s, tokens: 2},
	}},
	{"one that leaves is not released, and nobody waits for it", []tokenStep{
		{failed: 4, tokens: 3, open: true},
		{ask: "a", answer: "deferred 5s", tokens: 3, open: true, held: 1},
		{ask: "b", answer: "deferred 5s", tokens: 3, open: true, held: 2},
		{leave: "a", tokens: 3, open: true, held: 1},
		{ok: 1, out: "b", tokens: 2},
	}},
	{"one that leaves after its release gives its token to the next", []tokenStep{
		{ask: "x", tokens: 2},
		{ask: "y", tokens: 1},
		{failed: 4, tokens: 1, open: true},
		{ask: "a", answer: "deferred 5s", tokens: 1, open: true, held: 1},
		{ask: "b", answer: "deferred 5s", tokens: 1, open: true, held: 2},
		{ok: 1, out: "a", tokens: 0.5, held: 1},
		{leave: "a", out: "b", tokens: 0.5},
		{leave: "b", tokens: 1.5},
	}},
	{"with nobody trying, the youngest of those that have come furthest probes each second", []tokenStep{
		{failed: 4, tokens: 3, open: true},
		{ask: "a", answer: "deferred 5s", tokens: 3, open: true, held: 1},
		{ask: "b", retry: 2, answer: "deferred 5s", tokens: 3, open: true, held: 2},
		{ask: "c", retry: 2, answer: "deferred 5s", tokens: 3, open: true, held: 3},
		{at: 900 * ms, tick: true, next: s, tokens: 3, open: true, held: 3},
		{at: s, tick: true, out: "c", next: 2 * s, tokens: 2, open: true, held: 2},
		{at: 2 * s, tick: true, out: "b", next: 3 * s, tokens: 1.03, open: true, held: 1},
		{at: 2100 * ms, ok: 1, out: "a", tokens: 0.533},
	}},
	{"while others try, one of ten attempts, and one every three seconds", []tokenStep{
		{failed: 4, tokens: 3, open: true},
		{ask: "a", answer: "deferred 5s", tokens: 3, open: true, held: 1},
		{ask: "b", answer: "deferred 5s", tokens: 3, open: true, held: 2},
		{at: 900 * ms, failed: 10, tokens: 3, open: true, held: 2},
		{at: s, tick: true, out: "b", next: 2 * s, tokens: 2, open: true, held: 1},
		{at: 1900 * ms, failed: 1, tokens: 2.027, open: true, held: 1},
		{at: 2800 * ms, failed: 1, tokens: 2.054, open: true, held: 1},
		{at: 3700 * ms, failed: 1, tokens: 2.081, open: true, held: 1},
		{at: 3700 * ms, tick: true, next: 4 * s, tokens: 2.081, open: true, held: 1},
		{at: 4 * s, tick: true, out: "a", tokens: 1.09, open: true},
	}},
	{"a probe that is due needs not be deferred, nor a token", []tokenStep{
		{ask: "x", tokens: 2},
		{ask: "y", tokens: 1},
		{ask: "z", tokens: 0},
		{failed: 4, tokens: 0, open: true},
		{at: 3 * s, failed: 1, tokens: 0.09, open: true},
		{at: 3 * s, ask: "a", start: -60 * s, tokens: 0.09, open: true},
		{at: 3 * s, ask: "b", start: -60 * s, answer: "spent", tokens: 0.09, open: true},
	}},
	{"failures of half a minute ago are no evidence", []tokenStep{
		{failed: 3, tokens: 3},
		{at: 30 * s, failed: 1, tokens: 3},
		{at: 60*s - 1, failed: 3, tokens: 3, open: true},
		{at: 90*s - 1, ask: "a", tokens: 2},
	}},
}

func TestTokensOfAnAction(t *testing.T) {
	for _, c := range tokenCases {
		t.Run(c.name, func(t *testing.T) { runTokens(t, small, c.steps) })
	}
}

func runTokens(t *testing.T, rules rules, steps []tokenStep) {
	t.Helper()
	h := &tokenRun{hostTokens: hostTokens{rules: rules}, names: map[*deferral]string{}}
	for i, want := range steps {
		got := h.do(want)
		require.InDelta(t, want.tokens, got.tokens, 1e-9, "step %d", i)
		got.tokens = want.tokens
		require.Equal(t, want, got, "step %d", i)
	}
}

// tokenRun runs steps on the tokens of a host.
type tokenRun struct {
	hostTokens
	names map[*deferral]string
	asked []*deferral
}

var tokenStart = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// do runs a step and returns it with what it led to.
func (h *tokenRun) do(step tokenStep) tokenStep {
	h.advance(tokenStart.Add(step.at))
	step.answer, step.next = "", 0
	switch {
	case step.ask != "":
		step.answer = h.askAs(step)
	case step.leave != "":
		for d, name := range h.names {
			if name == step.leave {
				h.leave(d)
				delete(h.names, d)
			}
		}
	case step.tick:
		if next := h.tick(); !next.IsZero() {
			step.next = next.Sub(tokenStart)
		}
	}
	for range step.ok {
		h.record(Report{Action: step.action, Returned: step.paid, Retry: step.paid})
	}
	for range step.failed {
		h.record(Report{Action: step.action, Result: Failure})
	}
	step.out = h.releasedSince()
	a := h.action(step.action)
	h.refill(a)
	step.tokens, step.open, step.held = h.tokens(a), h.down(a), h.deferred
	return step
}

func (h *tokenRun) askAs(step tokenStep) string {
	w := Request{Action: step.action, Retry: step.retry, Start: tokenStart.Add(step.start)}
	if step.latest != 0 {
		w.Latest = tokenStart.Add(step.latest)
	}
	d, err := h.acquire(w)
	switch {
	case err != nil:
		return "spent"
	case d == nil:
		return ""
	}
	h.names[d] = step.ask
	h.asked = append(h.asked, d)
	return "deferred " + d.limit.Sub(tokenStart).String()
}

// releasedSince returns who was released since it was last asked, in the order of
// their asking; that they are released in this order follows from the steps that
// have a token for some of them only.
func (h *tokenRun) releasedSince() string {
	var out []string
	for i, d := range h.asked {
		if d == nil {
			continue
		}
		select {
		case <-d.out:
			out = append(out, h.names[d])
			h.asked[i] = nil
		default:
		}
	}
	return strings.Join(out, " ")
}
