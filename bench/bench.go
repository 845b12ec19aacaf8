package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tcretry/tcretry/bench/scene"
)

// bench plays scenes and prints their results.
type bench struct {
	t     *testing.T
	seeds int
	text  strings.Builder
}

func newBench(t *testing.T, seeds int) *bench { return &bench{t: t, seeds: max(seeds, 1)} }

func (b *bench) printf(format string, args ...any) { fmt.Fprintf(&b.text, format, args...) }

// numbers are the values of one figure, one per seed.
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

// results are the results of a scene, one per seed.
type results[R any] []R

// of returns a figure of each result.
func (r results[R]) of(figure func(R) float64) numbers {
	n := make(numbers, len(r))
	for i := range r {
		n[i] = figure(r[i])
	}
	return n
}

// rateLimitResults are the results of a scene with a rate limit.
type rateLimitResults = results[scene.RateLimitResult]

func completion(q scene.RateLimitResult) float64 { return q.Slowness() }
func throttled(q scene.RateLimitResult) float64  { return 100 * q.ThrottledPerCall() }
func failed(q scene.RateLimitResult) float64     { return 100 * float64(q.Failed) / float64(q.Calls) }
func fairness(q scene.RateLimitResult) float64   { return q.Fairness() }

// play plays a scene once for each of the first n seeds, several concurrently.
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

func (b *bench) queue(q scene.RateLimit, s scene.Strategy) rateLimitResults {
	return play(b, q.Name+"/"+s.Name, b.seeds, func(t *testing.T, seed uint64) scene.RateLimitResult { return q.Play(t, s, seed) })
}
