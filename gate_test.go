package tcretry

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// gateStep is one thing that happens to a gate, and all that it must lead to.
type gateStep struct {
	at     time.Duration // since the start of the case
	ok     int           // attempts that end with success,
	failed int           // or fail,
	ask    string        // or a retry by this name asks,
	start  time.Duration // whose call started then
	latest time.Duration // and that must start by then; 0: any time
	leave  string        // or it gives up,
	probe  bool          // or the timer of the probes runs

	answer string        // of ask: "", "spent" or "held 3s" (until when)
	out    string        // who is let out, in order
	next   time.Duration // when to probe again; 0: never
	tokens float64
	down   bool
	held   int
}

func TestGate(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	small := gateRules{capacity: 3, earned: 0.5, downAfter: 4, maxHold: 5 * s, probeEvery: s}
	cases := []struct {
		name  string
		steps []gateStep
	}{
		{"a retry costs a token, and without one it may not be made", []gateStep{
			{ask: "a", tokens: 2},
			{failed: 1, tokens: 2},
			{ask: "b", tokens: 1},
			{ask: "c", tokens: 0},
			{at: 6 * s, ask: "d", start: 6 * s, answer: "spent", tokens: 0},
		}},
		{"two successes bring a token, and no more than the capacity", []gateStep{
			{ask: "a", tokens: 2},
			{ok: 1, tokens: 2.5},
			{ok: 1, tokens: 3},
			{ok: 1, tokens: 3},
		}},
		{"half a token pays for nothing", []gateStep{
			{ask: "a", tokens: 2},
			{ask: "b", tokens: 1},
			{ask: "c", tokens: 0},
			{ok: 1, tokens: 0.5},
			{ask: "d", answer: "spent", tokens: 0.5},
			{ok: 1, tokens: 1},
			{ask: "e", tokens: 0},
		}},
		{"a success among the failures keeps the host up", []gateStep{
			{failed: 3, tokens: 3},
			{ok: 1, tokens: 3},
			{failed: 3, tokens: 3},
			{ask: "a", tokens: 2},
			{failed: 1, tokens: 2, down: true},
		}},
		{"while the host is down retries are held, and the first success lets them out in order", []gateStep{
			{failed: 4, tokens: 3, down: true},
			{ask: "a", answer: "held 5s", tokens: 3, down: true, held: 1},
			{at: s, ask: "b", start: s, answer: "held 6s", tokens: 3, down: true, held: 2},
			{at: s, failed: 7, tokens: 3, down: true, held: 2},
			{at: 2 * s, ok: 1, out: "a b", tokens: 1},
		}},
		{"held retries that find no token wait for the next ones, in order", []gateStep{
			{ask: "x", tokens: 2},
			{ask: "y", tokens: 1},
			{failed: 4, tokens: 1, down: true},
			{ask: "a", answer: "held 5s", tokens: 1, down: true, held: 1},
			{ask: "b", answer: "held 5s", tokens: 1, down: true, held: 2},
			{ask: "c", answer: "held 5s", tokens: 1, down: true, held: 3},
			{at: s, ok: 1, out: "a", tokens: 0.5, held: 2},
			{at: s, failed: 1, tokens: 0.5, held: 2},
			{at: s, ok: 1, out: "b", tokens: 0, held: 1},
			{at: s, ok: 2, out: "c", tokens: 0},
		}},
		{"after the host was down, a retry that finds no token is held too: for the time of one hold", []gateStep{
			{ask: "x", tokens: 2},
			{ask: "y", tokens: 1},
			{ask: "z", tokens: 0},
			{failed: 4, tokens: 0, down: true},
			{at: s, ok: 1, tokens: 0.5},
			{at: s, ask: "a", start: s, answer: "held 6s", tokens: 0.5, held: 1},
			{at: 6*s - 1, ask: "b", start: 5 * s, answer: "held 10s", tokens: 0.5, held: 2},
			{at: 6 * s, ask: "c", start: 6 * s, answer: "spent", tokens: 0.5, held: 2},
			{at: 6 * s, ok: 1, out: "a", tokens: 0, held: 1},
		}},
		{"a host that goes down again soon after it came back gets half as many tokens for a success", []gateStep{
			{ask: "x", tokens: 2},
			{ask: "y", tokens: 1},
			{ask: "z", tokens: 0},
			{failed: 4, tokens: 0, down: true},
			{at: s, ok: 1, tokens: 0.5},
			{at: 31*s - 1, failed: 6, tokens: 0.5, down: true},
			{at: 32 * s, ok: 1, tokens: 0.75},
			{at: 33 * s, failed: 4, tokens: 0.75, down: true},
			{at: 34 * s, ok: 1, tokens: 0.875},
			{at: 35 * s, failed: 4, tokens: 0.875, down: true},
			{at: 36 * s, ok: 1, tokens: 0.9375},
			{at: 37 * s, failed: 4, tokens: 0.9375, down: true},
			{at: 38 * s, ok: 1, tokens: 1},
			{at: 68*s - 1, ok: 1, tokens: 1.0625},
			{at: 68 * s, ok: 1, tokens: 1.5625},
		}},
		{"a host that stayed up for half a minute and goes down gets as many tokens as ever", []gateStep{
			{ask: "x", tokens: 2},
			{ask: "y", tokens: 1},
			{ask: "z", tokens: 0},
			{failed: 4, tokens: 0, down: true},
			{at: s, ok: 1, tokens: 0.5},
			{at: 2 * s, failed: 4, tokens: 0.5, down: true},
			{at: 3 * s, ok: 1, tokens: 0.75},
			{at: 33 * s, failed: 4, tokens: 0.75, down: true},
			{at: 34 * s, ok: 1, tokens: 1.25},
		}},
		{"nobody overtakes the held ones", []gateStep{
			{ask: "x", tokens: 2},
			{ask: "y", tokens: 1},
			{ask: "z", tokens: 0},
			{failed: 4, tokens: 0, down: true},
			{ask: "a", answer: "held 5s", tokens: 0, down: true, held: 1},
			{at: s, ok: 1, tokens: 0.5, held: 1},
			{at: s, ask: "b", answer: "held 5s", tokens: 0.5, held: 2},
			{at: s, ok: 1, out: "a", tokens: 0, held: 1},
		}},
		{"a retry is held from the start of its call, and never past its latest time", []gateStep{
			{failed: 4, tokens: 3, down: true},
			{at: 4 * s, ask: "a", start: s, answer: "held 6s", tokens: 3, down: true, held: 1},
			{at: 4 * s, ask: "b", start: 3 * s, latest: 5 * s, answer: "held 5s", tokens: 3, down: true, held: 2},
			{at: 4 * s, ask: "c", start: 3 * s, latest: 60 * s, answer: "held 8s", tokens: 3, down: true, held: 3},
			{at: 5 * s, ask: "d", answer: "spent", tokens: 3, down: true, held: 3},
			{at: 5 * s, ask: "e", start: 5 * s, latest: 5 * s, answer: "spent", tokens: 3, down: true, held: 3},
		}},
		{"a retry that is too late gets no token", []gateStep{
			{at: s, ask: "a", latest: s - 1, answer: "spent", tokens: 3},
			{at: s, ask: "b", latest: s, tokens: 2},
		}},
		{"one that leaves is not let out, and nobody waits for it", []gateStep{
			{failed: 4, tokens: 3, down: true},
			{ask: "a", answer: "held 5s", tokens: 3, down: true, held: 1},
			{ask: "b", answer: "held 5s", tokens: 3, down: true, held: 2},
			{ask: "c", answer: "held 5s", tokens: 3, down: true, held: 3},
			{leave: "b", tokens: 3, down: true, held: 2},
			{ok: 1, out: "a c", tokens: 1},
		}},
		{"one that leaves after it was let out gives its token to the next", []gateStep{
			{ask: "x", tokens: 2},
			{ask: "y", tokens: 1},
			{failed: 4, tokens: 1, down: true},
			{ask: "a", answer: "held 5s", tokens: 1, down: true, held: 1},
			{ask: "b", answer: "held 5s", tokens: 1, down: true, held: 2},
			{ok: 1, out: "a", tokens: 0.5, held: 1},
			{leave: "a", out: "b", tokens: 0.5},
			{leave: "b", tokens: 1.5},
		}},
		{"but lets nobody out while the host is down", []gateStep{
			{failed: 4, tokens: 3, down: true},
			{ask: "a", answer: "held 5s", tokens: 3, down: true, held: 1},
			{ask: "b", answer: "held 5s", tokens: 3, down: true, held: 2},
			{at: s, probe: true, out: "a", next: 2 * s, tokens: 2, down: true, held: 1},
			{at: s, leave: "a", tokens: 3, down: true, held: 1},
		}},
		{"with nobody else trying, one held retry a second probes", []gateStep{
			{at: 500 * ms, failed: 4, tokens: 3, down: true},
			{at: 500 * ms, ask: "a", answer: "held 5s", tokens: 3, down: true, held: 1},
			{at: 500 * ms, ask: "b", answer: "held 5s", tokens: 3, down: true, held: 2},
			{at: 600 * ms, ask: "c", answer: "held 5s", tokens: 3, down: true, held: 3},
			{at: 1400 * ms, probe: true, next: 1500 * ms, tokens: 3, down: true, held: 3},
			{at: 1500 * ms, probe: true, out: "a", next: 2500 * ms, tokens: 2, down: true, held: 2},
			{at: 1600 * ms, failed: 1, tokens: 2, down: true, held: 2},
			{at: 2500 * ms, probe: true, next: 2600 * ms, tokens: 2, down: true, held: 2},
			{at: 2600 * ms, probe: true, out: "b", next: 3600 * ms, tokens: 1, down: true, held: 1},
			{at: 2700 * ms, ok: 1, out: "c", tokens: 0.5},
			{at: 3600 * ms, probe: true, tokens: 0.5},
		}},
		{"a probe costs a token: without one there is none", []gateStep{
			{ask: "x", tokens: 2},
			{ask: "y", tokens: 1},
			{ask: "z", tokens: 0},
			{failed: 4, tokens: 0, down: true},
			{ask: "a", answer: "held 5s", tokens: 0, down: true, held: 1},
			{at: s, probe: true, next: 2 * s, tokens: 0, down: true, held: 1},
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := &gateRun{gate: gate{gateRules: small}, names: map[*hold]string{}}
			for i, step := range c.steps {
				want := step
				got := g.do(step)
				require.Equal(t, want, got, "step %d", i)
			}
		})
	}
}

