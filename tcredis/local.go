package tcredis

import (
	"context"
	"errors"

	"github.com/tcretry/tcretry"
)

// errChange tells a waiter that others have the key's attempts now.
var errChange = errors.New("tcredis: the pace changed hands")

// local paces the attempts of one key while its quota is not known, or no more
// than a process without Redis finds out.
type local struct {
	lane tcretry.Lane
	// slow says that lane was told of a rejection: attempts may wait there.
	slow bool
	// ended is the context that ends when attempts are booked.
	ended context.Context
	end   context.CancelCauseFunc
}

// newLocal returns one that knows nothing and delays nothing.
func newLocal(key tcretry.PaceKey) local {
	l := local{lane: new(tcretry.AdaptivePacer).Lane(key)}
	l.ended, l.end = context.WithCancelCause(context.Background())
	return l
}

// wait is Lane.Wait, and returns errChange once l has ended.
func (l local) wait(ctx context.Context, turn tcretry.Turn) error {
	if !l.slow {
		return l.lane.Wait(ctx, turn)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(l.ended, func() { cancel(errChange) })
	defer stop()
	return l.lane.Wait(ctx, turn)
}

func (l *local) done(r tcretry.PaceResult) {
	l.lane.Done(r)
	l.slow = l.slow || r.Verdict == tcretry.PaceRejected
}

func (l *local) pace() tcretry.Pace {
	return l.lane.(interface{ Pace() tcretry.Pace }).Pace()
}
