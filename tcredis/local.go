package tcredis

import (
	"context"
	"errors"
	"time"

	"github.com/tcretry/tcretry"
)

// errChange tells a waiter that others have the key's attempts now.
var errChange = errors.New("tcredis: the pace changed hands")

// local paces the attempts of one key while they are not booked in Redis.
type local struct {
	lane tcretry.Lane
	// slow says that lane was told of a rejection: attempts may wait there.
	slow bool
	// ended is the context that ends when attempts are booked again.
	ended context.Context
	end   context.CancelCauseFunc
}

// newLocal returns one that knows nothing and delays nothing.
func newLocal(key tcretry.PaceKey) local {
	l := local{lane: new(tcretry.AdaptivePacer).Lane(key)}
	l.ended, l.end = context.WithCancelCause(context.Background())
	return l
}

// newWarmLocal returns one that keeps the share of the quota that this process
// had in the last second, and goes on from there as if it had been rejected then.
func newWarmLocal(key tcretry.PaceKey, share, quota int) local {
	l := newLocal(key)
	for range max(1, min(share, quota)) {
		_ = l.lane.Wait(context.Background(), tcretry.Turn{}) // it is open: it lets all start
		l.lane.Done(tcretry.PaceResult{Verdict: tcretry.PaceAccepted})
	}
	l.lane.Done(tcretry.PaceResult{
		Verdict: tcretry.PaceRejected, Code: "RequestLimitExceeded", Count: quota + 1, Limit: quota,
	})
	l.slow = true
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

// window counts the events of about the last second: those of the second that a
// clock is in, and as much of the one before as the last second reaches back.
type window struct {
	second      time.Time
	count, past int
}

func (w *window) add(now time.Time) {
	w.turn(now)
	w.count++
}

func (w *window) turn(now time.Time) {
	if d := now.Sub(w.second); d >= 2*time.Second {
		w.second, w.count, w.past = now, 0, 0
	} else if d >= time.Second {
		w.second, w.count, w.past = w.second.Add(time.Second), 0, w.count
	}
}

func (w *window) last(now time.Time) int {
	w.turn(now)
	return w.count + int(float64(w.past)*(1-now.Sub(w.second).Seconds())+0.5)
}
