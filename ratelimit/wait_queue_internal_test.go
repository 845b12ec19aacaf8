package ratelimit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/clock"
	"github.com/tcretry/tcretry/internal/test/waitqueue"
)

// The queue of tcredis runs the same table.
func TestWaitQueue(t *testing.T) {
	waitqueue.Test(t, ErrTooLate, func(t *testing.T) waitqueue.Queue {
		l := new(Adaptive).key(Key{})
		fill(t, l, "RequestLimitExceeded")
		require.Equal(t, waitqueue.Limit, l.controller.limit)
		return queueUnderTest{l}
	})
}

type queueUnderTest struct{ *keyLimiter }

func (q queueUnderTest) Enter(afterThrottle bool, notAfter time.Time) (<-chan error, func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	latest := never
	if !notAfter.IsZero() {
		latest = clock.Of(notAfter)
	}
	w, err := q.enter(clock.Now(), latest, afterThrottle)
	if w == nil {
		result := make(chan error, 1)
		result <- err
		return result, nil
	}
	return w.result, func() { q.leave(w, nil) }
}

func (q queueUnderTest) Start() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.resolve(q.head(), nil)
}
