package ratelimit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// probing returns a controller with a limit of 5 per second that has a probe in flight at
// 20 s, and nothing else.
func probing(t *testing.T) *controller {
	t.Helper()
	c := newController(1, false)
	runStep(&c, controllerStep{try: 6, started: 6})
	runStep(&c, controllerStep{ok: 5})
	runStep(&c, controllerStep{throttle: 1, count: 6, limit: 5})
	runStep(&c, controllerStep{at: 20 * time.Second, try: 5})
	runStep(&c, controllerStep{at: 20 * time.Second, ok: 5})
	runStep(&c, controllerStep{at: 20 * time.Second, try: 1})
	require.Equal(t, 1, c.probing)
	return &c
}

func TestOwnMode_endsAProbeWhoseResponseIsNoEvidence(t *testing.T) {
	c := probing(t)
	c.done(20100*time.Millisecond, Result{})
	require.Zero(t, c.probing)
	require.Greater(t, c.probeAt, c.now, "the next probe is not due immediately")
	runStep(c, controllerStep{at: 22 * time.Second, try: 1, ok: 1})
	require.Equal(t, 5, c.limit, "a regular attempt raised the limit")
}

// probingAmongOthers returns a controller with a limit of 5 per second that has a probe in
// flight behind two other attempts.
func probingAmongOthers(t *testing.T) *controller {
	t.Helper()
	c := newController(1, false)
	runStep(&c, controllerStep{try: 6})
	runStep(&c, controllerStep{ok: 5})
	runStep(&c, controllerStep{throttle: 1, count: 6, limit: 5})
	for at := time.Duration(0); c.probing == 0 && at < time.Minute; at += 50 * time.Millisecond {
		// Two in flight all the time: the probe starts among them.
		runStep(&c, controllerStep{at: at, try: 1})
		if c.inFlight > 2 && c.probing == 0 {
			runStep(&c, controllerStep{at: at, ok: 1})
		}
	}
	require.Equal(t, 3, c.probing)
	return &c
}

func TestOwnMode_countsResponsesThatAreNoEvidenceBeforeThatOfAProbe(t *testing.T) {
	c := probingAmongOthers(t)
	runStep(c, controllerStep{at: c.now, lost: 2})
	require.Equal(t, 1, c.probing)
	runStep(c, controllerStep{at: c.now, ok: 1})
	require.Equal(t, 6, c.limit, "the probe was accepted")
}

func TestOwnMode_raisesNoLimitForAProbeThatWasNotMade(t *testing.T) {
	c := probingAmongOthers(t)
	c.undo()
	require.Zero(t, c.probing)
	runStep(c, controllerStep{at: c.now, ok: 2})
	require.Equal(t, 5, c.limit, "those before the probe were accepted")
}

func TestOwnMode_keepsAProbeWhenALaterAttemptIsNotMade(t *testing.T) {
	c := probing(t)
	runStep(c, controllerStep{at: 22 * time.Second, try: 1})
	c.undo()
	require.Equal(t, 1, c.probing)
	runStep(c, controllerStep{at: 22 * time.Second, ok: 1})
	require.Equal(t, 6, c.limit)
}

func TestOwnMode_endsProbesByAThrottlingResponse(t *testing.T) {
	c := probing(t)
	runStep(c, controllerStep{at: c.now, throttle: 1, count: 6, limit: 5})
	require.Zero(t, c.probing)
	require.Greater(t, c.probeAt, c.now, "of the probe")

	c = probing(t)
	runStep(c, controllerStep{at: c.now, ok: 1})
	require.Equal(t, 1, c.raises)
	c.throttleOwn(6, Result{Count: 6, Limit: 6}, true)
	require.Zero(t, c.raises, "of an attempt after it")
}

func TestOwnMode_waitsForNoMoreResponsesThanAttemptsInFlight(t *testing.T) {
	c := probingAmongOthers(t)
	runStep(c, controllerStep{at: c.now + time.Second, try: 1})
	require.Equal(t, 4, c.inFlight)
	for range 2 {
		runStep(c, controllerStep{at: c.now, undo: true})
	}
	runStep(c, controllerStep{at: c.now, ok: 2})
	require.Zero(t, c.probing)
}

func TestOwnMode_endsAProbeThatIsNotMade(t *testing.T) {
	c := probing(t)
	c.undo()
	require.Zero(t, c.probing)
}

func TestOwnMode_doublesThePauseUpTo800Milliseconds(t *testing.T) {
	c := newController(1, false)
	runStep(&c, controllerStep{try: 100})
	runStep(&c, controllerStep{throttle: 1, count: 100, limit: 50})
	require.Equal(t, Own, c.mode)
	at := c.restUntil
	pauses := []time.Duration{at}
	for range 7 {
		// Explained by our own attempts, so that the mode stays.
		runStep(&c, controllerStep{at: at, throttle: 1, count: 51, limit: 50})
		pauses, at = append(pauses, c.restUntil-at), c.restUntil
		runStep(&c, controllerStep{at: at, try: 1})
	}
	const ms = time.Millisecond
	require.Equal(t, []time.Duration{25 * ms, 50 * ms, 100 * ms, 200 * ms, 400 * ms, 800 * ms, 800 * ms, 800 * ms}, pauses)
}

// A configured limit that the API states as well is still known, so it is seldom probed.
func TestOwnMode_probesAConfiguredLimitSeldomUntilTheAPIStatesAnother(t *testing.T) {
	for stated, want := range map[int]time.Duration{50: slowProbeInterval, 40: firstProbeInterval} {
		c := newController(1, false)
		c.configure(0, 50)
		runStep(&c, controllerStep{try: 50, ok: 50})
		runStep(&c, controllerStep{at: time.Second, throttle: 1, count: stated + 1, limit: stated})
		c.failedProbes = 0
		require.Equal(t, want, c.probeInterval(), "the API states %d", stated)
	}
}

// The first second shows whether the limit is ours alone: a response that states more than
// five attempts for four of ours shows others.
func TestOwnMode_endsInTheFirstSecondByAFifthOfOthersAttempts(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration
		count int
		want  Mode
	}{
		{limitWindow - 1, 6, Shared},
		{limitWindow - 1, 5, Own},
		{limitWindow, 6, Own},
	} {
		c := newController(1, false)
		runStep(&c, controllerStep{at: 1, try: 4})
		runStep(&c, controllerStep{at: 1, throttle: 1, count: 4, limit: 3})
		require.Equal(t, Own, c.mode)
		c.advance(1 + tt.after)
		c.throttleOwn(4, Result{Count: tt.count, Limit: 3}, true)
		require.Equal(t, tt.want, c.mode, "%+v", tt)
	}
}

func TestAcceptCount_forgetsWhatIsOlderThanTwoSeconds(t *testing.T) {
	var a acceptCount
	for range 50 {
		a.add(0)
	}
	require.Equal(t, 50, a.lastSecond(2*limitWindow-1))
	require.Zero(t, a.lastSecond(2*limitWindow))
	a.add(10 * limitWindow)
	require.Equal(t, 1, a.lastSecond(10*limitWindow))
	a.add(11 * limitWindow)
	a.add(11 * limitWindow)
	a.add(12 * limitWindow)
	require.Equal(t, 2, a.lastSecond(12*limitWindow), "the larger of two windows")
	require.Equal(t, 1, a.lastSecond(13*limitWindow), "the first is over")
}
