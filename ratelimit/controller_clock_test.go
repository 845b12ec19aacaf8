package ratelimit_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/test/concurrent"
	"github.com/tcretry/tcretry/ratelimit"
)

func TestAContendedKeyStartsNoMoreThanItsLimit(t *testing.T) {
	concurrent.OnProcessors(t, func(t *testing.T) {
		t.Run("a group", func(t *testing.T) { // its members, at once, end before it
			for name, c := range map[string]struct {
				code string
				keys int
			}{"its own": {"RequestLimitExceeded", 1}, "that of the whole account": {codeUin, 16}} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					contend(t, c.code, c.keys)
				})
			}
		})
	})
}

// contend has many callers start attempts of some keys, which share a limit that was
// learned from a throttling response with the code.
func contend(t *testing.T, code string, keys int) {
	a := new(ratelimit.Adaptive)
	key := func(i int) ratelimit.KeyLimiter {
		return a.ForKey(ratelimit.Key{Host: testKey.Host, Action: strconv.Itoa(i % keys), Credential: testKey.Credential})
	}
	l := key(0)
	for range 21 {
		require.NoError(t, l.Wait(t.Context(), ratelimit.WaitOptions{}))
	}
	done(l, 20, accepted)
	began := time.Now()
	l.Done(ratelimit.Result{Verdict: ratelimit.Throttled, Code: code, Count: 21, Limit: 20})
	ctx, stop := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer stop()
	var started atomic.Int64
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for l := key(i); ctx.Err() == nil; {
				// Short waits contend the most.
				once, end := context.WithTimeout(ctx, time.Duration(i)*50*time.Microsecond)
				if l.Wait(once, ratelimit.WaitOptions{}) == nil {
					started.Add(1)
					l.Done(ratelimit.Result{})
				}
				end()
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, started.Load(), concurrent.MayStart(time.Since(began), 20))
}
