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

// Each time that the timer runs something is due, or nearly: it does not spin for a
// retry that nothing releases, whatever other actions of the host do.
func TestTheTimerOfAHostRunsRarely(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	set := new(Tokens).settings()
	for range 50 {
		h := &hostTokens{settings: set}
		h.advance(tokenStart)
		actions := []string{"A", "B", "C"}[:1+rng.IntN(3)]
		for range 12 + rng.IntN(30) {
			h.record(Report{Action: actions[rng.IntN(len(actions))], Result: Failure})
		}
		for range rng.IntN(60) {
			h.consume(h.action(actions[rng.IntN(len(actions))]))
		}
		for range 1 + rng.IntN(30) {
			_, _ = h.acquire(Request{Action: actions[rng.IntN(len(actions))], Retry: rng.IntN(4)})
		}
		// An action has no token for two seconds at least: half of one comes in each.
		ran := 0
		for next := h.releaseDue(); !next.IsZero() && next.Before(tokenStart.Add(set.maxDefer)); next = h.releaseDue() {
			require.True(t, next.After(h.now), "the timer would spin")
			require.LessOrEqual(t, next.Sub(h.now), 3*set.probeInterval)
			h.advance(next)
			ran++
		}
		require.LessOrEqual(t, ran, 40, "in %v", set.maxDefer)
	}
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
	require.True(t, h.releaseDue().After(h.now))
}
