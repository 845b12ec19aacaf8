package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tcretry/tcretry/bench/scene"
)

// page returns all tables as Markdown.
func (b *bench) page() string {
	b.printf("# Figures\n\nMade by `go run ./bench -write bench -seeds %d`, with the seeds from %d to %d, which no constant was chosen on. ",
		b.seeds, firstSeed, firstSeed+b.seeds-1)
	b.printf("%s\n\n", "Every number is that of whole `http.RoundTripper`s in virtual time: the code that users run, not a model of it.")
	b.quotaTables()
	b.outageTable()
	return b.text.String()
}

func (b *bench) quotaTables() {
	b.printf("## Quotas\n\n2,000 calls against 20 attempts a second. An attempt takes 20 to 80 ms, of which it needs 1 to 5 ms to arrive; the API " +
		"counts on arrival, in seconds of its own, what it rejects too. *Makespan* is the time until the last call has ended, in those of one who knows " +
		"everything (99 s here); *rejected* are the attempts over the quota, in parts of the calls; *failed* the calls that failed in the end. Means of all seeds.\n\n")
	b.printf("| fixed window of a second | 50 callers: makespan | rejected | failed | 500 callers: makespan | rejected | failed |\n|---|---|---|---|---|---|---|\n")
	for _, s := range []scene.Strategy{
		officialSDK, retryableDefaults, constantSecond, backoffDefaults, toldLimiter, tcretryAsItComes, tcretrySlow,
	} {
		b.printf("| %s ", s.Name)
		for _, callers := range []int{50, 500} {
			b.printf("%s", threeCells(b.queue(scene.Quota{Name: fmt.Sprint(callers, " callers"), Callers: callers}, s)))
		}
		b.printf("|\n")
	}
	b.ourTable()
	b.sharedTable()
	b.randomTable()
	b.below()
}

func threeCells(r queued) string {
	return fmt.Sprintf("| %.3f | %s | %s ", r.of(makespan).mean(), percent(r.of(rejected).mean()), percent(r.of(failed).mean()))
}

// percent writes a part with as many digits as mean something.
func percent(p float64) string {
	switch {
	case p == 0:
		return "0"
	case p < 10:
		return fmt.Sprintf("%.1f %%", p)
	}
	return fmt.Sprintf("%.0f %%", p)
}

// ourTable is tcretry in every scene that has a target.
func (b *bench) ourTable() {
	b.printf("\ntcretry in other scenes, mean and worst of the seeds. *Fairness* is Jain's index over all callers, of all processes: 1 if all made as many calls.\n\n" +
		"| scene | makespan | worst | to reach | rejected | worst | to reach | failed | fairness | worst |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, target := range scene.QuotaTargets() {
		s, name := tcretryAsItComes, target.Name
		if target.SlowStart {
			s, name = tcretrySlow, name+", slow start"
		}
		r := b.queue(target.Quota, s)
		b.printf("| %s | %.3f | %.3f | %.2f | %s | %s | %.0f %% | %s | %.3f | %.3f |\n", name,
			r.of(makespan).mean(), r.of(makespan).max(), target.Makespan,
			percent(r.of(rejected).mean()), percent(r.of(rejected).max()), 100*target.Waste,
			percent(r.of(failed).mean()), r.of(fairness).mean(), r.of(fairness).min())
	}
}

// sharedTable compares the strategies where a limiter that was told is wrong.
func (b *bench) sharedTable() {
	scenes := []scene.Quota{}
	b.printf("\nWhere the quota is not what one was told, or is not one's own:\n\n|")
	for _, target := range scene.QuotaTargets() {
		switch target.Name {
		case "20, then 5 for 30 s, then 20", "ten processes, 50 callers", "somebody takes 5 a second and never waits":
			scenes = append(scenes, target.Quota)
			b.printf(" | %s: makespan | rejected | failed", target.Name)
		}
	}
	b.printf(" |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range []scene.Strategy{retryableDefaults, backoffDefaults, toldLimiter, tcretryAsItComes} {
		b.printf("| %s ", s.Name)
		for _, q := range scenes {
			b.printf("%s", threeCells(b.queue(q, s)))
		}
		b.printf("|\n")
	}
	b.printf("\nThe limiter is told 20 a second, each of ten 2 a second.\n")
}

