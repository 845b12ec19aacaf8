package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tcretry/tcretry/bench/scene"
)

// page returns all tables as Markdown.
func (b *bench) page() string {
	b.printf("# Figures\n\nMade by `go run ./bench -write bench -seeds %d`, with the held-out seeds from %d to %d. ",
		b.seeds, firstSeed, firstSeed+b.seeds-1)
	b.printf("%s\n\n", "All numbers are measured with whole `http.RoundTripper`s in virtual time: the code that users run, not a model of it.")
	b.rateLimitTables()
	b.outageTable()
	return b.text.String()
}

func (b *bench) rateLimitTables() {
	b.printf("## Rate limits\n\n2,000 calls against a limit of 20/s. An attempt takes 20 to 80 ms, of which it needs 1 to 5 ms to arrive; the API " +
		"counts on arrival, in seconds of its own, throttled attempts too. *Completion* is the time until the last call has ended, divided by that of an ideal " +
		"scheduler (99 s here); *throttled* is the number of throttled attempts, and *failed* that of the calls that failed in the end, in %% of the calls. Means of all seeds.\n\n")
	b.printf("| fixed window of a second | 50 callers: completion | throttled | failed | 500 callers: completion | throttled | failed |\n|---|---|---|---|---|---|---|\n")
	for _, s := range []scene.Strategy{
		officialSDK, retryableDefaults, constantSecond, backoffDefaults, configuredLimiter, tcretryDefaults, tcretrySlow,
	} {
		b.printf("| %s ", s.Name)
		for _, callers := range []int{50, 500} {
			b.printf("%s", threeCells(b.queue(scene.RateLimit{Name: fmt.Sprint(callers, " callers"), Callers: callers}, s)))
		}
		b.printf("|\n")
	}
	b.ourTable()
	b.sharedTable()
	b.burstTable()
	b.randomTable()
	b.withinLimit()
}

func threeCells(r rateLimitResults) string {
	return fmt.Sprintf("| %.3f | %s | %s ", r.of(completion).mean(), percent(r.of(throttled).mean()), percent(r.of(failed).mean()))
}

// percent formats a percentage with its significant digits.
func percent(p float64) string {
	switch {
	case p == 0:
		return "0"
	case p < 10:
		return fmt.Sprintf("%.1f %%", p)
	}
	return fmt.Sprintf("%.0f %%", p)
}

// ourTable prints the results of tcretry in every scene that has a target.
func (b *bench) ourTable() {
	b.printf("\ntcretry in other scenes, mean and worst of the seeds. *Fairness* is Jain's index over all callers, of all processes: 1 if all made as many calls.\n\n" +
		"| scene | completion | worst | target | throttled | worst | target | failed | fairness | worst |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, target := range scene.RateLimitTargets() {
		s, name := tcretryDefaults, target.Name
		if target.SlowStart {
			s, name = tcretrySlow, name+", slow start"
		}
		r := b.queue(target.RateLimit, s)
		b.printf("| %s | %.3f | %.3f | %.2f | %s | %s | %.0f %% | %s | %.3f | %.3f |\n", name,
			r.of(completion).mean(), r.of(completion).max(), target.Completion,
			percent(r.of(throttled).mean()), percent(r.of(throttled).max()), 100*target.Throttled,
			percent(r.of(failed).mean()), r.of(fairness).mean(), r.of(fairness).min())
	}
}

// sharedTable compares the strategies where a configured limit is wrong.
func (b *bench) sharedTable() {
	scenes := []scene.RateLimit{}
	b.printf("\nWhere the limit is not the configured one, or is shared with other programs:\n\n|")
	for _, target := range scene.RateLimitTargets() {
		switch target.Name {
		case "20, then 5 for 30 s, then 20", "ten processes, 50 callers", "another program takes 5/s and never waits":
			scenes = append(scenes, target.RateLimit)
			b.printf(" | %s: completion | throttled | failed", target.Name)
		}
	}
	b.printf(" |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range []scene.Strategy{retryableDefaults, backoffDefaults, configuredLimiter, tcretryDefaults} {
		b.printf("| %s ", s.Name)
		for _, q := range scenes {
			b.printf("%s", threeCells(b.queue(q, s)))
		}
		b.printf("|\n")
	}
	b.printf("\nx/time/rate is configured with 20/s, each of ten processes with 2/s.\n")
}

// randomScenes is how many scenes the table of random ones has for each seed.
const randomScenes = 100

// randomTable plays random scenes of a limit that other programs use too.
func (b *bench) randomTable() {
	b.printf("\nScenes drawn at random: limits of 2 to 50 per second, fixed and sliding windows and token buckets, all four codes, one to 50 processes "+
		"that are not coordinated, and other programs that send bursts, storms, steadily or nothing; %d scenes with the seeds from %d on. "+
		"The completion time is divided by that of an ideal scheduler, a second added to each; crowded are sliding windows with ten or more processes, or "+
		"with more than the limit per second.\n\n| strategy | calls | failed | completion: median | p95 | worst | attempts per call | crowded: failed | attempts per call |\n"+
		"|---|---|---|---|---|---|---|---|---|\n", randomScenes*b.seeds, randomSeed)
	for _, s := range []scene.Strategy{tcretryDefaults, unlimitedBackoff, retryableDefaults, configuredLimiter} {
		var outs, crowded []scene.SharedResult
		for _, out := range play(b, "random/"+s.Name, randomScenes*b.seeds, func(t *testing.T, seed uint64) scene.SharedResult {
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
	b.printf("\nx/time/rate is configured with each process's share of the limit.\n")
}

// randomSeed is the first seed of the random scenes, which are held out.
const randomSeed = 20001

// withinLimit shows that no wait is added within the limit.
func (b *bench) withinLimit() {
	r := b.queue(scene.WithinLimit(), tcretryDefaults)
	added := r.of(func(q scene.RateLimitResult) float64 { return q.Added.Seconds() }).max()
	b.printf("\nWithin the limit, at 17 calls per second, tcretry added %v s to 2,000 calls, and %v %% were throttled.\n", added, r.of(throttled).max())
}

// pictureSeed makes the seconds of the API begin with the scene, so that each bar of a
// picture is one of them.
const pictureSeed = 2000

// rateLimitPicture shows the strategies against a rate limit, for one seed.
func (b *bench) rateLimitPicture() string {
	p := picture{
		title:    "2,000 calls of 50 callers against a rate limit of 20/s",
		subtitle: "Attempts in each second of the API. Hatched: throttled. Dashed: the limit.",
		seconds:  160, most: 60, line: 20,
	}
	q := scene.RateLimit{Callers: 50}
	for _, s := range []scene.Strategy{tcretryDefaults, configuredLimiter, backoffDefaults, retryableDefaults, constantSecond} {
		r := play(b, "picture/"+s.Name, 1, func(t *testing.T, _ uint64) scene.RateLimitResult { return q.Play(t, s, pictureSeed) })[0]
		p.panels = append(p.panels, panel{
			name:     strings.ReplaceAll(s.Name, "*", ""),
			figures:  fmt.Sprintf("%.0f s, %d throttled, %d calls failed", r.Completion.Seconds(), r.Throttled, r.Failed),
			attempts: r.Attempts,
		})
	}
	return p.svg()
}
