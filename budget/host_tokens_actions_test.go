package budget

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var hostCases = []struct {
	name  string
	steps []tokenStep
}{
	{"an action that always fails defers no retry of another", []tokenStep{
		{action: "A", failed: 9, tokens: 3, open: true},
		{action: "A", acquire: "a", result: "deferred 5s", tokens: 3, open: true, deferred: 1},
		{action: "B", failed: 1, tokens: 3, deferred: 1},
		{action: "B", acquire: "b", tokens: 2, deferred: 1},
		{action: "B", ok: 1, returned: 1, tokens: 3, deferred: 1},
		{action: "A", tokens: 3, open: true, deferred: 1},
	}},
	{"one that has consumed its tokens leaves half of the rest", []tokenStep{
		{action: "A", acquire: "a", tokens: 2},
		{action: "A", acquire: "b", tokens: 1},
		{action: "A", acquire: "c", tokens: 0},
		{action: "B", tokens: 1.5},
		{action: "B", acquire: "d", tokens: 0.5},
		{action: "C", tokens: 1},
		{action: "C", acquire: "e", tokens: 0},
		{action: "A", ok: 6, tokens: 2},
		{action: "C", tokens: 1.5},
	}},
	{"the circuit of the host opens on failures of several actions, and not of one", []tokenStep{
		{action: "A", failed: 9, tokens: 3, open: true},
		{action: "B", failed: 1, tokens: 3},
		{action: "C", failed: 1, tokens: 3, open: true},
		{action: "B", acquire: "b", result: "deferred 5s", tokens: 3, open: true, deferred: 1},
		{action: "D", tokens: 3, deferred: 1},
		{action: "D", acquire: "d", tokens: 2, deferred: 1},
		{action: "C", ok: 1, released: "b", tokens: 2},
		{action: "A", tokens: 2, open: true},
	}},
	{"its probe is of the action with the fewest failures", []tokenStep{
		{action: "A", failed: 3, tokens: 3},
		{action: "B", failed: 2, tokens: 3, open: true},
		{action: "A", acquire: "a", result: "deferred 5s", tokens: 3, open: true, deferred: 1},
		{action: "C", failed: 1, tokens: 3, open: true, deferred: 1},
		{action: "C", acquire: "c", result: "deferred 5s", tokens: 3, open: true, deferred: 2},
		{action: "B", acquire: "b", result: "deferred 5s", tokens: 3, open: true, deferred: 3},
		{action: "C", at: s, tick: true, next: 2 * s, released: "c", tokens: 2, open: true, deferred: 2},
		{action: "B", at: 2 * s, tick: true, next: 3 * s, released: "b", tokens: 1.5, open: true, deferred: 1},
	}},
	{"a probe of one of several with as many failures is its own best retry", []tokenStep{
		{action: "A", failed: 2, tokens: 3},
		{action: "B", failed: 2, tokens: 3, open: true},
		{action: "A", acquire: "a", retry: 3, result: "deferred 5s", tokens: 3, open: true, deferred: 1},
		{action: "B", acquire: "b", retry: 2, result: "deferred 5s", tokens: 3, open: true, deferred: 2},
		{action: "A", at: s, acquire: "c", result: "deferred 5s", released: "a", tokens: 2, open: true, deferred: 2},
		{action: "B", at: 2 * s, acquire: "d", result: "deferred 5s", released: "b", tokens: 1.5, open: true, deferred: 2},
	}},
	{"an action whose failures are too old for evidence counts against the host again", []tokenStep{
		{action: "B", tokens: 3},
		{action: "A", at: s, failed: 2, tokens: 3},
		{action: "B", at: 30 * s, tokens: 3},
		{action: "A", at: 31 * s, failed: 2, tokens: 3},
		{action: "B", at: 31 * s, failed: 1, tokens: 3},
		{action: "C", at: 31 * s, failed: 1, tokens: 3, open: true},
	}},
}

func TestHostTokens_severalActions(t *testing.T) {
	for _, c := range hostCases {
		t.Run(c.name, func(t *testing.T) {
			for range 10 { // a map has any order
				runTokens(t, small, c.steps)
			}
		})
	}
}

