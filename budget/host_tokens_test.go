package budget

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tokenStep is one event of the tokens of a host, and all that it must lead to.
type tokenStep struct {
	at       time.Duration // since the start of the case
	action   string        // of all below
	ok       int           // attempts that end with success,
	returned int           // each with so many tokens returned,
	failed   int           // or fail,
	acquire  string        // or a retry by this name is requested,
	retry    int           // with this number in its call; 0 means 1
	start    time.Duration // whose call started then
	latest   time.Duration // and that must start by then; 0: any time
	leave    string        // or it leaves,
	tick     bool          // or the timer fires

	result   string        // of acquire: "", "exhausted" or "deferred 3s" (until when)
	released string        // the retries that are released, in the order of their requests
	next     time.Duration // of tick: when it fires next; 0: never
	tokens   float64       // of the action
	open     bool          // its retries are deferred
	deferred int           // of all actions
}

const ms, s = time.Millisecond, time.Second

// small has a capacity of 3, so that the refill by time hardly counts.
var small = settings{capacity: 3, perSuccess: 0.5, openAfter: 4, maxDefer: 5 * s, probeInterval: s}

var tokenCases = []struct {
	name  string
	steps []tokenStep
}{
	{"a retry consumes a token, and is deferred without one", []tokenStep{
		{acquire: "a", tokens: 2},
		{failed: 1, tokens: 2},
		{acquire: "b", tokens: 1},
		{acquire: "c", tokens: 0},
		{acquire: "d", result: "deferred 5s", tokens: 0, deferred: 1},
		{ok: 2, released: "d", tokens: 0},
	}},
	{"two successes refill a token, and no more than the capacity", []tokenStep{
		{acquire: "a", tokens: 2},
		{ok: 1, tokens: 2.5},
		{ok: 1, tokens: 3},
		{ok: 1, tokens: 3},
	}},
	{"a call that succeeds gets all its tokens back", []tokenStep{
		{acquire: "a", tokens: 2},
		{failed: 1, tokens: 2},
		{acquire: "a", retry: 2, tokens: 1},
		{ok: 1, returned: 2, tokens: 3},
	}},
	{"time refills the bucket in 100 seconds", []tokenStep{
		{acquire: "a", tokens: 2},
		{acquire: "b", tokens: 1},
		{acquire: "c", tokens: 0},
		{at: 10 * s, acquire: "d", start: 10 * s, result: "deferred 15s", tokens: 0.3, deferred: 1},
		{at: 10 * s, leave: "d", tokens: 0.3},
		{at: 40 * s, acquire: "e", tokens: 0.2},
		{at: 500 * s, acquire: "f", tokens: 2},
	}},
	{"and releases what waits for a token", []tokenStep{
		{acquire: "a", tokens: 2},
		{acquire: "b", tokens: 1},
		{acquire: "c", tokens: 0},
		{at: 30 * s, acquire: "d", start: 30 * s, result: "deferred 35s", tokens: 0.9, deferred: 1},
		{at: 30 * s, tick: true, next: 33333334333, tokens: 0.9, deferred: 1},
		{at: 34 * s, tick: true, released: "d", tokens: 0.02},
	}},
	{"a success among the failures keeps the circuit closed", []tokenStep{
		{failed: 3, tokens: 3},
		{ok: 1, tokens: 3},
		{failed: 3, tokens: 3},
		{acquire: "a", tokens: 2},
		{failed: 1, tokens: 2, open: true},
	}},
	{"an open circuit defers, and the first success releases in order", []tokenStep{
		{failed: 4, tokens: 3, open: true},
		{acquire: "a", result: "deferred 5s", tokens: 3, open: true, deferred: 1},
		{at: 100 * ms, acquire: "b", start: s, result: "deferred 6s", tokens: 3, open: true, deferred: 2},
		{at: 200 * ms, ok: 1, released: "a b", tokens: 1},
	}},
	{"those with the highest number in their call first", []tokenStep{
		{acquire: "x", tokens: 2},
		{acquire: "y", tokens: 1},
		{failed: 4, tokens: 1, open: true},
		{acquire: "a", result: "deferred 5s", tokens: 1, open: true, deferred: 1},
		{acquire: "b", retry: 2, result: "deferred 5s", tokens: 1, open: true, deferred: 2},
		{ok: 1, released: "b", tokens: 0.5, deferred: 1},
	}},
	{"no retry overtakes the deferred ones", []tokenStep{
		{acquire: "x", tokens: 2},
		{acquire: "y", tokens: 1},
		{acquire: "z", tokens: 0},
		{acquire: "a", result: "deferred 5s", tokens: 0, deferred: 1},
		{ok: 1, tokens: 0.5, deferred: 1},
		{acquire: "b", result: "deferred 5s", tokens: 0.5, deferred: 2},
		{ok: 1, released: "a", tokens: 0, deferred: 1},
	}},
	{"a retry is deferred from the start of its call, and never past its latest time", []tokenStep{
		{at: 2 * s, failed: 4, tokens: 3, open: true},
		{at: 2 * s, acquire: "a", start: s, result: "deferred 6s", tokens: 3, open: true, deferred: 1},
		{at: 2 * s, acquire: "b", start: s, latest: 5 * s, result: "deferred 5s", tokens: 3, open: true, deferred: 2},
		{at: 2 * s, acquire: "c", start: s, latest: 60 * s, result: "deferred 6s", tokens: 3, open: true, deferred: 3},
		{at: 2 * s, acquire: "d", start: -3 * s, result: "exhausted", tokens: 3, open: true, deferred: 3},
		{at: 2 * s, acquire: "e", start: s, latest: 2 * s, result: "exhausted", tokens: 3, open: true, deferred: 3},
	}},
	{"a retry that is too late gets no token", []tokenStep{
		{at: s, acquire: "a", latest: s - 1, result: "exhausted", tokens: 3},
		{at: s, acquire: "b", latest: s, tokens: 2},
	}},
	{"one that leaves is not released, and none waits for it", []tokenStep{
		{failed: 4, tokens: 3, open: true},
		{acquire: "a", result: "deferred 5s", tokens: 3, open: true, deferred: 1},
		{acquire: "b", result: "deferred 5s", tokens: 3, open: true, deferred: 2},
		{leave: "a", tokens: 3, open: true, deferred: 1},
		{ok: 1, released: "b", tokens: 2},
	}},
	{"one that leaves after its release gives its token to the next", []tokenStep{
		{acquire: "x", tokens: 2},
		{acquire: "y", tokens: 1},
		{failed: 4, tokens: 1, open: true},
		{acquire: "a", result: "deferred 5s", tokens: 1, open: true, deferred: 1},
		{acquire: "b", result: "deferred 5s", tokens: 1, open: true, deferred: 2},
		{ok: 1, released: "a", tokens: 0.5, deferred: 1},
		{leave: "a", released: "b", tokens: 0.5},
		{leave: "b", tokens: 1.5},
	}},
	{"without attempts, the youngest of those with the highest number probes each second", []tokenStep{
		{failed: 4, tokens: 3, open: true},
		{acquire: "a", result: "deferred 5s", tokens: 3, open: true, deferred: 1},
		{acquire: "b", retry: 2, result: "deferred 5s", tokens: 3, open: true, deferred: 2},
		{acquire: "c", retry: 2, result: "deferred 5s", tokens: 3, open: true, deferred: 3},
		{at: 900 * ms, tick: true, next: s, tokens: 3, open: true, deferred: 3},
		{at: s, tick: true, released: "c", next: 2 * s, tokens: 2, open: true, deferred: 2},
		{at: 2 * s, tick: true, released: "b", next: 3 * s, tokens: 1.03, open: true, deferred: 1},
		{at: 2100 * ms, ok: 1, released: "a", tokens: 0.533},
	}},
	{"with attempts of others, one of ten attempts, and one every three seconds", []tokenStep{
		{failed: 4, tokens: 3, open: true},
		{acquire: "a", result: "deferred 5s", tokens: 3, open: true, deferred: 1},
		{acquire: "b", result: "deferred 5s", tokens: 3, open: true, deferred: 2},
		{at: 900 * ms, failed: 10, tokens: 3, open: true, deferred: 2},
		{at: s, tick: true, released: "b", next: 2 * s, tokens: 2, open: true, deferred: 1},
		{at: 1900 * ms, failed: 1, tokens: 2.027, open: true, deferred: 1},
		{at: 2800 * ms, failed: 1, tokens: 2.054, open: true, deferred: 1},
		{at: 3700 * ms, failed: 1, tokens: 2.081, open: true, deferred: 1},
		{at: 3700 * ms, tick: true, next: 4 * s, tokens: 2.081, open: true, deferred: 1},
		{at: 4 * s, tick: true, released: "a", tokens: 1.09, open: true},
	}},
	{"nine attempts of others make no probe due, and ten do", []tokenStep{
		{failed: 4, tokens: 3, open: true},
		{acquire: "a", result: "deferred 5s", tokens: 3, open: true, deferred: 1},
		{acquire: "b", result: "deferred 5s", tokens: 3, open: true, deferred: 2},
		{at: 900 * ms, failed: 9, tokens: 3, open: true, deferred: 2},
		{at: s, tick: true, next: 1900 * ms, tokens: 3, open: true, deferred: 2},
		{at: s, failed: 1, tokens: 3, open: true, deferred: 2},
		{at: s, tick: true, released: "b", next: 2 * s, tokens: 2, open: true, deferred: 1},
		{at: 1900 * ms, failed: 9, tokens: 2.027, open: true, deferred: 1},
		{at: 2 * s, tick: true, next: 2900 * ms, tokens: 2.03, open: true, deferred: 1},
		{at: 2 * s, failed: 1, tokens: 2.03, open: true, deferred: 1},
		{at: 2 * s, tick: true, released: "a", tokens: 1.03, open: true},
	}},
	{"a probe that is due is not deferred, and needs no token", []tokenStep{
		{acquire: "x", tokens: 2},
		{acquire: "y", tokens: 1},
		{acquire: "z", tokens: 0},
		{failed: 4, tokens: 0, open: true},
		{at: 3 * s, failed: 1, tokens: 0.09, open: true},
		{at: 3 * s, acquire: "a", start: -60 * s, tokens: 0.09, open: true},
		{at: 3 * s, acquire: "b", start: -60 * s, result: "exhausted", tokens: 0.09, open: true},
	}},
	{"failures of half a minute ago are no evidence", []tokenStep{
		{failed: 3, tokens: 3},
		{at: 30 * s, failed: 1, tokens: 3},
		{at: 60*s - 1, failed: 3, tokens: 3, open: true},
		{at: 90*s - 1, acquire: "a", tokens: 2},
	}},
}