// randomScenes is how many scenes the table of random ones has for each seed.
const randomScenes = 100

// randomTable plays random scenes of a limit that other programs use too.
func (b *bench) randomTable() {
	b.printf("\nScenes drawn at random: limits of 2 to 50 per second, fixed and sliding windows and token buckets, all four codes, one to 50 processes "+
		"that do not know of each other, and other programs that send bursts, storms, steadily or nothing; %d scenes with the seeds from %d on. "+
		"The completion time is over that of an ideal scheduler, a second added to each; crowded are sliding windows with ten or more processes, or "+
		"with more than the limit per second.\n\n| strategy | calls | failed | completion: median | p95 | worst | attempts per call | crowded: failed | attempts per call |\n"+
		"|---|---|---|---|---|---|---|---|---|\n", randomScenes*b.seeds, randomSeed)
	for _, s := range []scene.Strategy{tcretryAsItComes, unlimitedBackoff, retryableDefaults, toldLimiter} {
		var outs, crowded []scene.Outcome
		for _, out := range play(b, "random/"+s.Name, randomScenes*b.seeds, func(t *testing.T, seed uint64) scene.Outcome {
			return scene.DrawShared(seed-firstSeed+randomSeed).Play(t, s)
		}) {
			if out.Crowded() {
				crowded = append(crowded, out)
			} else {
				outs = append(outs, out)
			}
		}
		sum, rest := scene.Total(outs), scene.Total(crowded)
		b.printf("| %s | %d | %d | %.2f | %.2f | %.2f | %.2f | %d of %d | %.2f |\n", s.Name, sum.Calls, sum.Failed,
			sum.Slowness(0.5), sum.Slowness(0.95), sum.Slowness(1), sum.AttemptsPerCall, rest.Failed, rest.Calls, rest.AttemptsPerCall)
	}
	b.printf("\nThe limiter is told each process's part of the limit.\n")
}

// randomSeed is the first of the random scenes: no constant was chosen on those.
const randomSeed = 20001

// below shows that nothing is added below the quota.
func (b *bench) below() {
	r := b.queue(scene.Below(), tcretryAsItComes)
	added := r.of(func(q scene.Queued) float64 { return q.Added.Seconds() }).max()
	b.printf("\nBelow the quota, at 17 calls a second, tcretry added %v s to 2,000 calls, and %v were rejected.\n", added, r.of(rejected).max())
}

// pictureSeed makes the API's seconds begin with the scene, so that each bar of a
// picture is one of them.
const pictureSeed = 2000

// quotaPicture shows the strategies against a quota, for one seed.
func (b *bench) quotaPicture() string {
	p := picture{
		title:    "2,000 calls of 50 callers against a quota of 20 a second",
		subtitle: "Attempts in each second of the API. Hatched: rejected. Dashed: the quota.",
		seconds:  160, most: 60, line: 20,
	}
	q := scene.Quota{Callers: 50}
	for _, s := range []scene.Strategy{tcretryAsItComes, toldLimiter, backoffDefaults, retryableDefaults, constantSecond} {
		r := play(b, "picture/"+s.Name, 1, func(t *testing.T, _ uint64) scene.Queued { return q.Play(t, s, pictureSeed) })[0]
		p.panels = append(p.panels, panel{
			name:     strings.ReplaceAll(s.Name, "*", ""),
			figures:  fmt.Sprintf("%.0f s, %d rejected, %d calls failed", r.Makespan.Seconds(), r.Rejected, r.Failed),
			attempts: r.Attempts,
		})
	}
	return p.svg()
}
