package tcretry_test

import (
	"cmp"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/tcretry/tcretry/internal/scene"
)

var (
	sharedFrom  = flag.Uint64("shared.seed", 1, "the first seed of the random scenes of a shared limit")
	sharedCount = flag.Int("shared.scenes", 100, "how many of them to play")
	sharedPlain = flag.Bool("shared.plain", false, "plain backoff")
)

var plain = scene.Strategy{Name: "plain", New: func(base http.RoundTripper, _ float64) scene.Call {
	return func() error {
		b := backoff.NewExponentialBackOff()
		b.MaxElapsedTime = 2 * time.Minute
		return backoff.Retry(func() error { return scene.Send(base) }, b)
	}
}}

func summary(t *testing.T, name string, outs []scene.Outcome) {
	n := len(outs)
	if n == 0 {
		return
	}
	slices.SortFunc(outs, func(a, b scene.Outcome) int { return cmp.Compare(a.Slowness(), b.Slowness()) })
	calls, failed, attempts, scenes := 0, 0, 0, 0
	mean := 0.0
	early := 0
	for _, o := range outs {
		calls += o.Calls
		failed += o.Failed
		first := time.Duration(-1)
		for _, a := range o.Arrivals {
			if a.Other || !a.Failed {
				continue
			}
			if first < 0 {
				first = a.At
			}
			if a.At < first+o.OneWay*5/2 {
				early++
			}
		}
		attempts += o.Attempts
		mean += float64(o.Attempts) / float64(o.Calls) / float64(n)
		if o.Failed > 0 {
			scenes++
		}
	}
	fmt.Printf("SUM %-38s %4d sc %6d calls fail %4d in %3d; att %.3f (early %.3f mean %.3f); med %.3f p75 %.2f p90 %.2f p95 %.2f p99 %.2f worst %.2f\n", name, n, calls, failed, scenes,
		float64(attempts)/float64(calls), float64(early)/float64(calls), mean, outs[n/2].Slowness(), outs[n*75/100].Slowness(), outs[n*90/100].Slowness(), outs[n*95/100].Slowness(), outs[n*99/100].Slowness(), outs[n-1].Slowness())
}

func TestNoCallFailsThatTheLimitHasRoomFor(t *testing.T) {
	var outs []scene.Outcome
	by := map[string][]scene.Outcome{}
	for i := range *sharedCount {
		seed := *sharedFrom + uint64(i)
		s := seeded(false, 1000*seed)
		if *sharedPlain {
			s = plain
		}
		o := scene.DrawShared(seed).Play(t, s)
		outs = append(outs, o)
		if f := os.Getenv("LIST"); f != "" && strings.Contains(o.Shared.String()+" "+procsOf(o.Processes), f) {
			fmt.Printf("LIST %.2f att %.2f %v\n", o.Slowness(), float64(o.Attempts)/float64(o.Calls), o.Shared)
		}
		if os.Getenv("DUMP") != "" {
			n, ok, oth := map[int]int{}, map[int]int{}, map[int]int{}
			for _, a := range o.Arrivals {
				k := int(a.At/time.Second + 2)
				if a.Other {
					oth[k]++
					continue
				}
				n[k]++
				if !a.Failed {
					ok[k]++
				}
			}
			fmt.Println(o.Shared)
			for k := 0; k < int(o.Completion/time.Second)+3 && k < 60; k++ {
				fmt.Printf("%d:%d/%d(%d) ", k-2, ok[k], n[k], oth[k])
			}
			fmt.Println()
		}
		kind := [...]string{"fixed", "sliding", "bucket"}[o.Kind]
		by["kind "+kind] = append(by["kind "+kind], o)
		procs := "procs 1"
		if o.Processes >= 10 {
			procs = "procs 10-50"
		} else if o.Processes > 1 {
			procs = "procs 2-9"
		}
		by[procs+" "+kind] = append(by[procs+" "+kind], o)
		w := [...]string{"numbers", "numbers", "blind"}[o.Wording]
		by["words "+w] = append(by["words "+w], o)
		nb := strings.Fields(o.Neighbor)
		who := nb[min(1, len(nb)-1)]
		if strings.Contains(o.Neighbor, "every") {
			who = "bursts"
		}
		if nb[0] == "steadily" {
			who = "steady"
		}
		key := fmt.Sprintf("X %s %s %s %s", procs, kind, w, who)
		by[key] = append(by[key], o)
		by["code "+o.Code] = append(by["code "+o.Code], o)
		by["others "+o.Neighbor[:min(8, len(o.Neighbor))]] = append(by["others "+o.Neighbor[:min(8, len(o.Neighbor))]], o)
		by["load "+o.Load[len(o.Load)-6:]] = append(by["load "+o.Load[len(o.Load)-6:]], o)
	}
	for _, o := range outs {
		if o.Failed > 0 {
			t.Logf("FAILED %d: %v\n   %v", o.Failed, o.Shared, o.Errs[0])
		}
	}
	if os.Getenv("BYGROUP") != "" {
		var keys []string
		for k := range by {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			summary(t, k, by[k])
		}
	}
	summary(t, "ALL", outs)
	n := len(outs)
	for _, o := range outs[max(0, n-25):] {
		t.Logf("%.2f (%.1f s, optimum %.1f s), %.2f attempts: %v", o.Slowness(), o.Completion.Seconds(), o.Best.Seconds(), float64(o.Attempts)/float64(o.Calls), o.Shared)
	}
}

func procsOf(n int) string {
	switch {
	case n >= 10:
		return "many"
	case n > 1:
		return "few"
	}
	return "one"
}
