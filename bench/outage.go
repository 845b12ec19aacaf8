package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/bench/scene"
)

// The strategies through an outage. The official SDK is not among them: it does not retry
// a call whose connection was lost.
var (
	threeRetries = scene.Strategy{Name: "3 retries (1, 2, 4 s)", New: func(base http.RoundTripper, _ float64) scene.Call {
		return retried(base, func() backoff.BackOff {
			return backoff.WithMaxRetries(backoff.NewExponentialBackOff(backoff.WithInitialInterval(time.Second),
				backoff.WithMultiplier(2), backoff.WithRandomizationFactor(0)), 3)
		})
	}}
	withoutBudget = scene.Tcretry("tcretry, WithoutBudget", tcretry.WithoutBudget)
)

// outageResults are the results of a scene of an outage.
type outageResults = results[scene.OutageResult]

func attemptsPerCall(s scene.OutageResult) float64 { return s.AttemptsPerCall() }
func success(s scene.OutageResult) float64         { return 100 * s.Success() }
func recovery(s scene.OutageResult) float64        { return s.Recovery().Seconds() }

func (b *bench) outage(o scene.Outage, s scene.Strategy) outageResults {
	return play(b, o.Name+"/"+s.Name, max(b.seeds/2, 1), func(t *testing.T, seed uint64) scene.OutageResult { return o.Play(t, s, seed) })
}

func (b *bench) outageTable() {
	b.printf("\n## Outages\n\n100 calls per second, independent of each other; connections are lost while the API fails. *Attempts per call* are those that arrive while it " +
		"fails, per call that starts in that time; *succeed* is the share of these calls that succeed. The back end has a capacity of 1.3 times the load, stops for 10 s and serves in order, " +
		"also requests for which the gateway has timed out after a second; *recovers* is when fewer than 1 %% of the attempts fail again. Means of half of the seeds.\n\n")
	b.outageRows([]scene.Strategy{threeRetries, retryableDefaults, backoffDefaults, withoutBudget, tcretryDefaults})
	b.printf("| to reach | 1.05 | 99 %% | 1.15 | 99 %% | | 10 s | 1.3 |\n")
	b.headroom()
}

// headroom shows how the recovery of the back end depends on its capacity, beside calls
// without retries.
func (b *bench) headroom() {
	once := scene.Tcretry("one attempt per call", func() tcretry.Option { return tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 1}) })
	b.printf("\nThe back end with other capacities *recovers* after:\n\n| | 1.1 times the load | 1.2 | 1.3 | 1.5 |\n|---|---|---|---|---|\n")
	for _, s := range []scene.Strategy{once, tcretryDefaults} {
		b.printf("| %s ", s.Name)
		for _, capacity := range []int{110, 120, 130, 150} {
			o := scene.Stopped()
			o.Name, o.Capacity = fmt.Sprint("capacity ", capacity), capacity
			b.printf("| %s ", back(b.outage(o, s)))
		}
		b.printf("|\n")
	}
}

// outageRows prints a table of strategies in every scene.
func (b *bench) outageRows(strategies []scene.Strategy) {
	scenes := []scene.Outage{scene.Down(), scene.Blip(), scene.Flaky(), scene.Stopped(), scene.Lonely()}
	b.printf("| | %s: attempts per call | %s: succeed | attempts per call | %s: succeed | attempts per call | back end: recovers after | %s: attempts per call |\n|---|---|---|---|---|---|---|---|\n",
		scenes[0].Name, scenes[1].Name, scenes[2].Name, scenes[4].Name)
	for _, s := range strategies {
		down, blip, flaky := b.outage(scenes[0], s), b.outage(scenes[1], s), b.outage(scenes[2], s)
		stopped, lonely := b.outage(scenes[3], s), b.outage(scenes[4], s)
		b.printf("| %s | %.3f | %s | %.2f | %s | %.2f | %s | %.2f |\n", s.Name, down.of(attemptsPerCall).mean(),
			part(blip.of(success).mean()), blip.of(attemptsPerCall).mean(), part(flaky.of(success).mean()), flaky.of(attemptsPerCall).mean(),
			back(stopped), lonely.of(attemptsPerCall).mean())
	}
}

// part formats a percentage near 100.
func part(p float64) string { return fmt.Sprintf("%.1f %%", p) }

// back returns the latest recovery of the seeds.
func back(s outageResults) string {
	at := s.of(recovery).max()
	if at >= (s[0].Length - s[0].To).Seconds() {
		return "not within " + fmt.Sprint((s[0].Length - s[0].To).Seconds()) + " s"
	}
	return fmt.Sprintf("%.0f s", at)
}

// outagePicture shows the strategies through an outage, for one seed.
func (b *bench) outagePicture() string {
	p := picture{
		title:    "100 calls per second through an outage of a minute",
		subtitle: "Attempts in each second. Hatched: failed. Grey: the outage. Dashed: the load without retries.",
		seconds:  120, most: 1000, line: 100, from: 20, to: 80,
	}
	for _, s := range []scene.Strategy{tcretryDefaults, threeRetries, retryableDefaults, backoffDefaults} {
		r := play(b, "picture/"+s.Name, 1, func(t *testing.T, _ uint64) scene.OutageResult { return scene.Down().Play(t, s, pictureSeed) })[0]
		p.panels = append(p.panels, panel{
			name:     strings.ReplaceAll(s.Name, "*", ""),
			figures:  fmt.Sprintf("%.2f attempts per call in the outage", r.AttemptsPerCall()),
			attempts: r.Attempts,
		})
	}
	return p.svg()
}
