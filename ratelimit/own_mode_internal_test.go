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

func TestOwnMode_endsAProbeThatIsNotMade(t *testing.T) {
	c := probing(t)
	c.undo()
	require.Zero(t, c.probing)
}
