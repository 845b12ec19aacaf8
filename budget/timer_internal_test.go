package budget

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// The timer of a host runs while retries are deferred, and only then.
func TestTheTimerOfAHostEndsWithWhatItDefers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(Tokens)
		h := b.host("h")
		for outage := range 3 {
			for range 12 {
				b.Record(Report{Host: "h", Result: Failure})
			}
			require.Nil(t, h.timer, outage)
			ended := make(chan error)
			go func() { ended <- b.Acquire(t.Context(), Request{Host: "h", Start: time.Now()}) }()
			synctest.Wait()
			h.mu.Lock()
			timer := h.timer
			require.NotNil(t, timer, outage)
			h.mu.Unlock()
			b.Record(Report{Host: "h"})
			require.NoError(t, <-ended)
			h.mu.Lock()
			require.Nil(t, h.timer, outage)
			require.False(t, timer.Stop(), "it is stopped")
			h.mu.Unlock()
		}
	})
}

// Each time that the timer runs, a retry is released or the end of a recovery leaves only the
// tokens to wait for: it does not spin for a retry that nothing releases yet.
func TestTheTimerOfAHostRunsOnlyWhenSomethingChanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	recovered := 0
	for scene := range 500 {
		h := impaired(rng, 3)
		ran := 0
		for next := h.releaseDue(); !next.IsZero() && next.Before(tokenStart.Add(time.Minute)); ran++ {
			require.True(t, next.After(h.now), "scene %d: the timer would spin", scene)
			before := h.deferred
			h.advance(next)
			next = h.releaseDue()
			if h.deferred == before {
				recovered++
				require.True(t, recoveryEnds(h), "scene %d: nothing changes at %v", scene, h.now.Sub(tokenStart))
			}
		}
		require.LessOrEqual(t, ran, 90, "scene %d: releases and ends of recoveries in a minute", scene)
	}
	require.Positive(t, recovered)
}

// And it does not run late: one that runs a hundred times per second releases no retry sooner.
// Retries of one action wait: those of several are released in no order.
func TestTheTimerOfAHostReleasesAsSoonAsOneThatSpins(t *testing.T) {
	for scene := range uint64(50) {
		rng := func() *rand.Rand { return rand.New(rand.NewPCG(scene, 3)) }
		timed, spinning := impaired(rng(), 1), impaired(rng(), 1)
		next := timed.releaseDue()
		for at := time.Duration(0); at < 20*s; at += 10 * ms {
			now := tokenStart.Add(at)
			spinning.advance(now)
			spinning.releaseDue()
			for !next.IsZero() && next.Before(now.Add(ms)) {
				timed.advance(next)
				next = timed.releaseDue()
			}
			require.LessOrEqual(t, timed.deferred, spinning.deferred, "scene %d, at %v", scene, at)
		}
	}
}

// impaired returns a host after random events that deferred retries of so many actions:
// circuits opened and perhaps closed, tokens were consumed, and retries are in flight.
func impaired(rng *rand.Rand, waiting int) *hostTokens {
	h := &hostTokens{settings: new(Tokens).settings()}
	h.advance(tokenStart)
	actions := []string{"A", "B", "C"}[:1+rng.IntN(3)]
	action := func() string { return actions[rng.IntN(len(actions))] }
	for range 12 + rng.IntN(30) {
		h.record(Report{Action: action(), Result: Failure})
	}
	for range rng.IntN(120) {
		h.consume(h.action(action()))
	}
	for range 1 + rng.IntN(30) {
		_, _ = h.acquire(Request{Action: actions[rng.IntN(min(waiting, len(actions)))], Retry: rng.IntN(4)})
	}
	for range rng.IntN(3) {
		h.advance(h.now.Add(time.Duration(rng.IntN(1000)) * ms))
		h.record(Report{Action: action(), Result: Success})
	}
	return h
}

// recoveryEnds reports that a recovery of the host, or of one of its actions, ends now.
func recoveryEnds(h *hostTokens) bool {
	ends := h.now.Equal(h.circuit.closedAt.Add(h.maxDefer))
	for _, a := range h.actions {
		ends = ends || h.now.Equal(a.circuit.closedAt.Add(h.maxDefer))
	}
	return ends
}

// While a host recovers a retry may wait for others to end, with tokens enough.
func TestTheTimerDoesNotSpinWhileFewRetriesAreInFlight(t *testing.T) {
	h := &hostTokens{settings: new(Tokens).settings()}
	h.advance(tokenStart)
	for range 12 {
		h.record(Report{Result: Failure})
	}
	for range 40 {
		_, err := h.acquire(Request{})
		require.NoError(t, err)
	}
	h.advance(tokenStart.Add(s))
	h.record(Report{})
	require.Equal(t, 40-firstWindow, h.deferred)
	require.GreaterOrEqual(t, h.tokens(h.action("")), 1.0)
	require.Equal(t, tokenStart.Add(s+h.maxDefer), h.releaseDue(), "the end of the recovery is the next event by time")
}
