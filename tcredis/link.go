package tcredis

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// firstPause is how long Redis is left alone after a failure: a hiccup, or a
	// failover of a second, should not cost much more than itself.
	firstPause = 100 * time.Millisecond
	// longestPause is what doubling that ends at: a probe of each process a second
	// is no load, and until the last one has found Redis again those that did do
	// not know of its attempts.
	longestPause = time.Second
	// proven is how long Redis must have been up for the next failure to be the
	// first one again.
	proven = 10 * time.Second
	// mostPending is how many requests may be without an answer before the next
	// probe: a client that never gives up must not collect goroutines.
	mostPending = 16
)

// link is the way to Redis of all lanes. One failure is taken to concern all:
// then nothing is asked but a probe now and then, so that not every call has to
// find out by a time-out of its own.
type link struct {
	client  redis.Scripter
	timeout time.Duration // of one answer

	down    atomic.Pointer[error] // nil while it is up
	pending atomic.Int64          // requests that the client has not answered

	mu      sync.Mutex
	pause   time.Duration // guarded by mu
	next    time.Time     // when to probe, while down; guarded by mu
	risen   time.Time     // when it came up last; guarded by mu
	probing bool          // guarded by mu
}

// up says whether Redis may be asked.
func (k *link) up() bool { return k.down.Load() == nil }

// ask runs an order and calls done once, from another goroutine, within the
// time-out. Clients need not heed the context, so it is not waited for.
func (k *link) ask(key string, o order, done func(reply, error)) {
	ctx, cancel := context.WithTimeout(context.Background(), k.timeout)
	var once sync.Once
	finish := func(r reply, err error) {
		once.Do(func() {
			cancel()
			k.note(err)
			done(r, err)
		})
	}
	timer := time.AfterFunc(k.timeout, func() {
		finish(reply{}, fmt.Errorf("tcredis: no answer within %v: %w", k.timeout, context.DeadlineExceeded))
	})
	k.pending.Add(1)
	go func() {
		defer k.pending.Add(-1)
		r, err := run(ctx, k.client, key, o)
		timer.Stop()
		finish(r, err)
	}()
}

// mayProbe says whether it is time for a probe. If so it counts as begun: ask
// must follow.
func (k *link) mayProbe() bool {
	if k.up() || k.pending.Load() >= mostPending {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.probing || time.Now().Before(k.next) {
		return false
	}
	k.probing = true
	return true
}

// note learns from the end of a request whether Redis is up.
func (k *link) note(err error) {
	if err == nil && k.up() {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	switch {
	case err == nil:
		k.risen, k.probing = now, false
		k.down.Store(nil)
	case k.up() && now.Sub(k.risen) > proven:
		k.pause = firstPause
		k.fail(now, err)
	case k.up() || k.probing:
		k.pause = min(max(2*k.pause, firstPause), longestPause)
		k.fail(now, err)
	}
}

// fail requires that mu is held.
func (k *link) fail(now time.Time, err error) {
	k.next, k.probing = now.Add(k.pause), false
	k.down.Store(&err)
}
