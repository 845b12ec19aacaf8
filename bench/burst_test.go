package main

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write burst.svg anew")

func TestWhatIsRecordedOfABurstIsWhole(t *testing.T) {
	require.Regexp(t, `commit [0-9a-f]{40}\b`, burstBefore)
	results, err := recordedBursts()
	require.NoError(t, err)
	require.Len(t, results, burstSeeds*len(burstSizes))
	for i, r := range results {
		require.Equal(t, burstSizes[i/burstSeeds], r.others)
		require.Equal(t, uint64(i%burstSeeds+1), r.seed)
		require.Equal(t, 50, r.failed+len(r.succeeded), "each call failed or succeeded")
		require.GreaterOrEqual(t, r.attempts, len(r.succeeded))
		require.True(t, slices.IsSorted(r.succeeded))
		require.LessOrEqual(t, r.succeeded[len(r.succeeded)-1], r.took+2*time.Millisecond, "a one-way time differs by a fifth")
	}
}

// The picture is what the program would draw now, but for the delays of backoff/v4, which
// differ between runs: go test ./bench -run ThePictureOfABurst -update.
func TestThePictureOfABurstIsThatOfNow(t *testing.T) {
	const name = "burst.svg"
	drawn := newBench(t, 1).burstPicture()
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(drawn), 0o644))
	}
	written, err := os.ReadFile(name)
	require.NoError(t, err)
	random := regexp.MustCompile(`(?m)^.*class="curve c2".*$`)
	require.Len(t, random.FindAllString(drawn, -1), 2, "its curve and its name")
	require.Equal(t, random.ReplaceAllString(drawn, ""), random.ReplaceAllString(string(written), ""))
	require.Contains(t, drawn, "5 of 50 calls failed", "before")
	require.Equal(t, 1, strings.Count(drawn, "failed"), "none fails now, nor with plain backoff")
}

func TestAChartIsWellFormedAndHasAStepForEachCall(t *testing.T) {
	c := chart{title: "a < b", burst: "c & d", from: -1, to: 4, calls: 2, curves: []curve{
		{name: "one & all", figures: "3 s", at: []time.Duration{time.Second, 3 * time.Second}}, {name: "none"},
	}}
	svg := c.svg()
	requireWellFormed(t, svg)
	require.Contains(t, svg, "one &amp; all")
	require.Equal(t, "M190.0 386.0H334.0V236.0H622.0V86.0", c.path(c.curves[0].at))
}
