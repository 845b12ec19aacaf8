package scene

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// TrafficTarget is a scene and what tcretry with its defaults must reach in it,
// whatever the seed.
type TrafficTarget struct {
	Traffic
	// Counted are the flows whose calls count, nil for all, if they start at After or
	// later. Lost is the maximum of TrafficResult.Lost.
	Counted []int
	After   time.Duration
	Lost    float64
	// PerCall is the maximum of TrafficResult.AttemptsPerCall, Recovery that of
	// TrafficResult.Recovery; 0 means any.
	PerCall  float64
	Recovery time.Duration
}

// settled is how long after an outage the calls succeed again.
const settled = 12 * time.Second

// even returns calls at an even rate, per second.
func even(rate float64, length time.Duration) Flow {
	return Flow{Calls: int(length.Seconds() * rate), Every: time.Duration(float64(time.Second) / rate)}
}

// TrafficTargets are scenes in which a retry budget per host that only successes refill
// does harm.
func TrafficTargets() []TrafficTarget {
	var targets []TrafficTarget
	for _, every := range []time.Duration{2 * time.Second, time.Minute, time.Hour} {
		for first := 1; first <= 2; first++ {
			targets = append(targets, TrafficTarget{Traffic: Traffic{
				Name:  fmt.Sprintf("one call every %v, %d attempts of each fail first", every, first),
				Flows: []Flow{{Calls: 500, Every: every, First: first}},
			}})
		}
	}
	for _, part := range []int{30, 50} {
		broken, other := even(float64(part), 2*time.Minute), even(float64(100-part), 2*time.Minute)
		broken.Part, other.Part = 1, 0.05
		targets = append(targets, TrafficTarget{Traffic: Traffic{
			Name:  fmt.Sprintf("%d %% of the calls go to an action that always fails", part),
			Flows: []Flow{broken, other},
		}, Counted: []int{1}, Lost: 0.002})
	}
	after := even(50, 2*time.Minute)
	after.First, after.Since = 1, 50*time.Second
	targets = append(targets, TrafficTarget{Traffic: Traffic{
		Name:  "30 s outage at 50 calls per second, then first attempts fail",
		Flows: []Flow{after}, From: 20 * time.Second, To: 50 * time.Second,
	}, After: 50*time.Second + settled, Lost: 0.02, PerCall: outagePerCall(50)})
	for _, rate := range []float64{100, 10, 2} {
		targets = append(targets, outageOf(20, rate))
	}
	for _, actions := range []int{3, 20} {
		targets = append(targets, stoppedFor(actions))
	}
	return targets
}

// stoppedFor is Stopped for several actions.
func stoppedFor(actions int) TrafficTarget {
	o := Stopped()
	t := TrafficTarget{Traffic: Traffic{
		Name: fmt.Sprintf("%s, %d actions", o.Name, actions), From: o.From, To: o.To, Capacity: o.Capacity,
	}, After: o.To + settled, Lost: 0.02, Recovery: 10 * time.Second}
	for range actions {
		f := even(100/float64(actions), o.Length)
		f.Random = true
		t.Flows = append(t.Flows, f)
	}
	return t
}

// outageOf is a minute in which all of the actions of a host fail.
func outageOf(actions int, rate float64) TrafficTarget {
	t := TrafficTarget{Traffic: Traffic{
		Name: fmt.Sprintf("60 s outage of %d actions, %v calls per second in all", actions, rate),
		From: 20 * time.Second, To: 80 * time.Second,
	}, After: 80*time.Second + settled, Lost: 0.02, PerCall: outagePerCall(rate)}
	for range actions {
		f := even(rate/float64(actions), 2*time.Minute)
		f.Random = true
		t.Flows = append(t.Flows, f)
	}
	return t
}

// outagePerCall is the maximum of attempts per call in an outage: 1.05, 1.15 and 1.4 at
// 100, 10 and 2 calls per second, and in between by the logarithm of the rate.
func outagePerCall(rate float64) float64 {
	steps := [...]struct{ rate, most float64 }{{2, 1.4}, {10, 1.15}, {100, 1.05}}
	for i, s := range steps[1:] {
		if less := steps[i]; rate <= s.rate {
			part := math.Log(rate/less.rate) / math.Log(s.rate/less.rate)
			return less.most + part*(s.most-less.most)
		}
	}
	return steps[len(steps)-1].most
}