func TestFewRetriesAreInFlightAfterAnOutage(t *testing.T) {
	run := func(open time.Duration) (released int) {
		h := hostTokens{settings: settings{capacity: 100, perSuccess: 0.5, openAfter: 4, maxDefer: 5 * s, probeInterval: s}}
		h.advance(tokenStart)
		for range 4 {
			h.record(Report{Result: Failure})
		}
		for range 80 {
			_, err := h.acquire(Request{})
			require.NoError(t, err)
		}
		h.advance(tokenStart.Add(open))
		h.record(Report{})
		released = 80 - h.deferred
		h.record(Report{})
		require.Equal(t, released, 80-h.deferred, "a first attempt that ends makes no room")
		h.record(Report{Retry: 1, Returned: 1})
		require.Equal(t, min(80, released+1), 80-h.deferred, "a retry that ends makes room for one")
		h.record(Report{Retry: 1, Result: Failure})
		require.Equal(t, min(80, released+1), 80-h.deferred, "one that fails for none")
		h.advance(tokenStart.Add(open + 5*s))
		h.releaseDue()
		require.Zero(t, h.deferred, "maxDefer later")
		return released
	}
	require.Equal(t, firstWindow, run(time.Second))
	require.Equal(t, 80, run(100*ms), "one that chance opened for a moment")
}

func TestNoTimeRefillsTwice(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	rules := settings{capacity: 50, perSuccess: 0.5, openAfter: 12, maxDefer: 5 * s, probeInterval: s}
	for range 100 {
		h := hostTokens{settings: rules}
		h.advance(tokenStart)
		a := h.action("")
		for h.consume(a) {
		}
		const length = 20 * s
		for at := time.Duration(0); at < length; at += time.Duration(rng.IntN(100)) * ms {
			late := time.Duration(rng.IntN(3)) * time.Duration(rng.IntN(5000)) * ms
			h.advance(tokenStart.Add(at - late))
			h.refillByTime(a)
		}
		h.advance(tokenStart.Add(length))
		h.refillByTime(a)
		h.advance(tokenStart)
		h.refillByTime(a)
		require.InDelta(t, 10, h.tokens(a), 1e-6)
	}
}

func TestTheTokensOfAHostKeepTheirInvariantsWhateverHappens(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		h := &hostTokens{settings: settings{
			capacity: float64(1 + rng.IntN(4)), perSuccess: 0.25 + rng.Float64()/2,
			openAfter: 1 + rng.IntN(4), maxDefer: 3 * s, probeInterval: s,
		}}
		now := tokenStart
		var deferred []*deferral
		for range 300 {
			now = now.Add(time.Duration(rng.IntN(400)) * ms)
			before := h.now
			h.advance(now.Add(-time.Duration(rng.IntN(2)*rng.IntN(3000)) * ms))
			require.False(t, h.now.Before(before), "time goes back")
			action := fmt.Sprint(rng.IntN(150) % (1 + rng.IntN(150)))
			switch rng.IntN(6) {
			case 0, 1:
				h.record(Report{
					Action: action, Retry: rng.IntN(3), Result: Result(rng.IntN(int(Canceled) + 1)), Returned: rng.IntN(3),
				})
			case 2, 3:
				start := h.now.Add(-time.Duration(rng.IntN(2000)) * ms)
				if d, _ := h.acquire(Request{Action: action, Start: start, Retry: rng.IntN(5)}); d != nil {
					deferred = append(deferred, d)
				}
			case 4:
				if len(deferred) > 0 {
					i := rng.IntN(len(deferred))
					h.leave(deferred[i])
					deferred = append(deferred[:i], deferred[i+1:]...)
				}
			case 5:
				h.releaseDue()
			}
			requireInvariants(t, h, deferred)
		}
	}
}

