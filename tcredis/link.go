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
	// minPause is the time without requests after a failure: a failover of a second should
	// not cost much more than a second.
	minPause = 100 * time.Millisecond
	// maxPause limits its doubling: one probe per second of each process is no load, and
	// until the last process has detected that Redis is back, its attempts are not reserved
	// there.
	maxPause = time.Second
	// stableAfter is how long Redis must have been up for the pause to be minPause again.
	stableAfter = 10 * time.Second
	// maxPending is how many requests may be in progress before the next probe: a client
	// that never returns must not accumulate goroutines.
	maxPending = 16
)

// link is the connection of all keys to Redis, with a circuit breaker: one failure concerns
// all keys, and then only probes are sent, so that not every call waits for a time-out.
type link struct {
	client  redis.Scripter
	timeout time.Duration // of one reply

	down    atomic.Pointer[error] // nil while it is up
	pending atomic.Int64          // requests in progress

	mu        sync.Mutex
	pause     time.Duration // guarded by mu
	nextProbe time.Time     // when to probe, while down; guarded by mu
	upSince   time.Time     // when it came up last; guarded by mu
	probing   bool          // guarded by mu
}

// up reports whether requests may be sent.
func (k *link) up() bool { return k.down.Load() == nil }

// send runs a request and calls done once, from another goroutine, within the time-out.
// Clients may ignore the context, so send does not wait for them.
func (k *link) send(key string, o request, done func(reply, error)) {
	ctx, cancel := context.WithTimeout(context.Background(), k.timeout)
	var once sync.Once
	finish := func(r reply, err error) {
		once.Do(func() {
			cancel()
			k.record(err)
			done(r, err)
		})
	}
	timer := time.AfterFunc(k.timeout, func() {
		finish(reply{}, fmt.Errorf("tcredis: no reply within %v: %w", k.timeout, context.DeadlineExceeded))
	})
	k.pending.Add(1)
	go func() {
		defer k.pending.Add(-1)
		r, err := run(ctx, k.client, key, o)
		timer.Stop()
		finish(r, err)
	}()
}

// mayProbe reports whether a probe is due. If so the probe counts as started: send must
// follow.
func (k *link) mayProbe() bool {
	if k.up() || k.pending.Load() >= maxPending {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.probing || time.Now().Before(k.nextProbe) {
		return false
	}
	k.probing = true
	return true
}

// record learns from the end of a request whether Redis is up.
func (k *link) record(err error) {
	if err == nil && k.up() {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	switch {
	case err == nil:
		k.upSince, k.probing = now, false
		k.down.Store(nil)
	case k.up() && now.Sub(k.upSince) > stableAfter:
		k.pause = minPause
		k.fail(now, err)
	case k.up() || k.probing:
		k.pause = min(max(2*k.pause, minPause), maxPause)
		k.fail(now, err)
	}
}

// fail requires that mu is held.
func (k *link) fail(now time.Time, err error) {
	k.nextProbe, k.probing = now.Add(k.pause), false
	k.down.Store(&err)
}
