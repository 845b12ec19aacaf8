package budget

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tcretry/tcretry/internal/recent"
)

// Record reports an attempt that ended. It is part of [Budget].
func (b *Tokens) Record(r Report) {
	if r.Result != Failure && b.Steady(r.Host) {
		return
	}
	h := b.lock(r.Host)
	defer h.mu.Unlock()
	h.record(r)
	h.update()
}

// Steady reports that a [Success] would change nothing for host, so a caller need not record it.
func (b *Tokens) Steady(host string) bool { return b.host(host).healthy.Load() }

// Acquire requests one retry. It is part of [Budget]. A retry that is still deferred when
// ctx ends, or at its limit, consumes nothing.
func (b *Tokens) Acquire(ctx context.Context, r Request) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	h := b.lock(r.Host)
	d, err := h.acquire(r)
	h.update()
	h.mu.Unlock()
	if d == nil {
		return err
	}
	return h.wait(ctx, r.Cancel, d)
}

// HostState is a snapshot of the budget of one host. More fields may be added.
type HostState struct {
	// Host is the access host.
	Host string
	// Tokens is how many retries the action with the fewest tokens may make now, from 0
	// to the capacity.
	Tokens float64
	// Open reports that the last attempts to the host all failed, whatever their actions:
	// as many as open a circuit.
	Open bool
	// Deferred is the number of retries that are deferred now.
	Deferred int
	// Actions are the actions of the host that had failures, sorted by name.
	Actions []ActionState
}

// ActionState is a snapshot of the budget of one action of a host. More fields may be added.
type ActionState struct {
	// Action is the API action; "" for requests that have none.
	Action string
	// Tokens is how many retries the action may make now, from 0 to the capacity.
	Tokens float64
	// Open reports that retries of the action are deferred: its circuit is open, or the
	// circuit of the host is open and the last attempt of the action failed.
	Open bool
	// Deferred is the number of retries of the action that are deferred now.
	Deferred int
}

// States returns the state of every host, sorted by name. It locks the hosts one by one: it
// is meant for a debug page or a scrape, not for the path of a call.
func (b *Tokens) States() []HostState {
	var hosts []HostState
	b.hosts.All(func(name string, h *hostBudget) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.advance(time.Now())
		hosts = append(hosts, h.state(name))
	})
	slices.SortFunc(hosts, func(x, y HostState) int { return cmp.Compare(x.Host, y.Host) })
	return hosts
}

// hostBudget is the budget of one host with its lock and the timer of what it
// defers.
type hostBudget struct {
	mu         sync.Mutex
	hostTokens             // guarded by mu
	timer      *time.Timer // guarded by mu; runs while retries are deferred, else nil
	// evicted reports that the Tokens has another hostBudget for the host, or none.
	// Guarded by mu.
	evicted bool
	// healthy reports that a success changes nothing. It may be read without mu: attempts
	// that end at the same time have no order.
	healthy atomic.Bool
}

func (b *Tokens) host(host string) *hostBudget {
	return b.hosts.Get(host, recent.Hint(host), func() (string, *hostBudget) { return strings.Clone(host), b.newHost() }, (*hostBudget).inUse)
}

// lock returns the state of host, locked and advanced to the present time. The clock is read
// under the lock, so that no other goroutine has a later time when it gets the lock.
func (b *Tokens) lock(host string) *hostBudget {
	for {
		h := b.host(host)
		h.mu.Lock()
		if !h.evicted {
			h.advance(time.Now())
			return h
		}
		h.mu.Unlock()
	}
}

func (b *Tokens) newHost() *hostBudget {
	return &hostBudget{hostTokens: hostTokens{settings: b.settings()}}
}

// inUse reports whether the Tokens must keep h, because h alone can release its deferred
// retries, and marks it as evicted if not.
func (h *hostBudget) inUse() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.evicted = h.deferred == 0
	return !h.evicted
}

// update must follow every change: it releases what is due, and runs the timer while
// retries are deferred, and only then. It requires that mu is held.
func (h *hostBudget) update() {
	next := h.releaseDue()
	h.healthy.Store(h.hostTokens.healthy())
	switch {
	case next.IsZero():
		if h.timer != nil {
			h.timer.Stop()
			h.timer = nil
		}
	case h.timer == nil:
		h.timer = time.AfterFunc(next.Sub(h.now), h.onTimer)
	default:
		h.timer.Reset(next.Sub(h.now))
	}
}

// onTimer is what the timer runs.
func (h *hostBudget) onTimer() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.advance(time.Now())
	h.update()
}

// wait waits until d is released, ctx or canceled ends, or the limit of d is
// reached.
func (h *hostBudget) wait(ctx context.Context, canceled <-chan struct{}, d *deferral) error {
	limit := time.NewTimer(time.Until(d.deadline))
	defer limit.Stop()
	err := ErrExhausted
	select {
	case <-d.released:
		err = nil
	case <-ctx.Done():
	case <-canceled:
		err = context.Canceled
	case <-limit.C:
	}
	// Of the events of one moment the end of the context counts: a retry that
	// will not be made must not keep its token from the others.
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.advance(time.Now())
	h.leave(d)
	h.update()
	return err
}