// gateRun runs steps on a gate.
type gateRun struct {
	gate
	names map[*hold]string
	queue []*hold
}

var gateStart = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// do runs a step and returns it with what it led to.
func (g *gateRun) do(step gateStep) gateStep {
	now := gateStart.Add(step.at)
	step.answer, step.next = "", 0
	switch {
	case step.ask != "":
		step.answer = g.askAs(step, now)
	case step.leave != "":
		for h, name := range g.names {
			if name == step.leave {
				g.leave(h)
				delete(g.names, h)
			}
		}
	case step.probe:
		if next := g.probe(now); !next.IsZero() {
			step.next = next.Sub(gateStart)
		}
	}
	for range step.ok {
		g.record(now, false)
	}
	for range step.failed {
		g.record(now, true)
	}
	step.out = g.letOutSince()
	step.tokens, step.down, step.held = g.capacity-g.spent, g.down(), g.held.Len()
	return step
}

func (g *gateRun) askAs(step gateStep, now time.Time) string {
	w := Withdrawal{Start: gateStart.Add(step.start)}
	if step.latest != 0 {
		w.Latest = gateStart.Add(step.latest)
	}
	h, err := g.withdraw(now, w)
	switch {
	case err != nil:
		return "spent"
	case h == nil:
		return ""
	}
	g.names[h] = step.ask
	g.queue = append(g.queue, h)
	return "held " + h.limit.Sub(gateStart).String()
}

