// Package concurrent has what the tests of concurrent callers share, in every package.
package concurrent

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// OnProcessors runs a test with few processors and with many: where goroutines outnumber
// processors, one is preempted between the reading of the clock and the lock.
func OnProcessors(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	for _, n := range []int{2, 16} {
		t.Run(fmt.Sprintf("on %d", n), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
			test(t)
		})
	}
}

// MayStart is how many attempts may start within a real time: the limit in each second
// that has begun, and a probe for a raised one in each. Tests limit a number of attempts,
// never a time: a slow machine starts fewer.
func MayStart(took time.Duration, limit int) int64 {
	return int64(took/time.Second+1) * int64(limit+1)
}

// Bubbled is the number of goroutines in bubbles of testing/synctest: those of the
// runtime come and go.
func Bubbled() int {
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), ", synctest bubble")
}
