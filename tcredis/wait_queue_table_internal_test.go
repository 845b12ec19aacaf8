package tcredis

import (
	"context"
	"testing"
	"time"

	"github.com/tcretry/tcretry/internal/test/waitqueue"
	"github.com/tcretry/tcretry/ratelimit"
)

// The queue of ratelimit runs the same table.
func TestWaitQueue(t *testing.T) {
	waitqueue.Test(t, ratelimit.ErrTooLate, func(*testing.T) waitqueue.Queue {
		p := &Limiter{configured: func(ratelimit.Key) int { return waitqueue.Limit }}
		l := newKeyLimiter(p, ratelimit.Key{})
		l.requesting = true // a request to Redis is under way, and stays so: nothing may start
		return queueUnderTest{l}
	})
}

type queueUnderTest struct{ *keyLimiter }

func (q queueUnderTest) Enter(afterThrottle bool, notAfter time.Time) (<-chan error, func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := q.enter(time.Now(), ratelimit.WaitOptions{AfterThrottle: afterThrottle, NotAfter: notAfter})
	return w.result, func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = q.await(ctx, w)
	}
}

func (q queueUnderTest) Start() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue.resolve(q.queue.head(), nil)
}
