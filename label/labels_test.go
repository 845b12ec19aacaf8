package label_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/test/race"
	"github.com/tcretry/tcretry/label"
)

func TestALabelSetKeepsTheFirstValuesAndFoldsTheOthers(t *testing.T) {
	set := label.Limiter{Max: 2}
	require.Equal(t, "a", set.Label("a"))
	require.Equal(t, "b", set.Label("b"))
	require.Equal(t, label.Other, set.Label("c"))
	require.Equal(t, "a", set.Label("a"), "what was kept stays")
	require.Equal(t, label.Other, set.Label("c"), "what was folded stays folded")
}

func TestTheZeroLabelSetKeepsAHundredValues(t *testing.T) {
	for _, limit := range []int{0, -1} {
		set := label.Limiter{Max: limit}
		for i := range 100 {
			value := fmt.Sprint("value", i)
			require.Equal(t, value, set.Label(value))
		}
		require.Equal(t, label.Other, set.Label("one more"))
	}
}

func TestALabelSetLeavesTheEmptyValueAndDoesNotCountIt(t *testing.T) {
	set := label.Limiter{Max: 1}
	require.Empty(t, set.Label(""))
	require.Equal(t, "a", set.Label("a"))
	require.Empty(t, set.Label(""))
}

func TestALabelSetFoldsWhatNoLabelMayBe(t *testing.T) {
	set := label.Limiter{Max: 1}
	for _, value := range []string{strings.Repeat("x", 129), "\xff"} {
		require.Equal(t, label.Other, set.Label(value))
	}
	longest := strings.Repeat("x", 128)
	require.Equal(t, longest, set.Label(longest), "they took no place")
}

func TestManyGoroutinesFillALabelSetToItsLimitAndNoFurther(t *testing.T) {
	set := label.Limiter{Max: 8}
	var kept sync.Map
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 64 {
				kept.Store(set.Label(fmt.Sprint("value", (g+i)%32)), true)
			}
		})
	}
	all.Wait()
	count := 0
	kept.Range(func(any, any) bool { count++; return true })
	require.Equal(t, 8+1, count, "the kept ones and the other")
}

func TestAKnownLabelCostsNoAllocation(t *testing.T) {
	if race.Enabled {
		t.Skip("allocations are counted without -race: go test .")
	}
	set := label.Limiter{Max: 1}
	set.Label("DescribeInstances")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		set.Label("DescribeInstances")
		set.Label("RunInstances")
	}))
}

func TestALabelSetKeepsNoMemoryOfAValue(t *testing.T) {
	memory := []byte("DescribeInstances")
	var set label.Limiter
	label := set.Label(unsafe.String(&memory[0], len(memory)))
	clear(memory)
	require.Equal(t, "DescribeInstances", label)
	require.Equal(t, "DescribeInstances", set.Label("DescribeInstances"))
}
