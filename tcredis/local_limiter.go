package tcredis

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/tcretry/tcretry/ratelimit"
)

// errReserving ends the waits for the limiter in memory: attempts are reserved from now on.
var errReserving = errors.New("tcredis: attempts are reserved from now on")

// localLimiter limits the attempts of one key that are not reserved, in memory: while the
// limit of the key is not known. It is safe for use from many goroutines.
type localLimiter struct {
	limiter ratelimit.KeyLimiter
	// throttled reports that an attempt was throttled: attempts may wait.
	throttled atomic.Bool
	inFlight  atomic.Int64
	// ended is a context that ends when attempts are reserved.
	ended context.Context
	end   context.CancelCauseFunc
}

func newLocalLimiter(limiter ratelimit.KeyLimiter) localLimiter {
	ended, end := context.WithCancelCause(context.Background())
	return localLimiter{limiter: limiter, ended: ended, end: end}
}

// wait is KeyLimiter.Wait, and returns errChange once l has ended.
func (l *localLimiter) wait(ctx context.Context, o ratelimit.WaitOptions) error {
	if l.throttled.Load() {
		inner, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		stop := context.AfterFunc(l.ended, func() { cancel(errReserving) })
		defer stop()
		ctx = inner
	}
	err := l.limiter.Wait(ctx, o)
	if err == nil {
		l.inFlight.Add(1)
	}
	return err
}

// done is KeyLimiter.Done. It returns false if no attempt without a reservation is in flight.
// If attempts with one are in flight too, the two are not distinguished: those without one
// end soon.
func (l *localLimiter) done(r ratelimit.Result) bool {
	for n := l.inFlight.Load(); n > 0; n = l.inFlight.Load() {
		if l.inFlight.CompareAndSwap(n, n-1) {
			if r.Verdict == ratelimit.Throttled {
				l.throttled.Store(true)
			}
			l.limiter.Done(r)
			return true
		}
	}
	return false
}

func (l *localLimiter) state() ratelimit.State {
	return l.limiter.(interface{ State() ratelimit.State }).State()
}
