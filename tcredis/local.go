package tcredis

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/tcretry/tcretry/ratelimit"
)

// errChange tells a waiter that attempts are booked now.
var errChange = errors.New("tcredis: the pace changed hands")

// local paces the attempts of one key that are not booked: while its quota is not
// known, or no more than a process without Redis finds out. All are safe for use
// from many goroutines.
type local struct {
	lane ratelimit.KeyLimiter
	// slow says that lane was told of a rejection: attempts may wait there.
	slow     atomic.Bool
	inFlight atomic.Int64
	// ended is the context that ends when attempts are booked.
	ended context.Context
	end   context.CancelCauseFunc
}

func newLocal(lane ratelimit.KeyLimiter) local {
	ended, end := context.WithCancelCause(context.Background())
	return local{lane: lane, ended: ended, end: end}
}

// wait is KeyLimiter.Wait, and returns errChange once l has ended.
func (l *local) wait(ctx context.Context, turn ratelimit.WaitOptions) error {
	if l.slow.Load() {
		inner, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		stop := context.AfterFunc(l.ended, func() { cancel(errChange) })
		defer stop()
		ctx = inner
	}
	err := l.lane.Wait(ctx, turn)
	if err == nil {
		l.inFlight.Add(1)
	}
	return err
}

// done is Lane.Done. It returns false if no attempt of this lane is in flight.
// Should there be booked ones as well, nothing tells them apart, and nothing has to:
// all of this lane are soon over.
func (l *local) done(r ratelimit.Result) bool {
	for n := l.inFlight.Load(); n > 0; n = l.inFlight.Load() {
		if l.inFlight.CompareAndSwap(n, n-1) {
			if r.Verdict == ratelimit.Throttled {
				l.slow.Store(true)
			}
			l.lane.Done(r)
			return true
		}
	}
	return false
}

func (l *local) pace() ratelimit.State {
	return l.lane.(interface{ State() ratelimit.State }).State()
}
