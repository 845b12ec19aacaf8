package tcredis

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tcretry/tcretry"
)

// maxQuota is the largest quota that is believed or kept; the largest documented
// ones are some thousands a second.
const maxQuota = 1 << 20

// lane paces the attempts of one key. Once the quota is known they are booked: in
// Redis, or, while that is down, by a clerk that keeps this process's share. Before
// that a local pacer has them.
type lane struct {
	pacer    *Pacer
	key      tcretry.PaceKey
	name     string        // in Redis
	wide     tcretry.Lane  // for what counts more than this key
	set      int           // the quota that the user set; 0 to learn it
	accepted atomic.Uint64 // by the fleet, as far as it is known

	mu       sync.Mutex
	booked   bool // attempts are booked; guarded by mu, as all below
	quota    int  // as last heard; 0 if it is not known
	rate     float64
	inFlight int
	looked   bool // Redis was asked for a quota that others know
	queue    queue
	bookings bookings
	timer    *time.Timer // nil while nobody waits
	rejected *rejection  // to be told with the next booking
	misses   misses
	untold   uint64 // own attempts that were accepted, not told yet
	all      uint64 // those of the fleet, as last heard; 0 before

	local    local
	clerk    clerk
	alone    bool      // the clerk books
	back     time.Time // until when the clerk says when to book in Redis
	began    starts    // of the booked ones
	unbooked time.Time // when the last one starts that Redis does not know of
	fleet    int       // processes that book; 0 if it is not known
	census   int64     // the last that counted this one
}

func newLane(p *Pacer, key tcretry.PaceKey) *lane {
	l := &lane{pacer: p, key: key, name: p.name(key), wide: p.wide.Lane(key), set: min(max(0, p.quota(key)), maxQuota)}
	l.quota, l.booked = l.set, l.set > 0
	l.local = newLocal(key)
	return l
}

// Accepted is part of [tcretry.Lane]. The key makes progress also when attempts of
// other processes are accepted.
func (l *lane) Accepted() uint64 { return l.accepted.Load() }

// Wait is part of [tcretry.Lane]. What counts more than this key goes first: a
// booking that it made too late would be wasted.
func (l *lane) Wait(ctx context.Context, turn tcretry.Turn) error {
	if err := l.wide.Wait(ctx, turn); err != nil {
		return err
	}
	if err := l.wait(ctx, turn); err != nil {
		l.wide.Done(tcretry.PaceResult{})
		return err
	}
	return nil
}

func (l *lane) wait(ctx context.Context, turn tcretry.Turn) error {
	for {
		l.mu.Lock()
		now := time.Now()
		l.heed()
		var err error
		if l.booked {
			w := l.enter(now, turn)
			l.mu.Unlock()
			err = l.await(ctx, w)
		} else {
			local := l.local
			l.unbooked = now
			l.mu.Unlock()
			err = local.wait(ctx, turn)
		}
		switch err {
		case errChange:
			continue
		case nil:
			l.mu.Lock()
			l.inFlight++
			l.mu.Unlock()
		}
		return err
	}
}

// enter makes the call a waiter. It requires that mu is held.
func (l *lane) enter(now time.Time, turn tcretry.Turn) *waiter {
	w := &waiter{again: turn.Again, latest: turn.Latest, told: make(chan error, 1)}
	if l.queue.len() == 0 {
		l.bookings.forget(now)
	}
	l.queue.add(w)
	l.work(now)
	return w
}

// await waits until w is told.
func (l *lane) await(ctx context.Context, w *waiter) error {
	var err error
	told := false
	select {
	case err = <-w.told:
		told = true
	case <-ctx.Done():
	}
	// Of the events of one moment the end of the context counts: an attempt that
	// will not be made must leave its booking to the others.
	if ctx.Err() == nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.queue.remove(w) && !told {
		err = <-w.told
		told = true
	}
	if told && err == nil {
		l.bookings.giveBack()
	}
	l.work(time.Now())
	return context.Cause(ctx)
}

// Done is part of [tcretry.Lane].
func (l *lane) Done(r tcretry.PaceResult) {
	own := r
	if r.Verdict == tcretry.PaceRejected {
		// The codes that concern more than this key are known to the wide pacer.
		if r.Code == "" || r.Code == "RequestLimitExceeded" {
			r = tcretry.PaceResult{}
		} else {
			own = tcretry.PaceResult{}
		}
	}
	l.wide.Done(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight = max(0, l.inFlight-1)
	switch own.Verdict {
	case tcretry.PaceAccepted:
		l.accepted.Add(1)
		l.untold++
		l.misses.row = 0
	case tcretry.PaceRejected:
		now := time.Now()
		l.learn(own)
		l.misses.add(now, &l.bookings.hold)
		if l.alone || now.Before(l.back) {
			l.clerk.reject(now, *l.rejected, l.quota)
		}
		if l.alone {
			l.rejected = nil // it is no news to Redis once that is back
		}
	}
	if !l.booked {
		l.local.done(own)
	}
	l.heed()
}

// learn takes in a rejection. It requires that mu is held.
func (l *lane) learn(r tcretry.PaceResult) {
	l.rejected = &rejection{}
	if 0 < r.Limit && r.Limit < r.Count && r.Limit <= maxQuota {
		l.rejected = &rejection{r.Count, r.Limit}
		l.quota = r.Limit
		if l.set > 0 {
			l.quota = min(l.quota, l.set)
		}
	}
	if l.quota == 0 {
		l.looked = false // others may know
	}
}

// misses are rejections in a row.
type misses struct {
	row   int
	since time.Time
}

// add counts one. After three of them nothing of this process starts until the
// first is a second old, whatever is booked: the server's second has ended then.
// Else a call that goes to the head again and again could use up its attempts
// within it.
func (m *misses) add(now time.Time, hold *time.Time) {
	if m.row == 0 {
		m.since = now
	}
	if m.row++; m.row == 3 {
		m.row = 0
		*hold = m.since.Add(time.Second)
	}
}

// Pace tells hooks what is known of the key.
func (l *lane) Pace() tcretry.Pace {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.booked {
		pace := l.local.pace()
		pace.InFlight = l.inFlight
		return pace
	}
	rate := l.rate
	if l.alone {
		rate = l.clerk.rate
	}
	pace := tcretry.Pace{
		Host: l.key.Host, Action: l.key.Action, Mode: tcretry.PaceOwn, Quota: l.quota, Rate: rate,
		Waiting: l.queue.len(), InFlight: l.inFlight,
	}
	if rate > 0 && rate < float64(l.quota) {
		pace.Mode = tcretry.PaceShared
	}
	return pace
}
