package ratelimit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/clock"
)

// The burst that made the rate what it is was that of an earlier run: the throttling
// responses of the first second are those of later ones.
func TestLoad_cutsARateAsIfTheProgramHadNeverEnded(t *testing.T) {
	now := time.Hour
	c := newController(1, false)
	c.restore(now, savedLimit{Limit: 20, Rate: 10, LearnedAt: clock.Time(now)})
	runStep(&c, controllerStep{at: now, try: 1})
	now += 100 * time.Millisecond
	runStep(&c, controllerStep{at: now, try: 1})
	runStep(&c, controllerStep{at: now, throttle: 1, count: 25, limit: 20})
	require.InDelta(t, 8, c.rate, 0.1, "the first response cuts the rate")
	runStep(&c, controllerStep{at: now, throttle: 1, count: 26, limit: 20})
	require.InDelta(t, 8, c.rate, 0.1, "once per second")
}
