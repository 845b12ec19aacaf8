package main

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/bench/scene"
	"github.com/tcretry/tcretry/ratelimit"
)

// burstSeeds are the seeds from 1 on of the scenes of a burst of others, and burstPicture
// shows the first of them with the larger burst.
const burstSeeds = 20

var burstSizes = []int{100, 200}

// burstBefore is what tcretry did before its rate limiter was rewritten.
//
//go:embed burst_before.csv
var burstBefore string

// burstResult is the result of one scene.
type burstResult struct {
	others    int
	seed      uint64
	failed    int             // calls
	took      time.Duration   // until the last call ended
	attempts  int             // of all calls
	succeeded []time.Duration // when
}

// recordedBursts returns the results in burstBefore.
func recordedBursts() ([]burstResult, error) {
	r := csv.NewReader(strings.NewReader(burstBefore))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	var results []burstResult
	for _, row := range rows[1:] {
		var n []int
		for _, field := range append(row[:5:5], strings.Fields(row[5])...) {
			i, err := strconv.Atoi(field)
			if err != nil {
				return nil, err
			}
			n = append(n, i)
		}
		b := burstResult{others: n[0], seed: uint64(n[1]), failed: n[2], took: time.Duration(n[3]) * time.Millisecond, attempts: n[4]}
		for _, ms := range n[5:] {
			b.succeeded = append(b.succeeded, time.Duration(ms)*time.Millisecond)
		}
		results = append(results, b)
	}
	return results, nil
}

// burstNow is tcretry with its defaults and a seed, so that the picture is reproducible.
var burstNow = scene.Tcretry("now", func() tcretry.Option {
	return tcretry.WithRateLimiter(&ratelimit.Adaptive{Seed: 1})
})

func playBurst(t *testing.T, others int, seed uint64, s scene.Strategy) burstResult {
	out := scene.BurstOfOthers(others, seed).Play(t, s)
	return burstResult{others, seed, out.Failed, out.Completion, out.Attempts, out.Succeeded()}
}

func idealBurst(others int, seed uint64) burstResult {
	ends := scene.BurstOfOthers(others, seed).Ideal()
	return burstResult{others, seed, 0, slices.Max(ends), len(ends), ends}
}

// bursts returns the results by strategy, in the order of the table and the picture.
func (b *bench) bursts() (names []string, results [][]burstResult) {
	before, err := recordedBursts()
	if err != nil {
		b.t.Fatal(err)
	}
	each := func(play func(others int, seed uint64) burstResult) (all []burstResult) {
		for _, r := range before {
			all = append(all, play(r.others, r.seed))
		}
		return all
	}
	live := func(s scene.Strategy) []burstResult {
		return each(func(others int, seed uint64) burstResult { return playBurst(b.t, others, seed, s) })
	}
	return []string{"ideal scheduler", "tcretry now", "plain backoff, two minutes", "tcretry before"},
		[][]burstResult{each(idealBurst), live(burstNow), live(unlimitedBackoff), before}
}

// burstTable prints what a burst of other programs costs.
func (b *bench) burstTable() {
	b.printf("\nA burst of other programs: another program sends 100 or 200 requests within a second to a limit of 10/s; right after it, 50 calls start, "+
		"one every 5 ms. %d seeds each. *Before* is tcretry before its rate limiter was rewritten, as recorded in [burst_before.csv](burst_before.csv).\n\n|", burstSeeds)
	for _, others := range burstSizes {
		b.printf(" | %d requests: calls that failed | completion: median | worst | attempts per call", others)
	}
	b.printf(" |\n|---|---|---|---|---|---|---|---|---|\n")
	names, results := b.bursts()
	for i, name := range names {
		b.printf("| %s ", name)
		for _, others := range burstSizes {
			failed, calls, attempts := 0, 0, 0
			var took []time.Duration
			for _, r := range results[i] {
				if r.others == others {
					failed, calls, attempts = failed+r.failed, calls+r.failed+len(r.succeeded), attempts+r.attempts
					took = append(took, r.took)
				}
			}
			slices.Sort(took)
			b.printf("| %d of %d | %.1f s | %.1f s | %.2f ", failed, calls, took[len(took)/2].Seconds(), took[len(took)-1].Seconds(), float64(attempts)/float64(calls))
		}
		b.printf("|\n")
	}
}

// burstPicture shows one burst of other programs.
func (b *bench) burstPicture() string {
	const others, seed = 200, 1
	names, results := b.bursts()
	c := chart{
		title:    "50 calls right after a burst of another program, at a limit of 10/s",
		subtitle: fmt.Sprintf("Calls that have succeeded. The other program sends %d requests in the second before the first call.", others),
		from:     -1, to: 18, calls: 50, burst: "the burst of the other program",
	}
	for i, name := range names {
		at := slices.IndexFunc(results[i], func(r burstResult) bool { return r.others == others && r.seed == seed })
		r := results[i][at]
		figures := fmt.Sprintf("%.1f s, %d attempts", r.took.Seconds(), r.attempts)
		if r.failed > 0 {
			figures += fmt.Sprintf(", %d of %d calls failed", r.failed, c.calls)
		}
		c.curves = append(c.curves, curve{name, figures, r.succeeded})
	}
	return c.svg()
}
