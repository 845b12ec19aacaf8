package budget

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Record reports an attempt that ended. It is part of [Budget].
func (b *Tokens) Record(r Report) {
	if r.Result != Failure && b.Steady(r.Host) {
		return
	}
	h := b.lock(r.Host)
	defer h.mu.Unlock()
	h.record(r)
	h.settle()
}

// Steady says that a success to host changes nothing.
func (b *Tokens) Steady(host string) bool { return b.host(host).calm.Load() }

// Acquire requests one retry. It is part of [Budget]. A retry that is deferred
// when ctx ends, or at its limit, consumes nothing.
func (b *Tokens) Acquire(ctx context.Context, w Request) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	h := b.lock(w.Host)
	d, err := h.acquire(w)
	h.settle()
	h.mu.Unlock()
	if d == nil {
		return err
	}
	return h.wait(ctx, w.Cancel, d)
}

// HostState is what a [Tokens] reports of one host. More fields may be added.
type HostState struct {
	// Host is the access host.
	Host string
	// Tokens is how many retries it may make now, from 0 to the capacity: of the
	// action that may make the fewest.
	Tokens float64
	// Down reports that its last attempts all failed, whatever their actions.
	Open bool
	// Held is the number of retries that are deferred.
	Deferred int
	// Actions are those of its actions that had failures, in the order of their
	// names.
	Actions []ActionState
}

// ActionState is what a [Tokens] reports of one action of a host. More fields
// may be added.
type ActionState struct {
	// Action is the API action; "" for requests that have none.
	Action string
	// Tokens is how many retries it may make now, from 0 to the capacity.
	Tokens float64
	// Open reports that its retries are deferred: its circuit is open, or that of
	// its host and its last attempt failed.
	Open bool
	// Deferred is the number of its retries that are deferred.
	Deferred int
}

// States returns the state of every host, in the order of their names: for a debug
// page or a scrape. It locks the hosts one by one.
func (b *Tokens) States() []HostState {
	var hosts []HostState
	b.hosts.All(func(name string, h *hostBudget) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.advance(time.Now())
		hosts = append(hosts, h.report(name))
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
	// forgotten says that the budget holds another hostBudget for the host, or
	// none. Guarded by mu.
	forgotten bool
	// calm says that a success changes nothing. It may be read without mu: of
	// attempts that end at the same time none is the first.
	calm atomic.Bool
}

func (b *Tokens) host(host string) *hostBudget {
	return b.hosts.Get(host, func() (string, *hostBudget) { return strings.Clone(host), b.fresh() }, (*hostBudget).wanted)
}

// lock returns the state of host, locked, at the present time: it is read under the
// lock, so that it is no later when another goroutine gets the lock.
func (b *Tokens) lock(host string) *hostBudget {
	for {
		h := b.host(host)
		h.mu.Lock()
		if !h.forgotten {
			h.advance(time.Now())
			return h
		}
		h.mu.Unlock()
	}
}

func (b *Tokens) fresh() *hostBudget {
	return &hostBudget{hostTokens: hostTokens{rules: b.rules()}}
}

// wanted keeps hosts that defer retries: only they can release those.
func (h *hostBudget) wanted() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forgotten = h.deferred == 0
	return !h.forgotten
}

// settle ends every change: it releases what is due and runs the timer while
// retries are deferred, and only then. It requires that mu is held.
func (h *hostBudget) settle() {
	next := h.tick()
	h.calm.Store(h.hostTokens.calm())
	switch {
	case next.IsZero():
		if h.timer != nil {
			h.timer.Stop()
			h.timer = nil
		}
	case h.timer == nil:
		h.timer = time.AfterFunc(next.Sub(h.now), h.due)
	default:
		h.timer.Reset(next.Sub(h.now))
	}
}

// due is what the timer runs.
func (h *hostBudget) due() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.advance(time.Now())
	h.settle()
}

// wait waits until d is released, ctx or canceled ends, or the limit of d is
// reached.
func (h *hostBudget) wait(ctx context.Context, canceled <-chan struct{}, d *deferral) error {
	limit := time.NewTimer(time.Until(d.limit))
	defer limit.Stop()
	err := ErrExhausted
	select {
	case <-d.out:
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
	h.settle()
	return err
}
