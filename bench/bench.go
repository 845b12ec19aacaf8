package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tcretry/tcretry/bench/scene"
)

// bench plays scenes and writes down what comes of them.
type bench struct {
	t     *testing.T
	seeds int
	text  strings.Builder
}

func newBench(t *testing.T, seeds int) *bench { return &bench{t: t, seeds: max(seeds, 1)} }

func (b *bench) printf(format string, args ...any) { fmt.Fprintf(&b.text, format, args...) }

// numbers are those of one figure, a seed each.
type numbers []float64

func (n numbers) mean() float64 {
	sum := 0.0
	for _, x := range n {
		sum += x
	}
	return sum / float64(len(n))
}

func (n numbers) max() float64 { return slices.Max(n) }
func (n numbers) min() float64 { return slices.Min(n) }

// results are those of a scene, a seed each.
type results[R any] []R

// of returns one figure of all results.
func (r results[R]) of(figure func(R) float64) numbers {
	n := make(numbers, len(r))
	for i := range r {
		n[i] = figure(r[i])
	}
	return n
}

// queued are the results of a scene of a quota.
type queued = results[scene.Queued]

func makespan(q scene.Queued) float64 { return q.Slowness() }
func rejected(q scene.Queued) float64 { return 100 * q.Waste() }
func failed(q scene.Queued) float64   { return 100 * float64(q.Failed) / float64(q.Calls) }
func fairness(q scene.Queued) float64 { return q.Fairness() }

// play plays a scene once for each of the first n seeds, several at a time.
func play[R any](b *bench, name string, n int, once func(t *testing.T, seed uint64) R) []R {
	results := make([]R, n)
	b.t.Run(name, func(t *testing.T) {
		for i := range results {
			seed := firstSeed + uint64(i)
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				results[i] = once(t, seed)
			})
		}
	})
	return results
}

func (b *bench) queue(q scene.Quota, s scene.Strategy) queued {
	return play(b, q.Name+"/"+s.Name, b.seeds, func(t *testing.T, seed uint64) scene.Queued { return q.Play(t, s, seed) })
}