// letOutSince returns who was let out since it was last asked, in the order of
// their asking; that they are let out in this order follows from the steps that
// have a token for some of them only.
func (g *gateRun) letOutSince() string {
	var out []string
	for i, h := range g.queue {
		if h == nil {
			continue
		}
		select {
		case <-h.out:
			out = append(out, g.names[h])
			g.queue[i] = nil
		default:
		}
	}
	return strings.Join(out, " ")
}

func TestGateKeepsItsInvariantsWhateverHappens(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		g := &gate{gateRules: gateRules{
			capacity: float64(1 + rng.IntN(4)), earned: 0.25 + rng.Float64()/2,
			downAfter: 1 + rng.IntN(4), maxHold: 3 * time.Second, probeEvery: time.Second,
		}}
		now := gateStart
		var holds []*hold
		for range 300 {
			now = now.Add(time.Duration(rng.IntN(400)) * time.Millisecond)
			switch rng.IntN(6) {
			case 0, 1:
				g.record(now, rng.IntN(3) > 0)
			case 2, 3:
				if h, _ := g.withdraw(now, Withdrawal{Start: now.Add(-time.Duration(rng.IntN(2000)) * time.Millisecond)}); h != nil {
					holds = append(holds, h)
				}
			case 4:
				if len(holds) > 0 {
					i := rng.IntN(len(holds))
					g.leave(holds[i])
					holds = append(holds[:i], holds[i+1:]...)
				}
			case 5:
				g.probe(now)
			}
			requireInvariants(t, g, holds)
		}
	}
}

func requireInvariants(t *testing.T, g *gate, holds []*hold) {
	t.Helper()
	require.GreaterOrEqual(t, g.spent, 0.0)
	require.LessOrEqual(t, g.spent, g.capacity)
	if !g.down() && g.held.Len() > 0 {
		require.Greater(t, g.spent+1, g.capacity, "a retry is held though there is a token")
	}
	held := 0
	for _, h := range holds {
		select {
		case <-h.out:
			require.Nil(t, h.place)
			require.Zero(t, held, "let out before one that asked earlier")
		default:
			require.NotNil(t, h.place)
			held++
		}
	}
	require.Equal(t, held, g.held.Len())
}