// DrawTraffic draws a scene: of calls that are rare, of an outage, of actions that
// always fail beside others, or of attempts that fail at random.
func DrawTraffic(seed uint64) TrafficTarget {
	draws := [...]func(*rand.Rand) TrafficTarget{drawRare, drawOutage, drawBroken, drawFlaky}
	return draws[seed%uint64(len(draws))](rand.New(rand.NewPCG(seed, 5)))
}

// between draws a number whose logarithm is uniform.
func between(rng *rand.Rand, from, to float64) float64 {
	return from * math.Pow(to/from, rng.Float64())
}

// drawRare draws calls that come seconds to hours apart, of which up to three
// attempts fail first, some of them through an outage.
func drawRare(rng *rand.Rand) TrafficTarget {
	t := TrafficTarget{Traffic: Traffic{Name: "rare calls"}}
	every := between(rng, 2, 3600)
	actions := 1 + rng.IntN(3)
	for range actions {
		t.Flows = append(t.Flows, Flow{
			Calls: 300, Every: time.Duration(float64(actions) * every * float64(time.Second)), Random: rng.IntN(2) == 0,
			First: 1 + rng.IntN(maxAttempts-1), Mixed: rng.IntN(2) == 0,
		})
	}
	if rng.IntN(3) == 0 {
		t.From = time.Duration(60 * every * float64(time.Second))
		t.To = t.From + time.Duration(between(rng, 5, 50*every)*float64(time.Second))
		t.After = t.To + settled
	}
	return t
}

// drawOutage draws an outage of a host at 2 to 100 calls per second to up to twenty
// actions, of which first attempts may fail afterwards.
func drawOutage(rng *rand.Rand) TrafficTarget {
	rate, length := between(rng, 2, 100), time.Duration(between(rng, 10, 60)*float64(time.Second))
	t := TrafficTarget{Traffic: Traffic{Name: "outage", From: 20 * time.Second, To: 20*time.Second + length}, Lost: 0.02}
	t.After = t.To + settled
	if length >= 30*time.Second {
		t.PerCall = outagePerCall(rate) // detecting it costs more attempts per call in a short one
	}
	parts := make([]float64, 1+rng.IntN(20))
	sum := 0.0
	for i := range parts {
		parts[i] = between(rng, 1, 20)
		sum += parts[i]
	}
	first := rng.IntN(2)
	for _, part := range parts {
		f := even(rate*part/sum, t.After+30*time.Second)
		f.Random, f.First, f.Since = rng.IntN(2) == 0, first, t.To
		t.Flows = append(t.Flows, f)
	}
	return t
}

// drawBroken draws one to four actions that always fail, with a tenth to nine
// tenths of the calls, and others of which few attempts fail.
func drawBroken(rng *rand.Rand) TrafficTarget {
	const length = 2 * time.Minute
	t := TrafficTarget{Traffic: Traffic{Name: "actions that always fail"}, Lost: 0.002}
	rate, share := between(rng, 5, 100), 0.1+0.8*rng.Float64()
	broken, others := 1+rng.IntN(4), 1+rng.IntN(3)
	for i := range broken + others {
		f := even(rate*share/float64(broken), length)
		f.Part = 1
		if i >= broken {
			f = even(rate*(1-share)/float64(others), length)
			f.Part = 0.1 * rng.Float64()
			t.Counted = append(t.Counted, i)
		}
		f.Random = rng.IntN(2) == 0
		t.Flows = append(t.Flows, f)
	}
	return t
}

// drawFlaky draws one to three actions of which up to four tenths of the attempts
// fail at random, and the first one of each call may fail too.
func drawFlaky(rng *rand.Rand) TrafficTarget {
	t := TrafficTarget{Traffic: Traffic{Name: "flaky actions"}, Lost: 0.002}
	rate, actions := between(rng, 1, 200), 1+rng.IntN(3)
	for range actions {
		f := even(rate/float64(actions), time.Minute)
		f.Part, f.First, f.Random = 0.4*rng.Float64(), rng.IntN(2), rng.IntN(2) == 0
		t.Flows = append(t.Flows, f)
	}
	return t
}