func requireInvariants(t *testing.T, h *hostTokens, deferred []*deferral) {
	t.Helper()
	consumed, impaired, waiting := 0.0, 0, 0
	least, most := 0.0, 0.0 // of one action
	for _, a := range h.actions {
		least, most = min(least, a.consumed), max(most, a.consumed)
		consumed += a.consumed
		waiting += a.queues.size
		if a.circuit.failures > 0 || a.consumed > 0 || a.queues.size > 0 {
			impaired++
		}
	}
	require.GreaterOrEqual(t, least, 0.0)
	require.LessOrEqual(t, most, h.capacity+1e-9)
	require.InDelta(t, consumed, h.consumed, 1e-6)
	require.LessOrEqual(t, consumed, 2*h.capacity+1e-9)
	require.Equal(t, impaired, h.impaired)
	require.Equal(t, waiting, h.deferred)
	queued := 0
	for _, d := range deferred {
		if d.element != nil {
			queued++
		}
	}
	require.Equal(t, queued, h.deferred)
	h.releaseAll()
	for _, a := range h.actions {
		if a.queues.size > 0 && !h.deferring(a) && !h.recovering(a) {
			require.Less(t, h.tokens(a), 1.0, "a retry is deferred though there is a token")
		}
	}
}

func TestOneHostStoresFewActions(t *testing.T) {
	h := hostTokens{settings: small}
	h.advance(tokenStart)
	a := h.action("spends")
	require.True(t, h.consume(a))
	for i := range 10 * maxActions {
		h.record(Report{Action: fmt.Sprint(i), Result: Failure})
	}
	require.Len(t, h.actions, maxActions)
	require.Same(t, a, h.action("spends"), "one that has consumed tokens is stored")
	h.advance(tokenStart.Add(refillTime))
	require.Empty(t, h.actions, "nothing is stored of failures long ago")
	require.True(t, h.healthy())
}

// A sweep visits every action: it must not be a part of each call.
func TestAHostIsSweptEveryThirtySeconds(t *testing.T) {
	h := hostTokens{settings: small}
	for _, at := range []time.Duration{0, 30 * s, 65 * s} {
		h.advance(tokenStart.Add(at))
		require.Empty(t, h.actions, at)
		h.action("without a failure")
		h.advance(tokenStart.Add(at + 30*s - 1))
		require.Len(t, h.actions, 1, at)
	}
}

// With as many actions as are stored, all with deferred retries, there is one more: its
// failures count as those of any other.
func TestAHostRemovesNoActionWithDeferredRetries(t *testing.T) {
	h := hostTokens{settings: small}
	h.advance(tokenStart)
	for i := range maxActions {
		for range small.openAfter {
			h.record(Report{Action: fmt.Sprint(i), Result: Failure})
		}
		d, err := h.acquire(Request{Action: fmt.Sprint(i)})
		require.NoError(t, err)
		require.NotNil(t, d)
	}
	require.Equal(t, maxActions, h.deferred)
	h.record(Report{Action: "one more", Result: Failure})
	require.Len(t, h.actions, maxActions+1)
	require.Equal(t, maxActions, h.deferred)
	h.record(Report{Action: "another", Result: Failure})
	require.Len(t, h.actions, maxActions+1, "the one without deferred retries is removed")
}

// What rounding leaves of the tokens is not kept for as long as the program runs.
func TestAHostWithoutFailuresHasExactlyAllItsTokens(t *testing.T) {
	h := hostTokens{settings: settings{capacity: 50, perSuccess: 0.1, openAfter: 12, maxDefer: 5 * s, probeInterval: s}}
	h.advance(tokenStart)
	for i := range 100 {
		for _, name := range []string{"A", "B", "C"} {
			require.True(t, h.consume(h.action(name)))
		}
		h.advance(tokenStart.Add(time.Duration(i) * 700 * ms))
		for _, name := range []string{"A", "B", "C"} {
			a := h.action(name)
			h.track(a)
			h.refillByTime(a)
			h.track(a)
			for a.consumed > 0 {
				h.record(Report{Action: name})
			}
		}
		require.True(t, h.healthy())
		require.Equal(t, h.capacity, h.tokens(h.action("D")))
	}
}