func TestHostTokens_oneAction(t *testing.T) {
	for _, c := range tokenCases {
		t.Run(c.name, func(t *testing.T) { runTokens(t, small, c.steps) })
	}
}

func runTokens(t *testing.T, rules settings, steps []tokenStep) {
	t.Helper()
	h := &tokenRun{hostTokens: hostTokens{settings: rules}, names: map[*deferral]string{}}
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
	names     map[*deferral]string
	requested []*deferral
}

var tokenStart = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// do runs a step and returns it with its results.
func (h *tokenRun) do(step tokenStep) tokenStep {
	h.advance(tokenStart.Add(step.at))
	step.result, step.next = "", 0
	switch {
	case step.acquire != "":
		step.result = h.acquireAs(step)
	case step.leave != "":
		for d, name := range h.names {
			if name == step.leave {
				h.leave(d)
				delete(h.names, d)
			}
		}
	case step.tick:
		if next := h.releaseDue(); !next.IsZero() {
			step.next = next.Sub(tokenStart)
		}
	}
	for range step.ok {
		h.record(Report{Action: step.action, Returned: step.returned, Retry: step.returned})
	}
	for range step.failed {
		h.record(Report{Action: step.action, Result: Failure})
	}
	step.released = h.releasedSince()
	a := h.action(step.action)
	h.refillByTime(a)
	step.tokens, step.open, step.deferred = h.tokens(a), h.deferring(a), h.deferred
	return step
}

func (h *tokenRun) acquireAs(step tokenStep) string {
	w := Request{Action: step.action, Retry: step.retry, Start: tokenStart.Add(step.start)}
	if step.latest != 0 {
		w.Latest = tokenStart.Add(step.latest)
	}
	d, err := h.acquire(w)
	switch {
	case err != nil:
		return "exhausted"
	case d == nil:
		return ""
	}
	h.names[d] = step.acquire
	h.requested = append(h.requested, d)
	return "deferred " + d.deadline.Sub(tokenStart).String()
}

// releasedSince returns the retries released since the last step, in the order of their
// requests; that they are released in this order follows from the steps that have a token
// for some of them only.
func (h *tokenRun) releasedSince() string {
	var out []string
	for i, d := range h.requested {
		if d == nil {
			continue
		}
		select {
		case <-d.released:
			out = append(out, h.names[d])
			h.requested[i] = nil
		default:
		}
	}
	return strings.Join(out, " ")
}
