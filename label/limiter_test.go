package label_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/test/race"
	"github.com/tcretry/tcretry/label"
)

func TestLimiter_keepsTheFirstValuesAndFoldsTheOthers(t *testing.T) {
	limiter := label.Limiter{Max: 2}
	require.Equal(t, "a", limiter.Label("a"))
	require.Equal(t, "b", limiter.Label("b"))
	require.Equal(t, label.Other, limiter.Label("c"))
	require.Equal(t, "a", limiter.Label("a"), "what was kept stays")
	require.Equal(t, label.Other, limiter.Label("c"), "what was folded stays folded")
}

func TestLimiter_keepsAHundredValuesByDefault(t *testing.T) {
	for _, limit := range []int{0, -1} {
		limiter := label.Limiter{Max: limit}
		for i := range 100 {
			value := fmt.Sprint("value", i)
			require.Equal(t, value, limiter.Label(value))
		}
		require.Equal(t, label.Other, limiter.Label("one more"))
	}
}

func TestLimiter_returnsTheEmptyValueAndDoesNotCountIt(t *testing.T) {
	limiter := label.Limiter{Max: 1}
	require.Empty(t, limiter.Label(""))
	require.Equal(t, "a", limiter.Label("a"))
	require.Empty(t, limiter.Label(""))
	require.Equal(t, label.Other, limiter.Label("b"), "one is all that is kept")
}

func TestLimiter_foldsLongAndInvalidValues(t *testing.T) {
	limiter := label.Limiter{Max: 1}
	for _, value := range []string{strings.Repeat("x", 129), "\xff"} {
		require.Equal(t, label.Other, limiter.Label(value))
	}
	longest := strings.Repeat("x", 128)
	require.Equal(t, longest, limiter.Label(longest), "they took no place")
}

func TestLimiter_keepsNoMoreThanMaxFromManyGoroutines(t *testing.T) {
	limiter := label.Limiter{Max: 8}
	var kept sync.Map
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 64 {
				kept.Store(limiter.Label(fmt.Sprint("value", (g+i)%32)), true)
			}
		})
	}
	all.Wait()
	count := 0
	kept.Range(func(any, any) bool { count++; return true })
	require.Equal(t, 8+1, count, "the kept ones and Other")
}

// Goroutines that all found room for their value must not all keep it.
func TestLimiter_keepsOneOfTheValuesThatComeTogether(t *testing.T) {
	for range 20_000 {
		limiter := label.Limiter{Max: 1}
		var all sync.WaitGroup
		var ready atomic.Int32
		var kept [4]bool
		for i := range kept {
			all.Go(func() {
				for ready.Add(1); int(ready.Load()) < len(kept); { // as close together as can be
					runtime.Gosched()
				}
				kept[i] = limiter.Label(fmt.Sprint(i)) != label.Other
			})
		}
		all.Wait()
		require.Len(t, slices.DeleteFunc(kept[:], func(kept bool) bool { return !kept }), 1)
	}
}

func TestLimiter_allocatesNothingForAKeptValue(t *testing.T) {
	if race.Enabled {
		t.Skip("allocations are counted without -race: go test .")
	}
	limiter := label.Limiter{Max: 1}
	limiter.Label("DescribeInstances")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		limiter.Label("DescribeInstances")
		limiter.Label("RunInstances")
	}))
}

func TestLimiter_sharesNoMemoryWithAValue(t *testing.T) {
	memory := []byte("DescribeInstances")
	var limiter label.Limiter
	label := limiter.Label(unsafe.String(&memory[0], len(memory)))
	clear(memory)
	require.Equal(t, "DescribeInstances", label)
	require.Equal(t, "DescribeInstances", limiter.Label("DescribeInstances"))
}
